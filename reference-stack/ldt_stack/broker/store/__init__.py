"""Persistence: the contract (`interface`) and its implementations."""
