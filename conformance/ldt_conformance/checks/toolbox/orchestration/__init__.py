"""Checks of the Orchestration layer."""
