"""Anything that the broker's own OpenAPI document allows, and what it does not: no server error, no hang, no traceback.

A slice runs in CI, `make soak` sends more than 100,000 requests (with those of test_fuzz_languages.py). Most are
refused at the first look; those of test_fuzz_mutated.py get further.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from .fuzzing import Fuzzed, assert_no_server_error, fuzzed_broker

SLICE = 6
SOAK = 1000
PARTS = 4
KNOWN_IDS = ["urn:ngsi-ld:Car:1", "urn:ngsi-ld:Subscription:1", "speed", "Car"]
KNOWN_VALUES = {
    "type": "Car",
    "q": "speed>1",
    "attrs": "speed",
    "pick": "speed,id,type",
    "omit": "speed",
    "georel": "near;maxDistance==100",
    "geometry": "Point",
    "coordinates": "[1,2]",
    "scopeQ": "/a/#",
    "orderBy": "speed;desc",
    "lang": "en",
    "idPattern": "urn.*",
    "aggrMethods": "max,avg",
    "aggrPeriodDuration": "PT1H",
    "datasetId": "urn:ngsi-ld:Data:1",
    "Link": '<urn:none>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"',
}


def limits(examples: int) -> settings:
    """No deadline, no health checks: what is slow to generate is not the broker's fault."""
    phases = [Phase.generate, Phase.shrink]
    return settings(
        max_examples=examples, deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck)
    )


def make_stage(fuzzed: Fuzzed) -> None:
    """An Entity and a Subscription, so that something can be found; an operation before may have deleted them."""
    entity = {
        "id": "urn:ngsi-ld:Car:1",
        "type": "Car",
        "scope": "/a/b",
        "speed": [
            {"value": 5, "observedAt": "2026-01-01T00:00:00Z"},
            {"value": 6, "datasetId": "urn:ngsi-ld:Data:1"},
        ],
        "name": {"languageMap": {"en": "car", "fr": "voiture"}},
        "location": {"type": "Point", "coordinates": [1, 2]},
        "isParked": {"object": "urn:ngsi-ld:Car:1"},
    }
    subscription = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Bus"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9/"}},
    }
    fuzzed.request("POST", "/entities", json=entity)
    fuzzed.request("POST", "/subscriptions", json=subscription)


def known(case: Any, names: list[str], identifier: str) -> Any:
    """The case with ids and parameters that mean something here, for some of what was generated."""
    if identifier:
        case.path_parameters = dict.fromkeys(case.path_parameters or {}, identifier)
    for place in (case.query, case.headers):
        for name in names:
            if place and name in place:
                place[name] = KNOWN_VALUES[name]
    return case


def cases(operation: Any) -> st.SearchStrategy[Any]:
    """Cases of an operation: as the document has it, against it, and with what exists."""
    anything = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    names = st.lists(st.sampled_from(sorted(KNOWN_VALUES)), unique=True, max_size=len(KNOWN_VALUES))
    return st.builds(known, anything, names, st.sampled_from([*KNOWN_IDS, ""]))


def send_all(directory: Path, examples: int, part: slice = slice(None)) -> int:
    """So many requests for each operation of a part; how many it were."""
    sent = 0
    with fuzzed_broker(directory) as fuzzed:
        schema = schemathesis.openapi.from_dict(fuzzed.client.get(f"{fuzzed.url}/openapi.json").json())
        for result in list(schema.get_all_operations())[part]:
            operation = result.ok()
            make_stage(fuzzed)

            @limits(examples)
            @given(cases(operation))
            def answers(case: Any) -> None:
                nonlocal sent
                answer = case.call(base_url=fuzzed.url, timeout=30)
                sent += 1
                assert_no_server_error(answer.status_code, answer.content, case.as_curl_command())

            answers()
    return sent


def test_every_operation_answers(tmp_path: Path) -> None:
    """A slice, for CI."""
    assert send_all(tmp_path, SLICE) > 40 * SLICE // 2


@pytest.mark.soak
@pytest.mark.parametrize("first", range(PARTS))
def test_every_operation_answers_again_and_again(tmp_path: Path, first: int) -> None:
    """As many as make a soak, a part of the operations each time."""
    assert send_all(tmp_path, SOAK, slice(first, None, PARTS)) > 40 // PARTS * SOAK // 2
