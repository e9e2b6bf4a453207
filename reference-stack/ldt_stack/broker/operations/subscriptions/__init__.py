"""Subscriptions to Entities and to Context Source Registrations (clauses 5.8, 5.11)."""
