"""Checks of the Data Acquisition layer."""
