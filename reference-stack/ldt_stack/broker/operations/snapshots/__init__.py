"""Snapshots (clause 5.16)."""
