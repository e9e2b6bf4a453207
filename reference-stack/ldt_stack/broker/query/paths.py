"""Attribute paths of clause 4.9 and what they address in an expanded Entity.

`temperature.observedAt`, `address[city]`, `color[en]`, `sensor{Device:humidity}`: the first name is an Attribute, each
further one a sub-Attribute or a non-reified member (observedAt, unitCode …), the names in square brackets are JSON
members of the value, or a language of a languageMap. ETSI GS CIM 009 V1.9.1, clauses 4.9, 4.5.5 and 4.5.23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.query.lexical import NAME, PREFIXED_NAME, Cursor
from ldt_stack.broker.query.values import Kind, temporal_value, unwrap

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

# Entity members that a path may name: "system Attributes" of 5.7.2.4, no Attributes of the Entity.
SYSTEM_ATTRIBUTES: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_INSTANTS: Final = SYSTEM_ATTRIBUTES | {"observedAt"}
_MEMBERS: Final = _INSTANTS | {"unitCode", "datasetId", "instanceId", "objectType", "valueType"}
_RELATIONSHIPS: Final = frozenset({"Relationship", "ListRelationship"})

_NAME: Final = re.compile(PREFIXED_NAME)
_PLAIN_NAME: Final = re.compile(NAME)
# JSON member names and language tags: anything that does not end the path ("[*]" is any language).
_MEMBER_NAME: Final = re.compile(r"[^\[\].;|(){}\"=<>~!,\s]+")


@dataclass(frozen=True, slots=True)
class AttributePath:
    """A parsed path.

    Args:
        name: IRI of the Attribute, or the short name of a system Attribute.
        subs: IRIs of sub-Attributes, or short names of non-reified members.
        members: The trailing path in square brackets.
    """

    name: str
    subs: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def targets(self, entity: JsonObject) -> Iterator[Target]:
        """Every target element the path addresses, one for each Attribute instance that has it."""
        if self.name in SYSTEM_ATTRIBUTES:
            yield from () if self.subs or self.members else _member(entity, self.name)
            return
        holders: list[JsonObject] = entity.get(self.name, [])
        for position, sub in enumerate(self.subs):
            if sub in _MEMBERS:
                if position == len(self.subs) - 1 and not self.members:
                    for holder in holders:
                        yield from _member(holder, sub)
                return
            holders = [inner for holder in holders for inner in holder.get(sub, [])]
        for holder in holders:
            yield from _element(holder, self.members)


@dataclass(frozen=True, slots=True)
class LinkedPath:
    """`relation{Type,Type:path}`: a path of the Entities that a Relationship leads to (4.5.23).

    Args:
        relation: IRI of the Relationship.
        types: IRIs of Entity Types, one of which the linked Entity has; empty: any.
        target: The path in the linked Entity.
    """

    relation: str
    types: tuple[str, ...]
    target: Path

    @property
    def name(self) -> str:
        """The Attribute of the linking Entity."""
        return self.relation

    @property
    def depth(self) -> int:
        """How many links it follows."""
        return 1 + (self.target.depth if isinstance(self.target, LinkedPath) else 0)

    def links(self, entity: JsonObject) -> list[Link]:
        """What the Relationship leads to, in all its instances."""
        return [
            Link(identifier, "objectType" in instance)
            for instance in entity.get(self.relation, [])
            for identifier in objects_of(instance)
        ]


Path = AttributePath | LinkedPath


class Link(NamedTuple):
    """An Entity that a Relationship leads to, and whether the latter is annotated with an objectType (4.5.23.1)."""

    entity_id: str
    annotated: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A target element (4.9).

    Args:
        value: Its value: JSON, or a `TemporalValue`; a list where the element holds several values.
        relationship: Whether it is a (List)Relationship: only equality is defined.
        languages: Whether `value` lists the strings of a whole languageMap.
        place: Whether it is the geometry of a GeoProperty.
    """

    value: JsonValue
    relationship: bool = False
    languages: bool = False
    place: bool = False


def objects_of(instance: JsonObject) -> list[str]:
    """Object URIs of a (List)Relationship instance, in order; empty for other Attributes."""
    held = instance.get("object", instance.get("objectList", []))
    items = held if isinstance(held, list) else [held]
    uris = (item.get("object") if isinstance(item, dict) else item for item in items)
    return [uri for uri in uris if isinstance(uri, str)]


def _member(holder: JsonObject, name: str) -> Iterator[Target]:
    if name not in holder:
        return
    value = holder[name]
    yield Target((temporal_value(Kind.DATETIME, value) or value) if name in _INSTANTS else value)


