"""Checks of the Interoperability layer."""
