"""A Context Source that the run stands in for: what it holds, what it was asked, and what it answers.

It takes a request in whatever form clauses 4.3.6 and 6.3 leave a broker: by GET or as a Query, under any @context,
names short or whole, ids and types narrowed or not, page by page, with headers of any case. What is not about its
Entity it answers with nothing: a query of somebody else that is forwarded here, because it names neither type nor id,
is told nothing of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from ldt_conformance.clients import CORE_CONTEXT, JSON, LD_JSON, link_header
from ldt_conformance.comparators import JSONLD_CONTEXT, find_link, parse_links
from ldt_conformance.expectations import ERRORS
from ldt_conformance.receiver import Answer, Inbox, Received, Receiver

API_ROOT = "/ngsi-ld/v1"
QUERIES = ("entities", "entityOperations/query")
TEMPORAL_QUERIES = ("temporal/entities", "temporal/entityOperations/query")
ALTERNATIVES, CONJUNCTION = re.compile("[,|]"), re.compile("[;()]")  # of types, clause 4.17
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
CHANGEABLE = frozenset({"entities", "entityOperations", "temporal"})
NO_CONTENT = Answer(204)


@dataclass
class Source(Inbox):
    """A Context Source with one Entity, as the broker that it is registered at finds it.

    Whether the API begins at its URL or `/ngsi-ld/v1` further on is not said (CIM 009 5.2.9): both are answered.

    Attributes:
        entity: Normalized (or in temporal representation), its type one that only this run uses; names are short, and
            meant in the @context of the request.
        holds: Whether it has the Entity; one that has not answers what is written to it all the same.
    """

    entity: dict[str, Any] = field(default_factory=dict)
    holds: bool = True

    def retrievals(self) -> list[Received]:
        """The requests for its Entity so far, of its current state or its evolution."""
        return [request for request in self.received() if self._retrieves(request)]

    def queries(self) -> list[Received]:
        """The queries so far that would find its Entity, by type or id."""
        return [request for request in self.received() if self._finds(request)]

    def queries_for(self, entity_id: str, type_name: str) -> list[Received]:
        """The queries so far that, by their word, would find another Entity."""
        asked = [request for request in self.received() if _asks(self, request)]
        return [request for request in asked if selects(request, entity_id, type_name, alone=True)]

    def writes(self) -> list[Received]:
        """The requests so far that would change Entities or their evolutions."""
        return [request for request in self.received() if self.is_write(request)]

    def is_write(self, request: Received) -> bool:
        """Whether a request would change Entities or their evolutions."""
        found = resource(self, request).split("/", 1)[0]
        return request.method in CHANGING and found in CHANGEABLE and not _asks(self, request)

    def say(self, body: bytes, media_type: str) -> None:
        """From now on answer with this."""
        self.answer = Answer(200, body, media_type)

    def refuse(self, status: int, error_type: str) -> None:
        """From now on answer with this error (clause 5.5.3)."""
        problem = {"type": f"{ERRORS}{error_type}", "title": "refused", "detail": "as the check wants it"}
        self.answer = Answer(status, json.dumps(problem).encode(), JSON)

    def answer_to(self, request: Received) -> Answer:
        """The Entity, what a write is answered, or what `answer` says instead of either; else 404 or nothing found."""
        ours = self._retrieves(request) or self._finds(request) or self.is_write(request)
        if _asks(self, request) and not self._finds(request):
            return _page(request, [])
        if not ours:
            return Answer(404)
        if self.answer != Answer():
            return self.answer
        if self._retrieves(request):
            return _document(request, self.entity) if self.holds else Answer(404)
        if self._finds(request):
            return _page(request, [self.entity] if self.holds else [])
        return _written(self, request)

    def _retrieves(self, request: Received) -> bool:
        parts = resource(self, request).removeprefix("temporal/").split("/", 1)
        return request.method == "GET" and parts == ["entities", self.entity["id"]]

    def _finds(self, request: Received) -> bool:
        return _asks(self, request) and selects(request, self.entity["id"], self.entity["type"])


def context_source(receiver: Receiver, entity: dict[str, Any], *, holds: bool = True) -> Source:
    """A Context Source below a URL of its own."""
    return receiver.everything_below(
        lambda url, waits: Source(url=url, answer=Answer(), waits=waits, entity=entity, holds=holds)
    )


def resource(source: Inbox, request: Received) -> str:
    """What a request is about, below the root of the API, decoded, no slash at its end: `entities/urn:…/attrs`."""
    path = request.path.removeprefix(source.url[source.url.index("/", 8) :]).removeprefix(API_ROOT)
    return unquote(path).strip("/")


def means(name: str, own: str) -> bool:
    """Whether a received name is this one, which only this run uses: short or whole, in whatever vocabulary.

    A broker may have a default @context of its own (clause 5.5.5), so where the name is put is not known.
    """
    return re.split("[/:#]", name)[-1] == own


def selects(request: Received, entity_id: str, type_name: str, *, alone: bool = False) -> bool:
    """Whether a query names the type or the id of an Entity, and would find it.

    Of types in conjunction (clause 4.17) one may be added as a filter: with `alone` they are taken to find no Entity
    of one type, without it to find that of each.
    """
    return any(
        (ids or names)
        and (not ids or entity_id in ids)
        and (not names or any(_names(alternative, type_name, alone=alone) for alternative in names))
        for ids, names in _selectors(request)
    )


def _names(alternative: str, type_name: str, *, alone: bool) -> bool:
    parts = [part for part in CONJUNCTION.split(alternative) if part]
    return any(means(part, type_name) for part in parts) and (len(parts) == 1 or not alone)


def _selectors(request: Received) -> Iterator[tuple[set[str], set[str]]]:
    """Of each selector of a query the ids and the alternatives of types, as they were received; empty: any."""
    if request.method == "GET":
        members = parse_qs(request.query)
        yield _split(members.get("id")), _split(members.get("type"))
        return
    body = request.json()
    listed = body.get("entities") if isinstance(body, Mapping) else None
    for one in listed if isinstance(listed, list) else [listed]:
        if isinstance(one, Mapping):
            yield _split(one.get("id")), _split(one.get("type"))


def _split(value: Any) -> set[str]:
    listed = value if isinstance(value, list) else [value]
    return {name.strip() for one in listed if isinstance(one, str) for name in ALTERNATIVES.split(one) if name.strip()}


def _asks(source: Inbox, request: Received) -> bool:
    found = resource(source, request)
    method = "POST" if found.endswith("/query") else "GET"
    return request.method == method and found in QUERIES + TEMPORAL_QUERIES


def _written(source: Source, request: Received) -> Answer:
    """As if it had been done: 201 with a Location or the ids of a batch, or 204 (clauses 6.4 to 6.7, 6.14 to 6.17)."""
    found, body = resource(source, request), request.json()
    if request.method == "POST" and found in ("entities", "temporal/entities"):
        return Answer(201, headers={"Location": f"{API_ROOT}/{found}/{source.entity['id']}"})
    if found in ("entityOperations/create", "entityOperations/upsert"):
        ids = [one.get("id", one.get("@id")) for one in body or () if isinstance(one, dict)]
        return Answer(201, json.dumps(ids).encode(), JSON)
    if found.startswith(("entityOperations/", f"entities/{source.entity['id']}")):
        return NO_CONTENT
    return Answer(404)


def _page(request: Received, found: list[Any]) -> Answer:
    """A page of a list, and how many there are (6.3.10, 6.3.13)."""
    asked = {name: values[-1] for name, values in parse_qs(request.query).items()}
    start, limit = _number(asked.get("offset"), 0), _number(asked.get("limit"), len(found))
    answer = _document(request, found[start : start + limit])
    counted = {**answer.headers, "NGSILD-Results-Count": str(len(found))}
    return Answer(200, answer.body, answer.media_type, headers=counted)


def _number(value: str | None, default: int) -> int:
    return int(value) if value is not None and value.isdecimal() else default


def _document(request: Received, document: dict[str, Any] | list[Any]) -> Answer:
    """In the media type that is accepted, under the @context of the request or else the core (6.3.5, 6.3.6)."""
    ld_context = _context_of(request)
    if LD_JSON in request.headers.get("accept", LD_JSON).lower():
        named = [{**one, "@context": ld_context} for one in (document if isinstance(document, list) else [document])]
        body: Any = named if isinstance(document, list) else named[0]
        return Answer(200, json.dumps(body).encode(), LD_JSON)
    linked = link_header(ld_context if isinstance(ld_context, str) else CORE_CONTEXT)
    return Answer(200, json.dumps(document).encode(), JSON, headers=linked)


def _context_of(request: Received) -> Any:
    body = request.json() if request.media_type == LD_JSON else None
    if isinstance(body, Mapping) and body.get("@context"):
        return body["@context"]
    link = find_link(parse_links(request.headers.get_list("link")), JSONLD_CONTEXT)
    return CORE_CONTEXT if link is None else link.target
