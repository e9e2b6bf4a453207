"""Checks of the Context Registry and of Subscriptions to it (clauses 5.9 to 5.11)."""
