"""The JSON of a shields.io endpoint badge (https://shields.io/badges/endpoint-badge), schema version 1."""

from __future__ import annotations

from ldt_conformance.badges.state import badge_text
from ldt_conformance.badges.svg import COLOURS
from ldt_conformance.engine.report import Report
from ldt_conformance.wording.text import json_text

CACHE_SECONDS = 3600
_BAD = {"not verified", "degraded", "expired", "unknown"}


def render_endpoint(report: Report) -> str:
    """Only keys that the service knows: it refuses others."""
    text = badge_text(report)
    document = {
        "schemaVersion": 1,
        "label": text.label,
        "message": text.message,
        "color": COLOURS[text.state].removeprefix("#"),
        "isError": text.state in _BAD,
        "cacheSeconds": CACHE_SECONDS,
    }
    return json_text(document)
