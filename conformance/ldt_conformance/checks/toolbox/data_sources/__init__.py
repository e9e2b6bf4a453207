"""Checks of the Data Sources layer."""
