"""How the interface behaves, whatever its kind: filters, paging, errors, caching, news (LDT-IO-06 to -09, -13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ldt_conformance.checks.toolbox import ngsi_ld_trials as ld
from ldt_conformance.checks.toolbox import other_trials as other
from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.trials import Trial
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import JSON, Place, Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, warn

Maker = Callable[[Twin], Trial]
FILTERS: dict[str, tuple[tuple[str, Maker], ...]] = {
    "ngsi-ld": (("attribute", ld.by_attribute), ("place", ld.by_place), ("time", ld.by_time)),
    "ngsi-v2": (("attribute", other.v2_by_attribute), ("place", other.v2_by_place)),
    "ogc-features": (("attribute", other.ogc_by_attribute), ("place", other.ogc_by_place), ("time", other.ogc_by_time)),
    "sta": (("attribute", other.sta_by_attribute), ("time", other.sta_by_time)),
}
PAGES: dict[str, Maker] = {
    "ngsi-ld": ld.by_page,
    "ngsi-v2": other.v2_by_page,
    "ogc-features": other.ogc_by_page,
    "sta": other.sta_by_page,
}
KINDS = 3  # attribute, place, time
CONDITIONAL_TRIES = 4  # a living twin may change what is asked for between two requests


def _sampled_apis(twin: Twin) -> list[str]:
    """The APIs that gave data; inconclusive where none did, or only one whose queries nobody has standardised."""
    sample = take_sample(twin)
    apis = [api for api in FILTERS if sample.of(api)]
    if not apis:
        plain = sample.of("openapi")
        reason = Reason.REVIEW if plain else Reason.INSUFFICIENT_EVIDENCE
        said = (
            "an API of its own kind: its parameters have to be looked at by a person"
            if plain
            else "no data to try with"
        )
        inconclusive(reason, said, expected="data from NGSI-LD, NGSIv2, OGC API Features or SensorThings")
    return apis


@toolbox_check("interface/filters", "LDT-IO-06")
def test_filters(twin: Twin, run: RunContext) -> None:
    best: list[str] = []
    said: list[str] = []
    open_ = 0
    for api in _sampled_apis(twin):
        trials = {kind: make(twin) for kind, make in FILTERS[api]}
        working = [kind for kind, trial in trials.items() if trial.worked]
        said += [f"{api} by {kind}: {trial.observed}" for kind, trial in trials.items() if not trial.worked]
        open_ += sum(trial.worked is None for trial in trials.values())
        best = max(best, working, key=len)
    run.measure("filters_working", len(best))
    expected = "filters by attribute, place and time"
    if len(best) == KINDS:
        return
    if len(best) + open_ >= KINDS or (not best and open_):
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE, f"{len(best)} of {KINDS} shown to work; {listed(said, 3)}", expected=expected
        )
    if best:
        warn(Reason.PARTIAL, expected, f"{len(best)} of {KINDS}: {', '.join(best)}; {listed(said, 3)}")
    fail(expected, listed(said, 3))


@toolbox_check("interface/paging", "LDT-IO-07")
def test_paging(twin: Twin, run: RunContext) -> None:
    trials = {api: PAGES[api](twin) for api in _sampled_apis(twin)}
    broken = {api: trial for api, trial in trials.items() if trial.worked is False}
    for api, trial in broken.items():
        fail(trial.expected, f"{api}: {trial.observed}")
    worked = [f"{api}: {trial.observed}" for api, trial in trials.items() if trial.worked]
    if not worked:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, listed([trial.observed for trial in trials.values()]))
    run.note(listed(worked))


@toolbox_check("interface/errors", "LDT-IO-08")
def test_errors(twin: Twin, run: RunContext) -> None:
    asked = {
        "ngsi-ld": ("/entities/urn:ngsi-ld:LdtCheck:none", "/entities?type=LdtCheckNone&limit=-1"),
        "ngsi-v2": ("/entities/urn:ngsi-ld:LdtCheck:none", "/entities?limit=-1"),
        "ogc-features": ("/collections/ldt-check-none", None),
        "sta": ("/Things(999999999)", "/Things?$top=-1"),
    }
    places = [place for place in twin.places(*asked) if place.role != "history"]
    if not places:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE, "no API whose error answers are standardised", expected="such an API"
        )
    faults: list[str] = []
    unstructured: list[str] = []
    for place in places:
        unknown, bad = asked[place.finding.api]
        bad = bad or _bad_feature_request(twin)
        for wanted, path in ((404, unknown), (400, bad)):
            if path is not None:
                fault, loose = _judge_error(place, path, wanted)
                faults += fault
                unstructured += loose
    expected = "404 for what is not there and 400 for a bad parameter, with a JSON body that has type and title"
    if faults:
        fail(expected, listed(faults, 4))
    if unstructured:
        warn(Reason.PARTIAL, expected, listed(unstructured, 4))
    run.note(f"{len(places)} API(s)")


def _bad_feature_request(twin: Twin) -> str | None:
    batch = next(iter(take_sample(twin).of("ogc-features")), None)
    return f"/collections/{batch.name}/items?bbox=not,a,box" if batch else None


def _judge_error(place: Place, path: str, wanted: int) -> tuple[list[str], list[str]]:
    """What is wrong with an error answer: by status or body at all, and by the members of the body."""
    response = place.get(path, headers=JSON)
    where = f"{place.finding.api}: GET {path}"
    if response.status != wanted:
        return [f"{where} answered {response.status}, expected {wanted}"], []
    body = _body(response)
    if not isinstance(body, dict) or not body:
        return [f"{where}: {response.status} without a JSON object"], []
    if not ({"type", "title"} <= set(body)):
        return [], [f"{where}: the body has {', '.join(sorted(body))}, no type and title (RFC 9457)"]
    return [], []


def _body(response: Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


@toolbox_check("interface/caching", "LDT-IO-09")
def test_caching(twin: Twin, run: RunContext) -> None:
    worked, said = _conditional(twin)
    if not worked:
        fail("ETag or Last-Modified, and 304 to a conditional GET", said)
    run.note(said)


def _conditional(twin: Twin) -> tuple[bool, str]:
    """Whether one sampled resource can be asked for conditionally."""
    return twin.once("conditional get", lambda: _ask_conditionally(twin))


def _ask_conditionally(twin: Twin) -> tuple[bool, str]:
    batch = next((batch for batch in take_sample(twin).batches if batch.items and batch.place and batch.response), None)
    if batch is None or batch.place is None or batch.response is None:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no data to ask for again", expected="a resource with data")
    seen = batch.response
    for _ in range(CONDITIONAL_TRIES):
        conditions = _conditions(seen)
        if not conditions:
            return False, f"{batch.type}: neither ETag nor Last-Modified"
        again = batch.place.client.request("GET", batch.response.url, headers=JSON | conditions)
        if again.status != 200 or again.content == seen.content:
            break
        seen = again  # it changed in between: 200 was right
    else:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE,
            f"{batch.type} changed before each of {CONDITIONAL_TRIES} conditional requests",
            expected="304 for what has not changed",
        )
    return again.status == 304, f"{batch.type}: {' and '.join(conditions)} answered {again.status}"


def _conditions(response: Response) -> dict[str, str]:
    """What to send with the next request for the same resource (RFC 9110, 13.1)."""
    seen = response.headers
    found = {"If-None-Match": seen.get("etag"), "If-Modified-Since": seen.get("last-modified")}
    return {name: value for name, value in found.items() if value}


@toolbox_check("interface/news", "LDT-IO-13")
def test_news(twin: Twin, run: RunContext) -> None:
    tried = []
    for place in [place for place in twin.places("ngsi-ld", "ngsi-v2") if not place.finding.partial]:
        response = place.get("/subscriptions", params={"limit": 1}, headers=JSON)
        if response.status in {200, 401, 403} and (response.status != 200 or isinstance(_body(response), list)):
            run.note(f"{place.finding.api}: the subscription API answers {response.status}")
            return
        tried.append(f"{place.finding.api}: /subscriptions answered {response.status}")
    described = [source.name for source in twin.site.data_sources or () if source.asyncapi]
    if described:
        run.note(f"an AsyncAPI document is declared for {listed(described)}")
        return
    worked, said = _conditional(twin)
    if not worked:
        fail("subscriptions, a described push channel, or at least conditional GET", listed([*tried, said]))
    run.note(said)
