"""Checks of the provision of Entities and Attributes (clause 5.6)."""
