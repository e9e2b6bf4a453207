"""Checks of the Visualization layer."""
