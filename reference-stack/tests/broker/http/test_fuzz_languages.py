"""A text that is almost in a language of the standard is read or refused, wherever it stands: never a server error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..api import API
from ..query.query_oracle import QUERIES
from ..query.selection_oracle import GEO_QUERIES, NEAR_QUERIES, SCOPE_QUERIES, TYPE_QUERIES
from ..query.test_query_oracle import Stage, staged
from .fuzzing import assert_no_server_error

SLICE = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SOAK = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A broker with some Entities."""
    yield from staged([{"type": "Point", "coordinates": [1, 2]}])


def near_valid(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of a language with a piece cut out, doubled, or replaced."""

    def changed(text: str, at: int, length: int, piece: str) -> str:
        start = at % (len(text) + 1)
        return text[:start] + piece + text[start + length :]

    pieces = st.one_of(
        st.just(""), st.text(max_size=3), st.sampled_from([*'()[]{};|,"~=!<>.#+\\*', "..", "==", "\x00"])
    )
    return st.builds(changed, texts, st.integers(0, 200), st.integers(0, 3), pieces)


def texts_of(trees: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Near-valid texts of generated trees."""
    return near_valid(trees.map(lambda tree: str(tree.text)))


GEO = st.one_of(GEO_QUERIES, NEAR_QUERIES)
TIMES = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00,000000Z"]
PARAMETERS = {
    "q": texts_of(QUERIES),
    "scopeQ": texts_of(SCOPE_QUERIES),
    "type": texts_of(TYPE_QUERIES),
    "georel": near_valid(GEO.map(lambda tree: tree.georel)),
    "coordinates": near_valid(GEO.map(lambda tree: tree.coordinates)),
    "geometry": near_valid(st.sampled_from(["Point", "Polygon", "MultiPolygon", "LineString"])),
    "timerel": near_valid(st.sampled_from(["before", "after", "between"])),
    "timeAt": near_valid(st.sampled_from(TIMES)),
    "orderBy": near_valid(st.sampled_from(["speed;desc,name", "location;dist-asc", "address[city];asc,id"])),
    "pick": near_valid(st.sampled_from(["speed,id", "owner{name,owner{speed}}", "type|scope"])),
    "idPattern": near_valid(st.sampled_from(["^urn:(a|b)*[0-9]{1,3}$", ".*", "[[:alpha:]]+"])),
    "lang": near_valid(st.sampled_from(["en", "fr-CH,fr;q=0.9,*;q=0.5"])),
    "aggrPeriodDuration": near_valid(st.sampled_from(["PT1H", "P1DT2H", "P1Y", "PT0S"])),
    "limit": near_valid(st.sampled_from(["0", "20", "1000"])),
    "datasetId": near_valid(st.sampled_from(["urn:d:1,@none", "@none"])),
}
VALID = {
    "type": "Oracle",
    "georel": "within",
    "geometry": "Point",
    "coordinates": "[1,2]",
    "orderFrom": "[1,2]",
    "timerel": "after",
    "timeAt": "2026-01-01T00:00:00Z",
    "aggrMethods": "max,distinctCount",
}
_BOTH = {"q", "scopeQ", "type", "georel", "coordinates", "geometry", "pick", "idPattern", "lang", "limit", "datasetId"}
RESOURCES = {
    "/entities": {*_BOTH, "orderBy", "orderFrom"},
    "/temporal/entities": {*_BOTH, "timerel", "timeAt", "aggrPeriodDuration", "aggrMethods"},
}


def check_near_valid(stage: Stage, limits: settings) -> None:
    """Every answer is one; a Subscription with such a text is taken or refused, never an error of ours."""

    @limits
    @given(st.sampled_from(sorted(RESOURCES)), st.sampled_from(sorted(PARAMETERS)), st.data())
    def answers(resource: str, name: str, data: Any) -> None:
        text = data.draw(PARAMETERS[name])
        sent = {key: value for key, value in {**VALID, name: text}.items() if key in RESOURCES[resource]}
        if "aggrPeriodDuration" not in sent:
            sent.pop("aggrMethods", None)
        else:
            sent["format"] = "aggregatedValues"
        answer = stage.send("GET", resource, params=sent)
        assert_no_server_error(answer.status_code, answer.content, f"{resource} {sent}")
        subscription = {
            "type": "Subscription",
            "entities": [{"type": sent["type"], "idPattern": sent.get("idPattern", ".*")}],
            "notification": {"endpoint": {"uri": "http://127.0.0.1:9/"}},
            "geoQ": {key: sent[key] for key in ("georel", "geometry", "coordinates")},
            "isActive": False,
            **{key: sent[key] for key in ("q", "scopeQ", "lang") if key in sent},
        }
        answer = stage.send("POST", "/subscriptions", json=subscription)
        assert_no_server_error(answer.status_code, answer.content, f"{subscription}")
        if answer.status_code == 201:
            location = answer.headers["location"].removeprefix(API)
            assert stage.send("DELETE", location).status_code == 204

    answers()


def test_near_valid_texts_are_answered(stage: Stage) -> None:
    """A text that is almost in its language is read or refused."""
    check_near_valid(stage, SLICE)


@pytest.mark.soak
def test_near_valid_texts_are_answered_again_and_again(stage: Stage) -> None:
    """As above, many times."""
    check_near_valid(stage, SOAK)
