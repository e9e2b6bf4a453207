"""Spaces: what the store keeps apart. One for each tenant, and one for each Snapshot of a tenant.

ETSI GS CIM 009 V1.9.1, clauses 5.5.10 and 5.5.15. An operation on a Snapshot is the same operation in another space.
The name of a Snapshot's space has a blank, which the name of a tenant cannot have (6.3.14).
"""

from __future__ import annotations


def space_of(tenant: str | None, snapshot_id: str) -> str:
    """The space of a Snapshot; None is the default tenant."""
    return f"{tenant or ''} {snapshot_id}"


def split_space(space: str | None) -> tuple[str | None, str | None]:
    """Tenant and Snapshot of a space; the latter is None if it is a tenant's own."""
    if space is None or " " not in space:
        return space, None
    tenant, _, snapshot_id = space.partition(" ")
    return tenant or None, snapshot_id
