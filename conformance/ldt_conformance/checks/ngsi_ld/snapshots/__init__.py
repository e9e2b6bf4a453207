"""Checks of Snapshots (clause 5.16)."""
