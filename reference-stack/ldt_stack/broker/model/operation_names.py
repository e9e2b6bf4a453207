"""Names of operations and groups that a Context Source may offer: ETSI GS CIM 009 V1.9.1, clause 4.20."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

OPERATIONS: Final = frozenset(
    {
        "createEntity",
        "updateEntity",
        "appendAttrs",
        "updateAttrs",
        "deleteAttrs",
        "deleteEntity",
        "createBatch",
        "upsertBatch",
        "updateBatch",
        "deleteBatch",
        "upsertTemporal",
        "appendAttrsTemporal",
        "deleteAttrsTemporal",
        "updateAttrInstanceTemporal",
        "deleteAttrInstanceTemporal",
        "deleteTemporal",
        "mergeEntity",
        "replaceEntity",
        "replaceAttrs",
        "mergeBatch",
        "purgeEntity",
        "retrieveEntity",
        "queryEntity",
        "queryBatch",
        "retrieveTemporal",
        "queryTemporal",
        "retrieveEntityTypes",
        "retrieveEntityTypeDetails",
        "retrieveEntityTypeInfo",
        "retrieveAttrTypes",
        "retrieveAttrTypeDetails",
        "retrieveAttrTypeInfo",
        "createSubscription",
        "updateSubscription",
        "retrieveSubscription",
        "querySubscription",
        "deleteSubscription",
        "retrieveEntityMap",
        "updateEntityMap",
        "deleteEntityMap",
        "createEntityMapQueryEntity",
        "createEntityMapQueryTemporal",
        "retrieveContextSourceIdentity",
    }
)

_DISCOVERY: Final = frozenset(
    {
        "retrieveEntityTypes",
        "retrieveEntityTypeDetails",
        "retrieveEntityTypeInfo",
        "retrieveAttrTypes",
        "retrieveAttrTypeDetails",
        "retrieveAttrTypeInfo",
    }
)
_SUBSCRIPTION: Final = frozenset(
    {
        "createSubscription",
        "updateSubscription",
        "retrieveSubscription",
        "querySubscription",
        "deleteSubscription",
    }
)
_ENTITY_MAP: Final = frozenset(
    {"retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity"}
)
_IDENTITY: Final = frozenset({"retrieveContextSourceIdentity"})
_RETRIEVE: Final = frozenset({"retrieveEntity", "queryEntity"})
_UPDATE: Final = frozenset({"updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs"})

# Table 4.20-2.
GROUPS: Final[dict[str, frozenset[str]]] = {
    "federationOps": _RETRIEVE | {"queryBatch"} | _DISCOVERY | _SUBSCRIPTION | _ENTITY_MAP | _IDENTITY,
    "associationOps": _RETRIEVE | {"queryBatch"} | _DISCOVERY | _SUBSCRIPTION | _IDENTITY,
    "updateOps": _UPDATE,
    "retrieveOps": _RETRIEVE,
    "redirectionOps": _UPDATE
    | {"createEntity", "appendAttrs", "deleteAttrs", "deleteEntity", "mergeEntity", "purgeEntity"}
    | _RETRIEVE
    | _DISCOVERY
    | _ENTITY_MAP
    | _IDENTITY,
}
NAMES: Final = OPERATIONS | GROUPS.keys()
# All that an auxiliary registration may offer (5.9.2.4).
AUXILIARY_NAMES: Final = frozenset({"retrieveOps", "retrieveEntity", "queryEntity"})


def operations_of(names: Iterable[str] | None) -> frozenset[str]:
    """The operations behind names and groups; None is "federationOps" (4.20)."""
    if names is None:
        return GROUPS["federationOps"]
    found: set[str] = set()
    for name in names:
        found |= GROUPS.get(name, frozenset({name}))
    return frozenset(found)
