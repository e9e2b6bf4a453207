"""Current state, history and storage (LDT-DA-01, -02, -03, -07)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.toolbox import ngsi_ld_trials, other_trials
from ldt_conformance.checks.toolbox.declared import toolbox_check
from ldt_conformance.checks.toolbox.times import instant
from ldt_conformance.checks.toolbox.trials import Trial, judge
from ldt_conformance.clients.reading import NOT_ATTRIBUTES, times_of
from ldt_conformance.clients.sample import sample_with_items
from ldt_conformance.clients.twin import JSON, Place, Twin
from ldt_conformance.engine.declare import Clause
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, not_applicable

LAST = 5
NOT_OFFERED = frozenset({404, 405, 422, 501})


@toolbox_check("acquisition/current-state", "LDT-DA-01")
def test_current_state(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    live = [batch for batch in sample.batches if batch.items and batch.api != "file"]
    if not live:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"only files: {sample.source()}", expected="an API that gives data")
    moments = [
        moment for batch in live for item in batch.items for _, value in times_of(item) if (moment := instant(value))
    ]
    past = [moment for moment in moments if moment <= datetime.now(UTC)]
    if past:
        run.measure("newest_age_seconds", (datetime.now(UTC) - max(past)).total_seconds())
    run.note(sample.source())


def temporal_places(twin: Twin) -> list[Place]:
    """Where the NGSI-LD temporal API answers; asked once a place."""
    return twin.once("temporal places", lambda: [place for place in _ordered(twin) if _offers_temporal(twin, place)])


def _ordered(twin: Twin) -> list[Place]:
    return sorted(twin.places("ngsi-ld"), key=lambda place: place.role != "history")


def _offers_temporal(twin: Twin, place: Place) -> bool:
    window = {"timerel": "before", "timeAt": "2000-01-01T00:00:00Z", "limit": 1}
    batch = next(iter(ngsi_ld_trials.batches_of(twin)), None)
    params = {"type": batch.name if batch else "LdtCheckNone"} | window
    response = place.get("/temporal/entities", params=params, headers=JSON | twin.context_headers())
    return response.status not in NOT_OFFERED and response.status < 500


def _history_trial(twin: Twin) -> Trial | None:
    """The trial of the history that there is; None where none is offered."""
    if temporal_places(twin):
        return ngsi_ld_trials.by_time(twin)
    return other_trials.sta_by_time(twin) if twin.places("sta") else None


@toolbox_check("acquisition/history", "LDT-DA-02")
def test_history(twin: Twin, run: RunContext) -> None:
    trial = _history_trial(twin)
    if trial is None:
        if "history" in twin.site.endpoints or "temporal" in twin.site.claims.capabilities:
            expected = "values of a time window from the declared history"
            if blocked := twin.blocked():
                inconclusive(Reason.UNREACHABLE, "; ".join(blocked), expected=expected)
            fail(expected, "no temporal API was found")
        not_applicable(Reason.UNCLAIMED, "no history is declared, and no API that was found offers one")
    judge(trial, run)


@toolbox_check(
    "acquisition/one-evolution",
    "LDT-DA-03",
    clause=[Clause("CIM 009", "1.9.1", "5.7.3"), Clause("CIM 009", "1.9.1", "6.3.10")],
)
def test_one_evolution(twin: Twin, run: RunContext) -> None:
    places = temporal_places(twin)
    if not places:
        not_applicable(Reason.UNCLAIMED, "no NGSI-LD temporal API was found")
    observed = [
        item
        for batch in ngsi_ld_trials.batches_of(twin)
        for item in batch.items
        if any("observedAt" in value.times for value in item.values)
    ]
    if not observed:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no entity with observedAt", expected="an entity with a history")
    path = f"/temporal/entities/{quote(str(observed[0].id), safe='')}"
    response = places[0].get(
        path, params={"lastN": LAST, "options": "temporalValues"}, headers=JSON | twin.context_headers()
    )
    found = _object(response)
    if response.status not in {200, 206} or not found:
        fail("200 or 206 with the temporal evolution", f"{response.status} {response.text[:100]}")
    counts = {name: len(values) for name, value in found.items() if (values := _values(name, value)) is not None}
    if not counts or not any(counts.values()):
        fail("attributes with values and times", f"none for {observed[0].id}")
    too_many = {name: count for name, count in counts.items() if count > LAST}
    if too_many:
        fail(f"at most {LAST} instances an attribute", str(too_many))
    if response.status == 206 and "content-range" not in response.headers:
        fail("Content-Range with a 206", "none")
    run.note(f"{observed[0].id}: {max(counts.values())} instances")


def _object(response: Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _values(name: str, value: Any) -> list[Any] | None:
    """The pairs of value and time of an attribute in simplified temporal form (4.5.9)."""
    if isinstance(value, list):  # one entry a datasetId
        return max((found for entry in value if (found := _values(name, entry)) is not None), key=len, default=None)
    if name in NOT_ATTRIBUTES or not isinstance(value, dict):
        return None
    found = value.get("values", value.get("objects"))
    return found if isinstance(found, list) else None


@toolbox_check("acquisition/object-storage", "LDT-DA-07")
def test_object_storage(twin: Twin, run: RunContext) -> None:
    place = twin.place("s3")
    endpoint = twin.target.endpoint(place.role)
    bucket = endpoint.bucket if endpoint else None
    if not bucket:
        inconclusive(Reason.NOT_DECLARED, f"endpoints.{place.role} names no bucket", expected="a bucket to list")
    listing = place.get(f"/{bucket}", params={"list-type": 2, "max-keys": 5})
    if listing.status != 200 or "ListBucketResult" not in listing.text:
        fail("200 with ListBucketResult", f"{listing.status} {listing.text[:100]}")
    key = re.search(r"<Contents>.*?<Key>([^<]+)</Key>", listing.text, re.DOTALL)
    if key:
        part = place.get(f"/{bucket}/{quote(key[1])}", headers={"Range": "bytes=0-3"})
        if part.status != 206:
            fail("206 to a request for the first bytes", f"{part.status} for {key[1]}")
    else:
        run.note("the bucket is empty, so no part of an object was asked for")
    if place.client.authenticated:
        anonymous = place.get(f"/{bucket}", params={"list-type": 2, "max-keys": 1}, auth=False)
        if anonymous.status == 200:
            fail("403 to an anonymous listing", "200: everybody can list the bucket")
