"""Entities and Entity Fragments of a payload: ETSI GS CIM 009 V1.9.1, clauses 4.5.1, 4.16, 4.18, 5.2.4, 5.4, 5.5.4."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.attributes import REMOVED, AttributeReader, is_plain
from ldt_stack.broker.model.names import (
    ATTRIBUTE_MEMBERS,
    GEO_PROPERTIES,
    NULL,
    OUTPUT_ONLY_ENTITY,
    JsonObject,
    JsonValue,
)
from ldt_stack.broker.model.nesting import check_nesting
from ldt_stack.broker.model.values import Nulls, check_date_time, check_uri
from ldt_stack.broker.query.lexical import NAME

_SCOPE: Final = re.compile(rf"/?{NAME}(?:/{NAME})*")  # ABNF of clause 4.18
_OWN_MEMBERS: Final = frozenset({"id", "type", "scope", "expiresAt", *OUTPUT_ONLY_ENTITY})
_NO_ATTRIBUTE_NAMES: Final = ATTRIBUTE_MEMBERS - OUTPUT_ONLY_ENTITY - {"type"} | {"lang"}


@dataclass(frozen=True, slots=True)
class Fragment:
    """An Entity, or a Fragment of one, with expanded names.

    Args:
        id: None if the payload has none.
        types: IRIs in the order given, each once; empty if the payload has none.
        scope: None if the payload has none; empty: it is to be removed.
        expires_at: None if the payload has none; NULL: it is to be removed.
        attributes: IRI -> instances, see `attributes.REMOVED`.
        others: IRIs of Attributes that are not plain (`attributes.is_plain`); None: nobody looked.
    """

    id: str | None = None
    types: tuple[str, ...] = ()
    scope: tuple[str, ...] | None = None
    expires_at: str | None = None
    attributes: dict[str, list[JsonObject]] = field(default_factory=dict)
    others: Set[str] | None = field(default=None, compare=False)

    def has_plain(self, name: str) -> bool:
        """Whether the one instance of an Attribute (IRI) is as it is stored, but for system times."""
        return self.others is not None and name not in self.others

    @property
    def is_plain(self) -> bool:
        """Whether there are Attributes, all of them plain, and else an id and types at most."""
        return (
            not self.others
            and self.others is not None
            and self.scope is None
            and self.expires_at is None
            and bool(self.attributes)
        )


def read_entity(payload: JsonObject, reader: AttributeReader, *, entity_id: str | None = None) -> Fragment:
    """A complete Entity: id and type are mandatory (4.5.1).

    Args:
        payload: Without its "@context"; not modified.
        reader: How Attributes are read.
        entity_id: The id in the request's path; the payload's own may be left out, and must be equal (5.4).

    Raises:
        BadRequestData: It is not what clause 4.5 allows.
    """
    fragment = read_fragment(payload, reader, entity_id=entity_id)
    if fragment.id is None:
        raise BadRequestData('The Entity has no "id"')
    if not fragment.types:
        raise BadRequestData(f'The Entity {fragment.id} has no "type"')
    return fragment


def read_fragment(payload: JsonObject, reader: AttributeReader, *, entity_id: str | None = None) -> Fragment:
    """An Entity Fragment (5.4): everything is optional. Arguments and errors as `read_entity`."""
    identifier, scope, expires_at = entity_id, None, None
    types: tuple[str, ...] = ()
    attributes: dict[str, list[JsonObject]] = {}
    others: set[str] = set()
    known = reader.ld_context.known_names
    for key, value in payload.items():
        iri = known.get(key)
        if iri is not None and iri not in attributes and iri not in GEO_PROPERTIES and is_plain(value):
            attributes[iri] = [value]  # what comes most
            continue
        check_nesting(value)
        if iri is None and (key in _NO_ATTRIBUTE_NAMES or key in _OWN_MEMBERS or key.startswith("@")):
            if key in {"@id", "@type"} and key[1:] in payload:
                raise BadRequestData(f'"{key}" and "{key[1:]}" stand for the same member (4.4)')
            if key in {"id", "@id"}:
                identifier = _read_id(value, entity_id)
            elif key in {"type", "@type"}:
                types = _read_types(value, reader)
            elif key == "scope":
                scope = _read_scope(value, reader.nulls)
            elif key == "expiresAt":
                expires_at = _read_expiry(value, reader.nulls)
            elif key not in OUTPUT_ONLY_ENTITY:  # "implementations shall ignore them" (5.2.2)
                raise BadRequestData(f'"{key}" is a term of the core that is no name for an Attribute (4.5.1)')
            continue
        if iri is None:
            iri = reader.attribute_name(key)
        if iri in attributes:
            raise BadRequestData(f'Two names stand for the Attribute "{iri}"')
        if is_plain(value):
            attributes[iri] = [value]
        else:
            attributes[iri] = reader.attribute(key, value)
            others.add(iri)
        if iri in GEO_PROPERTIES:
            check_core_type(iri, attributes[iri])
    return Fragment(identifier, types, scope, expires_at, attributes, others)


def check_core_type(iri: str, instances: Iterable[JsonObject]) -> None:
    """The geospatial Properties of the core are GeoProperties (4.7.1, 5.2.4).

    Raises:
        BadRequestData: One of them is something else.
    """
    if iri in GEO_PROPERTIES:
        for instance in instances:
            if REMOVED not in instance and instance.get("type", "GeoProperty") != "GeoProperty":
                raise BadRequestData(f'"{iri}" is a GeoProperty (5.2.4), not a {instance["type"]}')


def _read_id(value: JsonValue, expected: str | None) -> str:
    identifier = check_uri(value, 'The "id" of the Entity')
    if expected is not None and identifier != expected:
        raise BadRequestData(f"The payload is about {identifier}, the request about {expected} (5.4)")
    return identifier


def _read_types(value: JsonValue, reader: AttributeReader) -> tuple[str, ...]:
    known = reader.ld_context.known_types.get(value) if isinstance(value, str) else None
    if known is not None:
        return known
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name != NULL for name in names):
        raise BadRequestData('The "type" of the Entity is neither a name nor an array of names')
    types = tuple(dict.fromkeys(reader.name(name) for name in names))
    if isinstance(value, str):
        reader.ld_context.remember_type(value, types[0])
    return types


def is_scope(text: str) -> bool:
    """Whether a text is a Scope (4.18)."""
    return _SCOPE.fullmatch(text) is not None


def _read_scope(value: JsonValue, nulls: Nulls) -> tuple[str, ...]:
    if value in (NULL, [NULL]) and nulls is not Nulls.FORBIDDEN:
        return ()
    scopes = value if isinstance(value, list) else [value]
    if not scopes or not all(isinstance(scope, str) and is_scope(scope) for scope in scopes):
        raise BadRequestData('"scope" is no Scope of clause 4.18, such as /Madrid/Gardens, and no array of them')
    return tuple(dict.fromkeys(scopes))


def _read_expiry(value: JsonValue, nulls: Nulls) -> str:
    if value == NULL and nulls is not Nulls.FORBIDDEN:
        return NULL
    return check_date_time(value, '"expiresAt" of the Entity')
