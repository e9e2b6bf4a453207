"""Queries over Entities and discovery of types and Attributes (5.7.2, 5.7.5 to 5.7.10)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.interface import EntityQuery, EntitySelector, Page
from ldt_stack.broker.store.sqlite.session import Session

_NOT_EXPIRED = "(entities.expires_at IS NULL OR entities.expires_at > ?)"


def iterate_entities(session: Session, query: EntityQuery) -> Iterator[JsonObject]:
    """See `Snapshot.iterate_entities`: by id."""
    matches = _selection(query)
    for (body,) in session.execute(
        f"SELECT body FROM entities WHERE {_NOT_EXPIRED} ORDER BY id",  # noqa: S608 — own constant
        (session.now(),),
    ):
        entity: JsonObject = orjson.loads(body)
        if matches(entity):
            yield entity


def query_entities(session: Session, query: EntityQuery) -> Page:
    """See `Snapshot.query_entities`."""
    found: list[JsonObject] = []
    seen = 0
    for entity in iterate_entities(session, query):
        seen += 1
        if query.offset < seen <= query.offset + query.limit:
            found.append(entity)
        elif seen > query.offset + query.limit and not query.count:
            break
    return Page(found, more=seen > query.offset + query.limit, count=seen if query.count else None)


class _selection:  # noqa: N801 — used as a function that is prepared once
    """Evaluates a query in memory."""

    def __init__(self, query: EntityQuery) -> None:
        self._query = query
        self._selectors = [(selector, _pattern(selector)) for selector in query.selectors]

    def __call__(self, entity: JsonObject) -> bool:
        if self._selectors and not any(_selects(s, pattern, entity) for s, pattern in self._selectors):
            return False
        if self._query.attributes and not any(name in entity for name in self._query.attributes):
            return False
        return all(condition.matches(entity) for condition in self._query.conditions)


def _pattern(selector: EntitySelector) -> re.Pattern[str] | None:
    if selector.id_pattern is None:
        return None
    try:
        return re.compile(selector.id_pattern)
    except re.error as error:
        raise BadRequestData(f'idPattern "{selector.id_pattern}" is no regular expression: {error}') from None


def _selects(selector: EntitySelector, pattern: re.Pattern[str] | None, entity: JsonObject) -> bool:
    return (
        (not selector.ids or entity["id"] in selector.ids)
        and (pattern is None or pattern.search(entity["id"]) is not None)
        and (selector.types is None or selector.types.matches(entity))
    )


def count_types(session: Session) -> dict[str, int]:
    """See `Snapshot.count_types`."""
    rows = session.execute(
        "SELECT iri, count(*) FROM entity_types JOIN names ON names.number = type"
        f" JOIN entities ON entities.number = entity WHERE {_NOT_EXPIRED} GROUP BY iri ORDER BY iri",
        (session.now(),),
    )
    return {iri: count for iri, count in rows}


def types_of_attributes(session: Session) -> dict[str, dict[str, int]]:
    """See `Snapshot.types_of_attributes`."""
    rows = session.execute(
        "SELECT a.iri, t.iri, count(*) FROM entity_attributes"
        " JOIN entity_types ON entity_types.entity = entity_attributes.entity"
        " JOIN names AS a ON a.number = attribute JOIN names AS t ON t.number = type"
        " JOIN entities ON entities.number = entity_types.entity"
        f" WHERE {_NOT_EXPIRED} GROUP BY a.iri, t.iri ORDER BY a.iri, t.iri",
        (session.now(),),
    )
    found: dict[str, dict[str, int]] = {}
    for attribute, entity_type, count in rows:
        found.setdefault(attribute, {})[entity_type] = count
    return found


def attribute_kinds(session: Session, attribute: str, entity_type: str | None = None) -> list[str]:
    """See `Snapshot.attribute_kinds`."""
    name = session.find_name(attribute)
    kinds: set[str] = set()
    rows = session.execute(
        f"SELECT body FROM entities JOIN entity_attributes ON entity = number WHERE attribute = ? AND {_NOT_EXPIRED}",  # noqa: S608 — own constant
        (name, session.now()),
    )
    for (body,) in rows:
        entity = orjson.loads(body)
        if entity_type is None or entity_type in entity["type"]:
            kinds.update(instance["type"] for instance in entity.get(attribute, ()))
    return sorted(kinds)
