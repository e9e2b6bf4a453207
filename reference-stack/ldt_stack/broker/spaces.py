"""Spaces: what the store keeps apart. One for each tenant, and one for each Snapshot of a tenant.

ETSI GS CIM 009 V1.9.1, clauses 5.5.10 and 5.5.15. An operation on a Snapshot is the same operation in another space.
The name of a Snapshot's space has a blank, which the name of a tenant cannot have (6.3.14).
"""

from __future__ import annotations

from typing import Final

MAX_NAME_BYTES: Final = 230  # escaped; what belongs to a database's file name besides leaves no more
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")  # upper case is escaped: some file systems fold it


def space_of(tenant: str | None, snapshot_id: str) -> str:
    """The space of a Snapshot; None is the default tenant."""
    return f"{tenant or ''} {snapshot_id}"


def split_space(space: str | None) -> tuple[str | None, str | None]:
    """Tenant and Snapshot of a space; the latter is None if it is a tenant's own."""
    if space is None or " " not in space:
        return space, None
    tenant, _, snapshot_id = space.partition(" ")
    return tenant or None, snapshot_id


def escaped(space: str) -> str:
    """The name of a space as part of a file name; longer than `MAX_NAME_BYTES` it cannot be kept."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in space.encode())
