"""The badge says its state in words, and is never better than its evidence."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ldt_conformance.badges.state import STATES, badge_text
from ldt_conformance.badges.svg import COLOURS
from ldt_conformance.engine.report import Report
from ldt_conformance.reports.interface import Format, render

from .sample import HOST, sample_report
from .xml_reading import parse_xml

SVG = "{http://www.w3.org/2000/svg}"


def _with(**rollup: Any) -> Report:
    report = sample_report(20)
    assert report.rollup is not None
    return report.model_copy(update={"rollup": report.rollup.model_copy(update=rollup)})


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_said_in_words_with_version_and_date(state: str) -> None:
    """Profile and suite version stand on the left; state and date on the right; the picture carries the same words."""
    report = _with(badge=state)
    root = parse_xml(render(report, Format.BADGE, digest="sha256:00"))
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert texts[0] == "EU LDT Toolbox (0.1.0)"
    assert texts[1].startswith(state)
    assert texts[1].endswith("2026-11-23")
    title = root.findtext(f"{SVG}title") or ""
    assert texts[1] in title
    assert root.findtext(f"{SVG}desc")
    labelled = root.attrib["aria-labelledby"].split()
    assert root.attrib["role"] == "img"
    assert {element.attrib.get("id") for element in root} >= set(labelled)


@pytest.mark.parametrize("state", ["verified", "verified, with findings"])
@pytest.mark.parametrize("lacking", [{"verdicts": {}}, {"verdicts": {"not-run": 9}}, {"enough_evidence": False}])
def test_no_badge_from_zero_passes(state: str, lacking: dict[str, Any]) -> None:
    """Without a pass, or with too little decided, a badge says unknown though the roll-up said verified."""
    text = badge_text(_with(badge=state, **lacking))
    assert text.state == "unknown"
    assert "verified" not in text.message
    assert "level" not in text.message


def test_partial_says_how_much() -> None:
    """A partial badge names how many of how many MUST requirements are in place, and the level."""
    report = _with(badge="partial", citcom_level=1, enough_evidence=True)
    assert report.rollup is not None
    in_place = sum(layer.in_place for layer in report.rollup.layers)
    applicable = sum(layer.in_place + layer.missing + layer.not_looked_at for layer in report.rollup.layers)
    assert badge_text(report).message == f"partial {in_place} of {applicable} · level 1 · 2026-11-23"


def test_an_unknown_state_of_a_newer_suite_is_unknown() -> None:
    """A state that this suite does not know is never shown as if it were one."""
    assert badge_text(_with(badge="<gold>")).state == "unknown"


def test_a_badge_names_no_host() -> None:
    """Whatever the endpoints are, the badge does not tell."""
    assert HOST not in render(_with(badge="partial"), Format.BADGE, digest="sha256:00")


def test_white_text_reads_on_every_colour() -> None:
    """Contrast of white on each state's colour is at least 4.5 to 1 (WCAG 2.1, 1.4.3)."""
    for state in STATES:
        channels = [int(COLOURS[state][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 4.5, state


@pytest.mark.parametrize("state", STATES)
def test_the_endpoint_has_only_keys_that_shields_knows(state: str) -> None:
    """schemaVersion 1, label, a message that is not empty, a hex colour; the service refuses unknown keys."""
    document = json.loads(render(_with(badge=state), Format.SHIELDS))
    assert set(document) == {"schemaVersion", "label", "message", "color", "isError", "cacheSeconds"}
    assert document["schemaVersion"] == 1
    assert document["message"]
    assert re.fullmatch(r"[0-9a-f]{6}", document["color"])
    assert document["cacheSeconds"] >= 300
    assert document["isError"] is (state in {"not verified", "degraded", "expired", "unknown"})
