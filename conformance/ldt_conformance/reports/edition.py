"""The public edition: the same report without bodies, without hosts, without anything that the twin answered.

What stays: verdicts, reasons, clauses, counts, the site's name and its own answers. What goes: `observed` texts, `curl`
commands, exchanges, the inventory, error messages of load runs. In what stays, every host that the report knows, and
whatever else looks like a URL, an IP address or a host name of the twin, is replaced by `(host)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ldt_conformance.engine.report import Report

HOST = "(host)"
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#'\"<>)\]]+")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\d.])")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*\](?::\d{1,5})?")
_KEPT_HOSTS = {
    "uri.etsi.org",
    "ldt-harness.eu",
    "www.w3.org",
    "purl.org",
    "smartdatamodels.org",
    "w3id.org",
}  # vocabularies


def public_edition(report: Report) -> Report:
    """What may be published of a report; pure.

    The result is a report like any other and is rendered by the same code. It does not name its origin by itself: the
    renderers print the digest of the full report beside it.
    """
    hosts = known_hosts(report)
    target = report.target.model_copy(update={"endpoints": {}})
    reduced = report.model_copy(
        update={
            "target": target,
            "inventory": {},
            "load": [_load(summary) for summary in report.load],
            "results": [
                result.model_copy(update={"observed": "", "curl": None, "exchanges": [], "note": None})
                for result in report.results
            ],
        }
    )
    cleaned = _without_hosts(reduced.model_dump(mode="json", by_alias=True), hosts)
    return Report.model_validate(cleaned)


def known_hosts(report: Report) -> set[str]:
    """Host names and addresses of the endpoints, with and without their ports, longest first when sorted by length."""
    found: set[str] = set()
    for place in report.target.endpoints.values():
        try:
            parts = urlsplit(place if "://" in place else f"//{place}")
            found |= {host for host in (parts.hostname, parts.netloc.rpartition("@")[2]) if host}
        except ValueError:  # no URL at all, e.g. a file with a bracket in its name: nothing to hide in it
            continue
    return found - {"localhost"}


def _load(summary: Mapping[str, Any]) -> dict[str, Any]:
    errors = summary.get("errors", [])
    kept = [
        {key: error[key] for key in ("operation", "kind", "count") if key in error}
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    return {**summary, "errors": kept}


def _without_hosts(value: Any, hosts: set[str]) -> Any:
    if isinstance(value, str):
        return scrub(value, hosts)
    if isinstance(value, list):
        return [_without_hosts(item, hosts) for item in value]
    if isinstance(value, dict):
        return {scrub(str(key), hosts): _without_hosts(item, hosts) for key, item in value.items()}
    return value


def scrub(text: str, hosts: set[str]) -> str:
    """The text with every host replaced by `(host)`; those of public vocabularies stay."""
    text = _URL.sub(_replaced, text)
    text = _IPV6.sub(HOST, _IPV4.sub(HOST, text))
    for host in sorted(hosts, key=lambda name: (-len(name), name)):
        text = re.sub(rf"(?i)(?<![\w.-]){re.escape(host)}(?![\w-])", HOST, text)
    return text


def _replaced(match: re.Match[str]) -> str:
    scheme, _, authority = match.group(0).partition("://")
    return match.group(0) if authority.lower() in _KEPT_HOSTS else f"{scheme}://{HOST}"
