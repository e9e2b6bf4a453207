"""Checks of the Services layer."""