def _element(instance: JsonObject, members: tuple[str, ...]) -> Iterator[Target]:
    kind = instance.get("type", "Property")
    if kind in _RELATIONSHIPS:
        if not members:
            single = isinstance(instance.get("object"), str)
            yield Target(instance["object"] if single else objects_of(instance), relationship=True)
        return
    member = VALUE_MEMBER.get(kind, "value")
    if member not in instance:
        return
    value = instance[member]
    if kind == "LanguageProperty":
        yield from _language(value, members)
        return
    if kind == "ListProperty" and isinstance(value, list):
        value = [item["value"] if isinstance(item, dict) and item.keys() == {"value"} else item for item in value]
    for name in members:  # a MemberExpression of ECMA 262: undefined unless every step is a member of an object
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    value_type = instance.get("valueType")
    if isinstance(value, list):
        value = [unwrap(item, value_type) for item in value]
    yield Target(unwrap(value, None if members else value_type), place=kind == "GeoProperty" and not members)


def _language(value: JsonValue, members: tuple[str, ...]) -> Iterator[Target]:
    """The values of a languageMap, all or those of one language; tags are compared without case (RFC 5646, 2.1.1)."""
    if not isinstance(value, dict) or len(members) > 1:
        return
    if members and members != ("*",):
        wanted = members[0].lower()
        yield from (Target(held) for tag, held in value.items() if tag.lower() == wanted)
        return
    held_values = (held if isinstance(held, list) else [held] for held in value.values())
    yield Target([text for texts in held_values for text in texts], languages=True)


def parse_path(cursor: Cursor, ld_context: LdContext) -> Path:
    """Parse the production `Attribute` of clause 4.9 at the cursor; names become IRIs (5.5.7).

    Raises:
        BadRequestData: There is none.
    """
    start = cursor.at
    name = _name(cursor)
    if cursor.take("{"):
        return _linked(cursor, ld_context, name)
    subs: list[str] = []
    while cursor.peek() == "." and cursor.peek(2) != "..":
        cursor.at += 1
        subs.append(_name(cursor))
    members = _trailing(cursor) if cursor.peek() == "[" else ()
    if cursor.peek() in {"[", "{"} and cursor.peek():
        cursor.fail(f"only one trailing path may follow {cursor.text[start : cursor.at]!r}")
    return AttributePath(
        name if name in SYSTEM_ATTRIBUTES else ld_context.expand_term(name),
        tuple(sub if sub in _MEMBERS else ld_context.expand_term(sub) for sub in subs),
        members,
    )


def write_path(path: Path, ld_context: LdContext) -> str | None:
    """A path with the names of a @context; None if it has none for an IRI that a path may have."""
    if isinstance(path, LinkedPath):
        types = [_written(name, ld_context, _PLAIN_NAME) for name in path.types]
        relation, target = _written(path.relation, ld_context), write_path(path.target, ld_context)
        if relation is None or target is None or None in types:
            return None
        return f"{relation}{{{','.join(map(str, types))}{':' if types else ''}{target}}}"
    names = [
        name if name in known else _written(name, ld_context)
        for name, known in ((path.name, SYSTEM_ATTRIBUTES), *((sub, _MEMBERS) for sub in path.subs))
    ]
    trailing = f"[{'.'.join(path.members)}]" if path.members else ""
    return None if None in names else ".".join(map(str, names)) + trailing


def _written(iri: str, ld_context: LdContext, allowed: re.Pattern[str] = _NAME) -> str | None:
    name = ld_context.compact_iri(iri)
    return name if allowed.fullmatch(name) and ld_context.expand_term(name) == iri else None


def _name(cursor: Cursor) -> str:
    match = cursor.take_match(_NAME)
    if match is None:
        cursor.fail("there is no Attribute name (a letter, then letters, numbers or '_')")
    return match[0]


def _trailing(cursor: Cursor) -> tuple[str, ...]:
    members = []
    separator = "["
    while cursor.take(separator):
        match = cursor.take_match(_MEMBER_NAME)
        if match is None:
            cursor.fail("there is no member name in the trailing path")
        members.append(match[0])
        separator = "."
    if not cursor.take("]"):
        cursor.fail("the trailing path is not closed by ']'")
    return tuple(members)


def _linked(cursor: Cursor, ld_context: LdContext, relation: str) -> LinkedPath:
    cursor.enter()
    types = _type_hint(cursor)
    target = parse_path(cursor, ld_context)
    if not cursor.take("}"):
        cursor.fail("the path of the linked Entity is not closed by '}'")
    cursor.leave()
    return LinkedPath(ld_context.expand_term(relation), tuple(ld_context.expand_term(name) for name in types), target)


def _type_hint(cursor: Cursor) -> list[str]:
    """`Device:` or `Device,Sensor:`; nothing if what follows is no such hint."""
    start = cursor.at
    types = []
    while (match := cursor.take_match(_PLAIN_NAME)) is not None:
        types.append(match[0])
        if cursor.take(":"):
            return types
        if not cursor.take(","):
            break
    cursor.at = start
    return []
