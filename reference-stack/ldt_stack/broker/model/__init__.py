"""Payload validation and the expanded form of Entities: clauses 4.5, 4.6, 5.2, 5.4, 5.5.4, 5.5.8, 5.5.12."""
