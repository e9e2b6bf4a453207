"""A right broker passes, however it differs from ours where no clause says how it must be."""

from pathlib import Path
from typing import Any

import pytest

from .test_kills import SETUP_SECONDS, run_all
from .variants import HOLLOW, VARIANTS

pytestmark = pytest.mark.posix  # the brokers are forked processes

# What each difference could be mistaken in; the soak runs everything.
CONCERNED = {
    "shows-writes-late": [
        "batch-update/all",
        "create-entity/existing-id-untouched",
        "create-entity/properties",
        "delete-attribute/no-name",
        "delete-entity/gone",
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
        "transient/update-replaces",
    ],
    "redirects-slashes": [
        "create-entity/location-header",
        "purge/by-q",
        "purge/too-wide",
        "query-entities/by-type",
        "registration-create/echo",
        "registration-query/by-type",
        "registration-update/no-id",
        "subscription-create/echo",
        "update-attributes/others-stay",
    ],
    "encodes-locations": [
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
        "ld-context/default",
        "purge/drop",
        "registration-context/link-header",
        "registration-create/echo",
        "registration-query/type-and-attributes",
        "registration-retrieve/whole",
        "retrieve-entity/by-id",
        "retrieve-entity/whole",
        "temporal-retrieve/part-forwards",
        "temporal-retrieve/whole",
        "transient/instances",
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


@pytest.fixture(scope="module")
def concerned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each variant against the checks that it could mislead."""
    jobs = {**CONCERNED, **dict.fromkeys(HOLLOW, ABSENCE)}
    return run_all(tmp_path_factory.mktemp("variants"), jobs, SETUP_SECONDS)


def test_every_variant_has_checks_that_it_could_mislead():
    """The table names every variant."""
    assert set(CONCERNED) == set(VARIANTS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_right_broker_that_differs_passes(variant: str, concerned: dict[str, dict[str, Any]]):
    """Every check concerned passes, and so the run is verified."""
    verdicts = concerned[variant]["verdicts"]
    assert {check: verdicts[check] for check in CONCERNED[variant] if verdicts[check][0] != "pass"} == {}
    assert concerned[variant]["status"] == 0


@pytest.mark.timeout(600)
def test_absence_is_no_pass_where_nothing_is_ever_shown(concerned: dict[str, dict[str, Any]]):
    """A broker that accepts everything and shows nothing passes no check that something is gone."""
    verdicts = concerned["shows-nothing"]["verdicts"]
    assert [check for check in ABSENCE if verdicts[check][0] not in {"fail", "inconclusive"}] == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_check_fails_a_right_broker_that_differs(tmp_path: Path):
    """Over the whole pack no variant fails anything."""
    results = run_all(tmp_path, {name: [] for name in VARIANTS}, 1700)
    failed = {
        name: {check: row for check, row in result["verdicts"].items() if row[0] in {"fail", "harness-error"}}
        for name, result in results.items()
    }
    assert failed == {name: {} for name in VARIANTS}
