"""The reference Local Digital Twin: broker, object storage, forecaster, living city and map."""
