"""What a site file says of a requirement, before anything is asked."""

from __future__ import annotations

import pytest

from ldt_conformance.engine.site.declared import Declared, judge_declarations
from ldt_conformance.engine.site.model import Site

WHOLE = {"owner": "City", "format": "json", "licence": "CC-BY-4.0", "access": "open", "url": "https://example.org/data"}


def declared_sources(*sources: dict[str, object]) -> Declared:
    site = Site.model_validate({"site": {"name": "A city"}, "data_sources": list(sources)})
    return next(one for one in judge_declarations(site) if one.requirement == "LDT-DS-01")


@pytest.mark.parametrize("kind", ["file", "gis", "simulation", "historical"])
def test_a_source_that_does_not_tick_needs_no_interval(kind: str) -> None:
    assert declared_sources({**WHOLE, "name": "Streets", "kind": kind}).standing == "declared"


def test_a_sensor_without_interval_is_declared_in_part() -> None:
    found = declared_sources({**WHOLE, "name": "Streets", "kind": "gis"}, {**WHOLE, "name": "Air", "kind": "iot"})
    assert found.standing == "declared-partly"
    assert "interval seconds" in found.sentence


def test_a_sensor_with_interval_is_declared() -> None:
    assert declared_sources({**WHOLE, "name": "Air", "kind": "iot", "interval_seconds": 60}).standing == "declared"
