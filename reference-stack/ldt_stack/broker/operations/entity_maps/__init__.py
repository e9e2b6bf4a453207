"""EntityMaps (clause 5.14)."""
