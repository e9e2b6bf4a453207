"""The Context Registry (clauses 5.9, 5.10)."""
