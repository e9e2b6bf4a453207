"""Checks of what is the same for all operations (clauses 5.5, 6.3)."""
