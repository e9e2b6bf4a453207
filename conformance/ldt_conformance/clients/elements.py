"""Builders of what checks send: Entity, TemporalEntity, Subscription, Registration (CIM 009 V1.9.1, 4.5 and 5.2).

Frozen: every `with_…` returns a new builder, so that a fixture can be shared. `to_json()` gives the payload. Names are
short and fall under the default vocabulary unless an @context is given: no fetch is ever needed to understand them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

JsonObject = dict[str, Any]

NGSI_LD_NULL = "urn:ngsi-ld:null"
LANGUAGE_NULL = {"@none": NGSI_LD_NULL}
CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"


def attribute(kind: str, member: str, value: Any, members: Mapping[str, Any]) -> JsonObject:
    """One Attribute instance, normalized: `{"type": kind, member: value, …}`; members that are None are left out."""
    return {"type": kind, member: value, **{name: item for name, item in members.items() if item is not None}}


def property_(
    value: Any,
    *,
    unit_code: str | None = None,
    observed_at: str | None = None,
    dataset_id: str | None = None,
    **sub: Any,
) -> JsonObject:
    """A Property, normalized (clause 4.5.2.2); `sub` are sub-Attributes, ready made."""
    members = {"unitCode": unit_code, "observedAt": observed_at, "datasetId": dataset_id, **sub}
    return attribute("Property", "value", value, members)


def relationship(
    target: str | Sequence[str], *, observed_at: str | None = None, dataset_id: str | None = None, **sub: Any
) -> JsonObject:
    """A Relationship, normalized (clause 4.5.3.2)."""
    members = {"observedAt": observed_at, "datasetId": dataset_id, **sub}
    return attribute("Relationship", "object", target if isinstance(target, str) else list(target), members)


def point(longitude: float, latitude: float) -> JsonObject:
    """A GeoJSON Point; longitude first, as RFC 7946 has it."""
    return {"type": "Point", "coordinates": [longitude, latitude]}


@dataclass(frozen=True, slots=True)
class Entity:
    """An Entity to be sent, normalized.

    Attributes:
        id: A URI.
        type: Entity Type name, or several.
        attributes: Attribute name to instance, or to a list of instances that differ by datasetId.
        scope: Scope or Scopes; None leaves the member out.
        ld_context: Goes into the payload as "@context" (and makes it `application/ld+json`); None leaves it out.
    """

    id: str
    type: str | tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    scope: str | tuple[str, ...] | None = None
    ld_context: Any = None

    def with_attribute(self, name: str, instance: Any) -> Entity:
        """Set an Attribute, whatever stood there before."""
        return replace(self, attributes={**self.attributes, name: instance})

    def with_instance(self, name: str, instance: JsonObject) -> Entity:
        """Add an instance; one with the same datasetId is replaced, so the default instance is by default."""
        there = self.attributes.get(name, [])
        listed = there if isinstance(there, list) else [there]
        kept = [item for item in listed if item.get("datasetId") != instance.get("datasetId")]
        return self.with_attribute(name, [*kept, instance] if kept else instance)

    def with_property(self, name: str, value: Any, **members: Any) -> Entity:
        """Add a Property; `members` as in `property_` (unit_code, observed_at, dataset_id, sub-Attributes)."""
        return self.with_instance(name, property_(value, **members))

    def with_relationship(self, name: str, target: str | Sequence[str], **members: Any) -> Entity:
        """Add a Relationship to one or several Entities."""
        return self.with_instance(name, relationship(target, **members))

    def with_geo_property(self, name: str, geometry: JsonObject, **members: Any) -> Entity:
        """Add a GeoProperty with a GeoJSON geometry."""
        return self.with_instance(name, attribute("GeoProperty", "value", geometry, members))

    def with_language_property(self, name: str, language_map: JsonObject, **members: Any) -> Entity:
        """Add a LanguageProperty, e.g. `{"en": "yes", "fr": "oui"}`."""
        return self.with_instance(name, attribute("LanguageProperty", "languageMap", language_map, members))

    def with_vocab_property(self, name: str, vocab: str | list[str], **members: Any) -> Entity:
        """Add a VocabProperty."""
        return self.with_instance(name, attribute("VocabProperty", "vocab", vocab, members))

    def with_json_property(self, name: str, document: Any, **members: Any) -> Entity:
        """Add a JsonProperty, whose content is never expanded."""
        return self.with_instance(name, attribute("JsonProperty", "json", document, members))

    def with_list_property(self, name: str, values: list[Any], **members: Any) -> Entity:
        """Add a ListProperty, whose order counts."""
        return self.with_instance(name, attribute("ListProperty", "valueList", values, members))

    def with_scope(self, *scopes: str) -> Entity:
        """Put the Entity into these Scopes and no other."""
        return replace(self, scope=scopes if len(scopes) != 1 else scopes[0])

    def with_type(self, *types: str) -> Entity:
        """Give the Entity these types and no other."""
        return replace(self, type=types if len(types) != 1 else types[0])

    def with_id(self, entity_id: str) -> Entity:
        """The same Entity under another id."""
        return replace(self, id=entity_id)

    def with_ld_context(self, ld_context: Any) -> Entity:
        """Carry the @context in the payload."""
        return replace(self, ld_context=ld_context)

    def without(self, *names: str) -> Entity:
        """Drop Attributes."""
        return replace(self, attributes={name: item for name, item in self.attributes.items() if name not in names})

    def to_json(self) -> JsonObject:
        """The payload: id, type, scope, Attributes and, if given, @context."""
        document: JsonObject = {"id": self.id, "type": list(self.type) if isinstance(self.type, tuple) else self.type}
        if self.scope is not None:
            document["scope"] = list(self.scope) if isinstance(self.scope, tuple) else self.scope
        document.update(self.attributes)
        if self.ld_context is not None:
            document["@context"] = self.ld_context
        return document


@dataclass(frozen=True, slots=True)
class TemporalEntity:
    """The Temporal Evolution of an Entity to be sent (clause 4.5.6): every Attribute is a list of instances."""

    id: str
    type: str
    attributes: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)

    def with_series(self, name: str, points: Sequence[tuple[Any, str]], **members: Any) -> TemporalEntity:
        """Add Property instances: pairs of value and observedAt."""
        added = tuple(property_(value, observed_at=at, **members) for value, at in points)
        return replace(self, attributes={**self.attributes, name: (*self.attributes.get(name, ()), *added)})

    def to_json(self) -> JsonObject:
        """The payload: id, type and every Attribute as an array of instances."""
        return {"id": self.id, "type": self.type, **self.fragment()}

    def fragment(self) -> JsonObject:
        """The Attributes alone, as in an EntityTemporal Fragment."""
        return {name: list(series) for name, series in self.attributes.items()}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A Subscription to be sent (clauses 5.2.12, 5.2.14 and 5.2.15); None leaves the id to the broker."""

    id: str | None
    endpoint: str
    members: Mapping[str, Any] = field(default_factory=dict)
    notification: Mapping[str, Any] = field(default_factory=dict)
    endpoint_members: Mapping[str, Any] = field(default_factory=dict)

    def on_entities(self, *selectors: JsonObject) -> Subscription:
        """Subscribe to Entities, e.g. `{"type": "Vehicle"}` (EntitySelector, clause 5.2.33)."""
        return self.with_members(entities=list(selectors))

    def on_type(self, type_name: str, **selector: Any) -> Subscription:
        """Subscribe to the Entities of one type."""
        return self.on_entities({"type": type_name, **selector})

    def watching(self, *names: str) -> Subscription:
        """Notify only when one of these Attributes changes."""
        return self.with_members(watchedAttributes=list(names))

    def with_members(self, **members: Any) -> Subscription:
        """Set members of the Subscription by their wire names."""
        return replace(self, members={**self.members, **members})

    def with_notification(self, **members: Any) -> Subscription:
        """Set members of `notification`, e.g. `format="keyValues"`."""
        return replace(self, notification={**self.notification, **members})

    def with_endpoint(self, **members: Any) -> Subscription:
        """Set members of `notification.endpoint` beside `uri`, e.g. `accept` or `receiverInfo`."""
        return replace(self, endpoint_members={**self.endpoint_members, **members})

    def to_json(self) -> JsonObject:
        """The payload."""
        named = {} if self.id is None else {"id": self.id}
        notification = {**self.notification, "endpoint": {"uri": self.endpoint, **self.endpoint_members}}
        return {**named, "type": "Subscription", **self.members, "notification": notification}


