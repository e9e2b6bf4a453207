"""Checks of the Knowledge layer."""
