"""One Entity out of what several sources say of it: ETSI GS CIM 009 V1.9.1, clauses 4.5.5.2, 4.5.5.3 and 5.7.1.4. Pure.

What the clause calls random ("the NGSI-LD system shall choose the Attribute instance at random") is here the first one,
so that the same sources give the same answer: the broker's own data, then Registrations in the order of their creation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ldt_stack.broker.federation.received import alive
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key


def merge_entities(versions: Sequence[JsonObject], auxiliary: Sequence[JsonObject], now: str) -> JsonObject | None:
    """One Entity out of its versions.

    Args:
        versions: Expanded versions of the same Entity, the broker's own first if it has one. Not modified.
        auxiliary: Versions of auxiliary sources: of these, only Attributes that no other has are taken (5.7.1.4).
        now: The present instant: what has expired is left out.

    Returns:
        A new Entity; None if no version is left.
    """
    living = _living(versions, versions, now)
    helping = _living(auxiliary, [*versions, *auxiliary], now)
    if not living and not helping:
        return None
    merged = _members(living or helping)
    _set_expiry(merged, living or helping)
    attributes = _attributes(living, now)
    for name, instances in _attributes(helping, now).items():
        attributes.setdefault(name, instances)
    merged.update(attributes)
    return merged


def _living(versions: Sequence[JsonObject], beside: Sequence[JsonObject], now: str) -> list[JsonObject]:
    """Those that have not expired; their Attributes know when they will, where others beside them never do."""
    keep = alive if _only_sometimes_transient(beside) else _unexpired
    return [one for one in (keep(version, now) for version in versions) if one is not None]


def _unexpired(entity: JsonObject, now: str) -> JsonObject | None:
    expires_at = normalize(entity.get("expiresAt"))
    return None if expires_at is not None and expires_at <= now else entity


def _only_sometimes_transient(versions: Sequence[JsonObject]) -> bool:
    """4.5.5.2: "if … this expiresAt is not duplicated across all versions of the Entity"."""
    return len({normalize(version.get("expiresAt")) for version in versions}) > 1


def _members(versions: Sequence[JsonObject]) -> JsonObject:
    """All Entity Types and Scopes; the earliest createdAt and the latest modifiedAt."""
    merged: JsonObject = {"id": versions[0]["id"], "type": _union(version["type"] for version in versions)}
    scopes = _union(version.get("scope", ()) for version in versions)
    if scopes:
        merged["scope"] = scopes
    for member, choose in (("createdAt", min), ("modifiedAt", max)):
        instants = [version[member] for version in versions if member in version]
        if instants:
            merged[member] = choose(instants)
    return merged


def _union(lists: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(item for one in lists for item in one))


def _set_expiry(merged: JsonObject, versions: Sequence[JsonObject]) -> None:
    """4.5.5.3: none if it is "missing from at least one version", else the one "furthest in the future"."""
    instants = [version.get("expiresAt") for version in versions]
    if all(instant is not None for instant in instants):
        merged["expiresAt"] = max(instants, key=lambda text: normalize(text) or "")


def _attributes(versions: Sequence[JsonObject], now: str) -> dict[str, list[JsonObject]]:
    found: dict[str, dict[str | None, JsonObject]] = {}
    for version in versions:
        for name, instances in version.items():
            if is_attribute_key(name):
                known = found.setdefault(name, {})
                for instance in instances:
                    _take(known, instance, now)
    return {name: list(instances.values()) for name, instances in found.items() if instances}


def _take(known: dict[str | None, JsonObject], instance: JsonObject, now: str) -> None:
    """4.5.5.3: of two instances with the same datasetId, the more recent one; none that has expired."""
    expires_at = normalize(instance.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        return
    dataset_id = instance.get("datasetId")
    before = known.get(dataset_id)
    if before is None or _recency(instance) > _recency(before):
        known[dataset_id] = instance


def _recency(instance: JsonObject) -> tuple[str, str]:
    """By "the most recent observedAt DateTime, if present, and otherwise … the most recent modifiedAt DateTime"."""
    return normalize(instance.get("observedAt")) or "", normalize(instance.get("modifiedAt")) or ""