@dataclass(frozen=True, slots=True)
class Registration:
    """A Context Source Registration to be sent (clauses 5.2.9 and 5.2.10); None leaves the id to the broker.

    It offers to have Entities created and nothing else (clause 4.20). Those would be of a type or with an Attribute
    that only this run uses, so nobody else's request is ever forwarded: a query of all types would be, by the default.
    """

    id: str | None
    endpoint: str
    information: tuple[JsonObject, ...] = ()
    members: Mapping[str, Any] = field(default_factory=lambda: {"operations": ["createEntity"]})

    def offering(
        self,
        type_name: str | None = None,
        *,
        properties: Sequence[str] = (),
        relationships: Sequence[str] = (),
        **entity: str,
    ) -> Registration:
        """Add a RegistrationInfo.

        Args:
            type_name: Of the Entities; None says nothing of Entities.
            properties: Their Properties; none is any.
            relationships: Likewise.
            entity: `id` or `idPattern` of the Entities.
        """
        info: JsonObject = {"entities": [{"type": type_name, **entity}]} if type_name is not None else {}
        named = {"propertyNames": properties, "relationshipNames": relationships}
        info |= {name: list(value) for name, value in named.items() if value}
        return replace(self, information=(*self.information, info))

    def with_members(self, **members: Any) -> Registration:
        """Set members of the Registration by their wire names."""
        return replace(self, members={**self.members, **members})

    def to_json(self) -> JsonObject:
        """The payload."""
        named = {} if self.id is None else {"id": self.id}
        required = {"type": "ContextSourceRegistration", "endpoint": self.endpoint}
        return {**named, **required, "information": list(self.information), **self.members}
