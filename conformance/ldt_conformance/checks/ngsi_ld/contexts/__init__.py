"""Checks of @contexts (clauses 5.5.5 to 5.5.7, 5.13)."""
