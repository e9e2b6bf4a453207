"""Provision of Entities and Attributes, alone and in batches (clauses 5.6.1 to 5.6.10, 5.6.17 to 5.6.21)."""
