"""Which edition of NGSI-LD does a broker speak? The lowest one that its features prove, by read-only requests.

The API tells no version. Editions are recognised by what they introduced (CIM 009 V1.9.1 Annex I): hosted @contexts
with V1.5.1, the concise representation with V1.6.1, attribute projection by pick with V1.8.1. Brokers implement
features unevenly, so the estimate stops at the first one that is missing. Features of V1.9.1 (ordering, snapshots) need
writes or much data to be told from leniency, so the estimate ends at V1.8.1.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ldt_conformance.discovery.answers import Answer, Ask

ROOT = "/ngsi-ld/v1"
JSON = {"Accept": "application/json"}


def estimate(ask: Ask, entity_type: str | None = None) -> tuple[str, str]:
    """The lowest version that is proven, and by what.

    Args:
        ask: Sends a GET below the server root.
        entity_type: A type that has entities; without one only resources can be tried.

    Returns:
        Version (`1.3.1`, `1.5.1`, `1.6.1`, `1.8.1`) and a sentence of evidence.
    """
    if not _is_list(ask(f"{ROOT}/jsonldContexts", JSON)):
        return "1.3.1", "at least 1.3.1: types can be listed; hosted @contexts (1.5.1) are not offered"
    if entity_type is None:
        return "1.5.1", "at least 1.5.1: hosted @contexts are offered; there is no entity to try more with"
    query = f"{ROOT}/entities?type={quote(entity_type, safe='')}&limit=1"
    concise = ask(f"{query}&options=concise", JSON).json
    if concise == []:
        return "1.5.1", f"at least 1.5.1: hosted @contexts are offered; there is no {entity_type} to try more with"
    if not is_concise(concise):
        return "1.5.1", "at least 1.5.1: hosted @contexts are offered, the concise representation (1.6.1) is not"
    if not _is_projected(ask(f"{query}&pick=id,type", JSON).json):
        return "1.6.1", "at least 1.6.1: the concise representation is offered, pick (1.8.1) is not"
    return "1.8.1", "at least 1.8.1: pick is honoured"


def _is_list(answer: Answer) -> bool:
    return answer.status == 200 and isinstance(answer.json, list)


def _first(body: Any) -> dict[str, Any]:
    return body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else {}


def is_concise(body: Any) -> bool:
    """Whether the first entity is concise: no Property says its type (clause 4.5.0, concise representation)."""
    attributes = {
        name: value for name, value in _first(body).items() if name not in {"id", "type", "scope", "@context"}
    }
    shown = [value for value in attributes.values() if isinstance(value, dict)]
    return bool(shown) and not any(value.get("type") == "Property" for value in shown)


def _is_projected(body: Any) -> bool:
    entity = _first(body)
    return bool(entity) and set(entity) - {"@context"} == {"id", "type"}
