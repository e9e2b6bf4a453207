"""Checks of the consumption of Entities, types and Attributes (clause 5.7)."""
