"""Attributes of a payload, normalized, concise or simplified, as lists of expanded instances.

ETSI GS CIM 009 V1.9.1, clauses 4.5.2 to 4.5.5, 4.5.18, 4.5.20 to 4.5.24, 5.2.5 to 5.2.7, 5.2.32, 5.2.35 to 5.2.38 and
5.5.4. System times and instance ids are not set here but where an instance is written (`patch.py`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import LdContext, core_context
from ldt_stack.broker.model.instants import normalize, normalize_text
from ldt_stack.broker.model.members import WITH_UNIT, check_has, check_value_type, texts_of
from ldt_stack.broker.model.names import (
    ATTRIBUTE_MEMBERS,
    ATTRIBUTE_TYPES,
    CORE,
    ENTITY_MEMBERS,
    NGSILD_PROOF,
    NULL,
    OUTPUT_ONLY_ATTRIBUTE,
    VALUE_MEMBER,
    VALUE_MEMBERS,
    JsonObject,
    JsonValue,
)
from ldt_stack.broker.model.values import (
    MAX_DEPTH,
    Nulls,
    check_date_time,
    check_uri,
    checked_value,
    is_geometry,
    is_null,
)
from ldt_stack.broker.query.lexical import is_member_name, is_uri

REMOVED: Final = "@null"
"""Member of an instance that asks for a deletion: the NGSI-LD Null stood for it, or for its value. Never stored."""

_KIND_OF_MEMBER: Final = {member: kind for kind, member in VALUE_MEMBER.items() if kind != "GeoProperty"}
_SIMPLIFIED: Final = frozenset({"languageMap", "json", "vocab"})
_OUTPUT_OF: Final[Mapping[str, frozenset[str]]] = {  # members that only these kinds have, as output (4.5.2 to 4.5.24)
    "entity": frozenset({"Relationship"}),
    "entityList": frozenset({"ListRelationship"}),
    **{
        f"previous{member[0].upper()}{member[1:]}": frozenset(
            kind for kind, own in VALUE_MEMBER.items() if own == member
        )
        for member in VALUE_MEMBERS
    },
}
_NUMBERS: Final = frozenset({int, float, bool})  # values that need no look inside
_OF_PLAIN_GEOMETRY: Final = 2  # type and coordinates: foreign members have to be looked at
_SEALS: Final = frozenset({"entityIdSealed", "entityTypeSealed"})
_KINDS: Final[Mapping[str, str]] = {
    **{kind: kind for kind in ATTRIBUTE_TYPES},
    **{CORE + kind: kind for kind in ATTRIBUTE_TYPES},
}


@cache
def _no_attribute_iris() -> frozenset[str]:
    """The IRIs of the members of Entities and Attributes, which another name or @context may stand for, too."""
    names = (ATTRIBUTE_MEMBERS | ENTITY_MEMBERS) - {"id", "type"}
    return frozenset(core_context().expand_term(name) for name in names)


@dataclass(frozen=True, slots=True)
class AttributeReader:
    """How Attributes of one payload are read.

    Args:
        ld_context: Expands names.
        nulls: Where NGSI-LD Nulls may stand.
        partial: Whether an Attribute may come without its value, to change other members (merge, partial update).
        simplified: Whether bare values are the simplified representation (4.5.4): JSON objects are values, too.
    """

    ld_context: LdContext
    nulls: Nulls = Nulls.FORBIDDEN
    partial: bool = False
    simplified: bool = False

    def name(self, name: str) -> str:
        """The IRI of an Attribute or type name (4.6.2, 5.5.7)."""
        if not is_member_name(name):
            raise BadRequestData(f'"{name}" is no name of clause 4.6.2 (a letter, then letters, numbers, _) and no URI')
        return self.ld_context.expand_term(name)

    def attribute_name(self, name: str) -> str:
        """The IRI of an Attribute, which is none of the members that Entities and Attributes have (4.5.1)."""
        iri = self.name(name)
        if iri in _no_attribute_iris():
            raise BadRequestData(
                f'"{name}" stands for {iri}, a term of the core that is no name for an Attribute (4.5.1)'
            )
        self.ld_context.remember_name(name, iri)
        return iri

    def attribute(self, name: str, value: JsonValue, depth: int = 0) -> list[JsonObject]:
        """The instances of one Attribute, as it stands in a payload.

        Args:
            name: Its short name, for messages.
            value: What the payload has for it.
            depth: How many Attributes it is below.

        Raises:
            BadRequestData: It is not what clause 4.5 allows.
        """
        if depth > MAX_DEPTH:
            raise BadRequestData(f'"{name}" is nested more than {MAX_DEPTH} levels deep')
        if isinstance(value, dict):
            stated = value.get("type")
            kind = _KINDS.get(stated) if isinstance(stated, str) else None
            if kind is not None:  # what comes most
                return [self._instance(name, kind, value, depth)]
        if self.simplified and isinstance(value, dict) and value.keys() == {"dataset"}:
            return self._datasets(name, value["dataset"], depth)
        if isinstance(value, list) and value and not self.simplified:
            instances = [element for element in value if _is_instance(element)]
            if instances:
                if len(instances) != len(value):
                    raise BadRequestData(f'"{name}" is an array of which only some elements are Attribute instances')
                return self._several(name, instances, depth)
        return [self._one(name, value, depth)]

    def fragment(self, name: str, payload: JsonObject) -> JsonObject:
        """An Attribute Fragment (5.4): an instance of which anything may be left out, "type" too if nothing implies it.

        What it has for a sub-Attribute takes its place (5.5.8), so that is whole. A geometry is a GeoProperty (4.7.3).

        Raises:
            BadRequestData: It is not what clause 4.5 allows.
        """
        kind = self._kind(name, payload)
        if kind is None and is_geometry(payload):
            return self._bare("GeoProperty", name, payload)
        return self._instance(name, kind or "", payload, 0, whole=False)

    def _datasets(self, name: str, values: JsonValue, depth: int) -> list[JsonObject]:
        """The simplified representation of several instances (4.5.4): their values by datasetId."""
        if not isinstance(values, dict) or not values:
            raise BadRequestData(f'"{name}" has a "dataset" that is no JSON object of values by datasetId (4.5.4)')
        instances = [
            self._one(name, value, depth)
            | ({} if dataset == "@none" else {"datasetId": check_uri(dataset, f'A datasetId of "{name}"')})
            for dataset, value in values.items()
        ]
        return instances

    def _several(self, name: str, values: list[JsonObject], depth: int) -> list[JsonObject]:
        """4.5.5.1: instances differ by datasetId, and one at most has none."""
        instances = [self._one(name, value, depth) for value in values]
        if len({instance.get("datasetId") for instance in instances}) != len(instances):
            raise BadRequestData(f'"{name}" has two instances with the same datasetId, or two without one')
        return instances

    def _one(self, name: str, value: JsonValue, depth: int) -> JsonObject:
        if isinstance(value, dict):
            kind = self._kind(name, value)
            if kind is not None:
                return self._instance(name, kind, value, depth)
            if is_geometry(value):
                return self._bare("GeoProperty", name, value)
            if self._is_bare_fragment(value):
                return self._instance(name, "", value, depth)
        elif value == NULL:
            if self.nulls is Nulls.FORBIDDEN:
                raise BadRequestData(f'"{name}" is "{NULL}", which this operation does not take (5.5.4)')
            return {REMOVED: True}
        return self._bare("Property", name, value)

    def _bare(self, kind: str, name: str, value: JsonValue) -> JsonObject:
        return {"type": kind, "value": checked_value(kind, value, name, self.ld_context, self.nulls)}

    def _kind(self, name: str, value: JsonObject) -> str | None:
        """The Attribute type that an object states or implies; None: it is a bare value."""
        stated = value.get("type", value.get("@type"))
        if stated is not None:
            kind = self._stated_kind(stated)
            if kind is not None:
                return kind
            if self.simplified or is_geometry(value) or ("type" not in value and ("@value" in value or "@id" in value)):
                return None  # a GeoJSON geometry, a JSON-LD typed value
            raise BadRequestData(
                f'"{name}" has the type "{stated}", which is no Attribute type; a JSON object with a "type" is read as'
                ' an Attribute (4.5.2.3): put it below "value"'
            )
        if self.simplified:  # 4.5.4: a single member tells these; all else is the value of a Property
            member = next(iter(value)) if len(value) == 1 else ""
            return _KIND_OF_MEMBER[member] if member in _SIMPLIFIED else None
        members = [member for member in VALUE_MEMBERS if member in value]
        if len(members) > 1:
            raise BadRequestData(f'"{name}" has {" and ".join(sorted(members))}; an Attribute has one of them')
        if not members:
            return None
        kind = _KIND_OF_MEMBER[members[0]]
        if kind == "Property" and is_geometry(value["value"]):
            return "GeoProperty"  # 4.5.2.3: inferred where the value is a supported GeoJSON geometry
        return kind

    def _stated_kind(self, stated: JsonValue) -> str | None:
        if not isinstance(stated, str):
            return None
        kind = _KINDS.get(stated)
        if kind is None and stated.startswith("ngsi-ld:"):
            kind = _KINDS.get(stated.partition(":")[2])
        return kind

    def _is_bare_fragment(self, value: JsonObject) -> bool:
        """In a merge, an object without type and value still is an Attribute if it has members that only those have."""
        return self.partial and not self.simplified and not ATTRIBUTE_MEMBERS.isdisjoint(value)

    def _instance(self, name: str, kind: str, value: JsonObject, depth: int, *, whole: bool = True) -> JsonObject:
        """`kind` is "" where the fragment says nothing of it; `whole`: its value has to be there, but in a merge."""
        instance: JsonObject = {"type": kind} if kind else {}
        wanted = VALUE_MEMBER.get(kind)
        for key, member in value.items():
            if key == "type" or key == "@type":
                continue
            if key == wanted:
                if kind == "Property" and type(member) in _NUMBERS:
                    instance[key] = member
                    continue
                self._set_value(instance, name, kind, key, member)
            elif key == "observedAt" and normalize(member) is not None:
                instance[key] = member.replace(",", ".")  # as `check_date_time`
            elif key in ATTRIBUTE_MEMBERS:
                self._set_member(instance, name, kind, key, member)
            elif key.startswith("@") or key == "id":
                raise BadRequestData(f'"{name}" has a member "{key}", which no Attribute has (4.5.1)')
            elif key in _SEALS:
                self._set_seal(instance, name, key, member)
            else:
                self._set_sub_attribute(instance, key, member, depth)
        if whole and wanted is not None and wanted not in instance and REMOVED not in instance and not self.partial:
            raise BadRequestData(f'"{name}" is a {kind} but has no "{wanted}"')
        return instance

    def _set_value(self, instance: JsonObject, name: str, kind: str, key: str, value: JsonValue) -> None:
        if is_null(kind, value):
            if self.nulls is Nulls.FORBIDDEN:
                raise BadRequestData(f'"{name}" has the value "{NULL}", which this operation does not take (5.5.4)')
            instance[REMOVED] = True
        else:
            instance[key] = checked_value(kind, value, name, self.ld_context, self.nulls)

    def _set_member(self, instance: JsonObject, name: str, kind: str, key: str, value: JsonValue) -> None:
        if key in OUTPUT_ONLY_ATTRIBUTE:
            if kind and kind not in _OUTPUT_OF.get(key, {kind}):
                raise BadRequestData(f'"{name}" is a {kind}, which never has "{key}"')
            return  # "In the event that they are provided … implementations shall ignore them" (5.2.5)
        if key in VALUE_MEMBERS:
            raise BadRequestData(f'"{name}" is a {kind or "fragment without a type"} but has "{key}"')
        if value == NULL and key != "datasetId":  # which cannot be deleted (5.5.8)
            self._remove_member(instance, name, key)
            return
        checked = self._checked_member(name, kind, key, value)
        if checked is not None:
            instance[key] = checked

    def _remove_member(self, instance: JsonObject, name: str, key: str) -> None:
        if self.nulls is Nulls.FORBIDDEN:
            raise BadRequestData(f'"{key}" of "{name}" is "{NULL}", which this operation does not take (5.5.4)')
        instance[key] = NULL

    def _checked_member(self, name: str, kind: str, key: str, value: JsonValue) -> JsonValue:
        if key == "unitCode" and kind in WITH_UNIT and isinstance(value, str) and value:
            return value
        what = f'"{key}" of "{name}"'
        if key in {"observedAt", "expiresAt"}:
            return check_date_time(value, what)
        if key == "datasetId":
            return None if value == "@none" else check_uri(value, what)  # 4.5.5.1: "@none" is the default instance
        if kind:
            check_has(kind, key, what)
        texts = texts_of(value if key == "objectType" else [value], what)
        if key == "unitCode":
            return value
        expanded = [self.ld_context.expand_vocab(text) for text in texts]
        check_value_type(kind, expanded, what)
        return expanded if isinstance(value, list) else expanded[0]

    def _set_seal(self, instance: JsonObject, name: str, key: str, value: JsonValue) -> None:
        """5.2.5: non-reified sub-properties of "ngsildproof" alone."""
        if self.ld_context.expand_term(name) != NGSILD_PROOF:
            raise BadRequestData(f'"{name}" has "{key}", which only "ngsildproof" may have')
        if value == NULL:
            self._remove_member(instance, name, key)
        elif key == "entityIdSealed":
            instance[key] = check_uri(value, f'"{key}" of "{name}"')
        else:
            expanded = [self.ld_context.expand_vocab(text) for text in texts_of(value, f'"{key}" of "{name}"')]
            instance[key] = expanded if isinstance(value, list) else expanded[0]

    def _set_sub_attribute(self, instance: JsonObject, key: str, value: JsonValue, depth: int) -> None:
        iri = self.attribute_name(key)
        if iri in instance:
            raise BadRequestData(f'Two names stand for the sub-Attribute "{iri}"')
        instance[iri] = self.attribute(key, value, depth + 1)


def _is_instance(value: JsonValue) -> bool:
    """Whether an element of an array is an Attribute instance, not a bare value."""
    if not isinstance(value, dict):
        return False
    stated = value.get("type", value.get("@type"))
    if isinstance(stated, str):
        return stated in _KINDS or stated.removeprefix("ngsi-ld:") in _KINDS
    return not VALUE_MEMBERS.isdisjoint(value)


def is_plain(value: JsonValue, instants: Container[str | None] = ()) -> bool:
    """Whether an Attribute of a payload needs no more than a look: it is its own expanded instance, in every operation.

    A normalized Property, GeoProperty or Relationship with at most observedAt and a unit, and no NGSI-LD Null.

    Args:
        value: What the payload has for it.
        instants: Values of observedAt that were looked at before.
    """
    if type(value) is not dict:
        return False
    get = value.get
    kind = get("type")
    if kind == "Property":
        content = get("value")
        if type(content) not in _NUMBERS and (type(content) is not str or content == NULL):
            return False
    elif kind == "GeoProperty":
        content = get("value")
        if type(content) is not dict or len(content) != _OF_PLAIN_GEOMETRY or not is_geometry(content):
            return False
    elif kind == "Relationship":
        content = get("object")
        if type(content) is not str or content == NULL or not is_uri(content):
            return False
    else:
        return False
    members = 2
    observed_at = get("observedAt")
    if observed_at is not None:
        if type(observed_at) is not str:
            return False
        if observed_at not in instants and (normalize_text(observed_at) is None or "," in observed_at):
            return False
        members += 1
    unit = get("unitCode")
    if unit is not None:
        if type(unit) is not str or unit == "" or unit == NULL or kind == "Relationship":
            return False
        members += 1
    return len(value) == members
