"""Which checks each broker is run against in CI: the soak runs them all against each."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from .every import MUTANTS
from .variants import HOLLOW

HERE = Path(__file__).parent
GROUPS = ("", "answers_", "attributes_", "distribution_", "expiry_", "purges_", "registry_")
REVIEWED: dict[str, Any] = {
    mutant: entry
    for group in GROUPS
    for mutant, entry in yaml.safe_load((HERE / f"{group}kills.yaml").read_text(encoding="utf-8")).items()
}
CONTROLS: list[str] = REVIEWED.pop("controls")

# What each difference of a right broker could be mistaken in; the soak runs everything.
CONCERNED: dict[str, list[str]] = {
    "shows-writes-late": [
        "batch-update/all",
        "create-entity/existing-id-untouched",
        "create-entity/properties",
        "delete-attribute/no-name",
        "delete-entity/gone",
        "distributed-batch/create",
        "distributed-create/exclusive",
        "distributed-query/merged",
        "distributed-query/other-operations",
        "distributed-retrieval/from-source",
        "distributed-retrieval/merged",
        "distributed-write/loop",
        "notification/watched-attributes",
        "entity-maps/retrieve",
        "purge/by-type",
        "query-entities/by-type-exact",
        "query-entities/linked-q-needs-join",
        "query-entities/updated-value",
        "registration-create/echo",
        "registration-create/expires",
        "registration-notification/subscription-updated-both",
        "registration-query/by-type",
        "registration-subscription-query/contains",
        "registration-update/members",
        "snapshots-purged/by-id",
        "snapshots-used/change-stays-inside",
        "source-identity/members",
        "transient/update-replaces",
    ],
    "redirects-slashes": [
        "create-entity/location-header",
        "purge/by-q",
        "query-entities/by-type",
        "registration-create/echo",
        "registration-query/by-type",
        "registration-update/no-id",
        "subscription-create/echo",
        "update-attributes/others-stay",
    ],
    "encodes-locations": [
        "contexts/add",
        "contexts/delete",
        "contexts/serve",
        "create-entity/location-header",
        "subscription-create/echo",
        "subscription-create/generated-id",
        "registration-create/generated-id",
        "registration-subscription-create/generated-id",
        "temporal-create/new",
    ],
    "other-forms": [
        "create-entity/properties",
        "create-entity/multi-attribute",
        "discovery/attribute",
        "discovery/attributes-details",
        "discovery/types",
        "discovery/types-details",
        "discovery/types-new",
        "discovery/types-terms",
        "distributed-create/redirect",
        "distributed-query/merged",
        "distributed-query/pages",
        "distributed-retrieval/merged",
        "distributed-temporal/query",
        "ld-context/default",
        "purge/drop",
        "registration-context/link-header",
        "registration-create/echo",
        "registration-query/type-and-attributes",
        "registration-retrieve/whole",
        "retrieve-entity/by-id",
        "retrieve-entity/whole",
        "source-identity/members",
        "temporal-retrieve/part-forwards",
        "temporal-retrieve/whole",
        "transient/instances",
    ],
    "asks-otherwise": [
        "distributed-attribute/delete",
        "distributed-attribute/partial-update",
        "distributed-batch/create",
        "distributed-batch/create-singly",
        "distributed-create/exclusive",
        "distributed-create/exclusive-first",
        "distributed-create/redirect",
        "distributed-create/source-context",
        "distributed-delete/inclusive",
        "distributed-merge/exclusive",
        "distributed-query/from-source",
        "distributed-query/local-scope",
        "distributed-query/merged",
        "distributed-query/narrowed",
        "distributed-query/pages",
        "distributed-query/source-info",
        "distributed-query/split",
        "distributed-retrieval/loop",
        "distributed-retrieval/merged",
        "distributed-retrieval/via",
        "distributed-temporal/create",
        "distributed-temporal/query",
        "distributed-temporal/retrieve",
        "distributed-update/exclusive",
        "distributed-write/via",
    ],
    "all-or-nothing": [
        "distributed-append/not-offered",
        "distributed-create/exclusive",
        "distributed-create/not-offered",
        "distributed-write/loop",
    ],
    "short-pages": [
        "registration-query/last-page",
        "registration-query/type-and-attributes",
        "registration-subscription-query/contains",
        "registration-subscription-query/last-page",
        "registration-subscription-query/limit",
        "registration-subscription-query/pages",
        "subscription-query/contains",
        "subscription-query/paging",
    ],
}


# Checks that something is not there (any more): each proves first that it was, or would have been.
ABSENCE = [
    "batch-delete/all",
    "delete-attribute/scope",
    "delete-attribute/spaces",
    "delete-entity/gone",
    "distributed-create/not-offered",
    "distributed-create/redirect",
    "distributed-delete/inclusive",
    "distributed-query/local-scope",
    "distributed-query/other-operations",
    "distributed-write/loop-exclusive",
    "geoquery/contains-polygon-not",
    "merge-entity/null-dataset-id",
    "merge-entity/null-deletes",
    "purge/by-type",
    "purge/drop",
    "query-language/and-none",
    "query-language/relationship-none",
    "registration-create/expires",
    "registration-create/lasts",
    "registration-delete/gone",
    "registration-subscription-delete/gone",
    "registration-update/null-expires-at",
    "retrieve-entity/join-loop",
    "snapshots-purged/by-id",
    "snapshots-used/deletion-stays-inside",
    "snapshots-used/knows-nothing-later",
    "subscription-delete/gone",
    "temporal-delete-attribute/all-instances",
    "temporal-delete/gone",
    "temporal-retrieve/unknown-attrs",
    "transient/replace-entity",
    "update-attributes/null-deletes",
]


def chosen(names: Collection[str]) -> dict[str, list[str]]:
    """Name of a mutant or variant -> ids of checks; first those that take longest.

    Variants wait, and so does each check that misses a notification.
    """
    mutants = {name: sorted({*REVIEWED[name]["kills"], *CONTROLS}) for name in MUTANTS}
    patient = sorted(mutants, key=lambda name: -sum("notif" in check for check in mutants[name]))
    everything = CONCERNED | dict.fromkeys(HOLLOW, ABSENCE) | {name: mutants[name] for name in patient}
    return {name: checks for name, checks in everything.items() if name in names}
