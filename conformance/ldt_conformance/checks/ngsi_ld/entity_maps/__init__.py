"""Checks of EntityMaps (clause 5.14)."""
