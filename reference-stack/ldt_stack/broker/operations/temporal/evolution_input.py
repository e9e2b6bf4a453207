"""Payloads that are temporal evolutions: ETSI GS CIM 009 V1.9.1, clauses 4.5.6, 4.5.9 and 5.2.20."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import read_fragment
from ldt_stack.broker.model.names import OUTPUT_ONLY_ENTITY, VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.representation.temporal import VALUES_MEMBER
from ldt_stack.broker.store.evolution import SCOPE

EVOLUTION_MEMBERS: Final = frozenset({"id", "@id", "type", "@type", "expiresAt", *OUTPUT_ONLY_ENTITY})
# What 4.5.9 wraps in an object, so that kinds of Properties can be told: the member inside it.
_WRAPPED: Final = {"languageMaps": "languageMap", "vocabs": "vocab", "jsons": "json"}
# What each pair says of its own instance, and so nothing beside the pairs can.
_OF_ONE_INSTANCE: Final = frozenset({*VALUE_MEMBER.values(), *VALUES_MEMBER.values(), "observedAt"})
_KINDS: Final = {member: kind for kind, member in VALUES_MEMBER.items() if kind != "GeoProperty"}


@dataclass(frozen=True, slots=True)
class EvolutionFragment:
    """An EntityTemporal or a Fragment of one (5.2.20), names expanded.

    Args:
        id: None if the payload has none.
        types: IRIs; empty if the payload has none.
        instances: Attribute IRI (or "scope") with an expanded instance; as many as the payload has.
    """

    id: str | None
    types: tuple[str, ...]
    instances: tuple[tuple[str, JsonObject], ...]


def read_evolution(payload: JsonObject, call: Call, *, entity_id: str | None = None) -> EvolutionFragment:
    """Read an EntityTemporal, in its temporal (4.5.6) or simplified temporal representation (4.5.9).

    Args:
        payload: Without its "@context".
        call: Its @context expands the names.
        entity_id: The id in the request's path, which the payload's own must equal.

    Raises:
        BadRequestData: It is none.
    """
    reader = AttributeReader(call.ld_context)
    head = read_fragment(
        {name: payload[name] for name in payload if name in EVOLUTION_MEMBERS}, reader, entity_id=entity_id
    )
    instances: list[tuple[str, JsonObject]] = []
    names: dict[str, str] = {}
    for name, value in payload.items():
        if name in EVOLUTION_MEMBERS:
            continue
        for element in elements_of(name, value):
            iri, instance = read_instance(name, element, reader)
            if names.setdefault(iri, name) != name:
                raise BadRequestData(f'Two names stand for the Attribute "{iri}"')
            instances.append((iri, instance))
    return EvolutionFragment(head.id, head.types, tuple(instances))


def elements_of(name: str, value: JsonValue) -> Iterator[JsonValue]:
    """The instances of an Attribute, each as it would stand alone in an Entity."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        for one in value:  # of an empty array: none
            yield from elements_of(name, one)
    elif isinstance(value, dict) and (member := next((one for one in _KINDS if one in value), None)) is not None:
        yield from _simplified_elements(name, value, member)
    else:
        yield value


def _simplified_elements(name: str, value: JsonObject, member: str) -> Iterator[JsonObject]:
    """4.5.9: pairs of a value and its instant."""
    pairs = value[member]
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise BadRequestData(f'"{member}" of "{name}" is no array of [value, DateTime] pairs (clause 4.5.9)')
    kind = value.get("type", _KINDS[member])
    if not isinstance(kind, str) or VALUES_MEMBER.get(kind) != member:
        raise BadRequestData(f'"{name}" is a {kind} but has "{member}" (clause 4.5.9)')
    rest = {key: one for key, one in value.items() if key not in ("type", member)}
    if contradicting := _OF_ONE_INSTANCE & rest.keys():
        names = ", ".join(sorted(contradicting))
        raise BadRequestData(f'"{name}" has "{member}" for its instances and also {names} (clause 4.5.9)')
    for one, instant in pairs:
        wrapped = _WRAPPED.get(member)
        if wrapped is not None and isinstance(one, dict) and wrapped in one:
            one = one[wrapped]
        yield {"type": kind, VALUE_MEMBER[kind]: one, "observedAt": instant, **rest}


def read_instance(name: str, element: JsonValue, reader: AttributeReader) -> tuple[str, JsonObject]:
    """One instance of an Attribute, or of the scope: its IRI (or "scope"), and the instance expanded.

    Raises:
        BadRequestData: It is none.
    """
    return _scope(element, reader) if name == SCOPE else _attribute(name, element, reader)


def _attribute(name: str, element: JsonValue, reader: AttributeReader) -> tuple[str, JsonObject]:
    ((iri, instances),) = read_fragment({name: element}, reader).attributes.items()
    return iri, instances[0]


def _scope(element: JsonValue, reader: AttributeReader) -> tuple[str, JsonObject]:
    """A scope, or an instance of it in its temporal representation (4.5.6)."""
    given = element if isinstance(element, dict) else {"value": element}
    read = read_fragment({"scope": given.get("value")}, reader)
    instance: JsonObject = {"type": "Property", "value": list(read.scope or ())}
    take_observed_at(given, instance, reader)
    return SCOPE, instance


def take_observed_at(given: JsonObject, instance: JsonObject, reader: AttributeReader) -> None:
    """The observedAt of what is read in a way of its own.

    Raises:
        BadRequestData: It is no DateTime.
    """
    if "observedAt" in given:
        dated = reader.attribute(SCOPE, {"type": "Property", "value": "", "observedAt": given["observedAt"]})
        instance["observedAt"] = dated[0]["observedAt"]
