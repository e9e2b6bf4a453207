"""Consumption of Entities, types and Attributes (clause 5.7, without the temporal ones)."""
