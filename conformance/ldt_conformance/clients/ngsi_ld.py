"""`Broker`: the operations of CIM 009 V1.9.1 over HTTP (clause 6), named as the standard names them.

Thin on purpose: one call is one request, nothing is retried, nothing raises on a 4xx or 5xx. Every operation that
creates says so to the transport before the request leaves, and every operation that changes or deletes names what it
touches, so that the safety rules of the engine hold for every check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldt_conformance.clients.elements import Entity, JsonObject, Registration, Subscription, TemporalEntity
from ldt_conformance.clients.registry import ContextRegistry
from ldt_conformance.clients.settling import Settling
from ldt_conformance.clients.wire import (
    JSON,
    LD_JSON,
    Body,
    Parameters,
    entity_resource,
    link_header,
    render,
    segment,
    subscription_resource,
    temporal_resource,
)
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.response import Response


@dataclass(frozen=True)
class Broker(ContextRegistry):
    """The NGSI-LD endpoint under test.

    Attributes:
        client: The transport, which enforces the safety mode, journals, and records the evidence.
        unique: Gives names that only this run uses, and only once.
        version: The version of CIM 009 that the site claims, e.g. `1.8.1`.
        history: The transport to the temporal API, where the site has it elsewhere (clause 6.2, note 3).
        settling: What to wait for between a write and the next request; None: nothing.
    """

    client: Client
    unique: Callable[[str], str]
    version: str = "1.8.1"
    history: Client | None = None
    settling: Settling | None = None

    def at_least(self, version: str) -> bool:
        """Whether the site claims this version of the standard or a later one."""
        return tuple(map(int, self.version.split("."))) >= tuple(map(int, version.split(".")))

    def new_id(self, kind: str = "Thing") -> str:
        """A fresh URI that carries this run's marker; no id is a prefix of another."""
        return self.client.owned_id(kind)

    def not_a_uri(self) -> str:
        """A fresh name that is no URI, because it has no scheme."""
        return self.unique("NoUri")

    def new_type(self, kind: str = "Thing") -> str:
        """A fresh Entity Type name, so that exact answers can be expected whatever else the broker holds."""
        return self.unique(kind)

    def new_entity(self, kind: str = "Thing") -> Entity:
        """An Entity of a type of its own, with nothing but id and type."""
        return Entity(id=self.new_id(kind), type=self.new_type(kind))

    # --- the one request ---------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        content: bytes | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        ld_context: str | None = None,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        creates: Sequence[Resource] = (),
        touches: Sequence[Resource] = (),
        expects_refusal: bool = False,
    ) -> Response:
        """Send one request.

        Args:
            method: The HTTP verb.
            path: Relative to the API root, ids already encoded (see `segment`).
            body: JSON to send; `application/ld+json` where it (or one of its items) carries an @context.
            content: Raw bytes instead of a body, for payloads that are no JSON.
            content_type: Overrides the media type of the request.
            accept: The Accept header; None sends none that would matter (`*/*`).
            ld_context: URL of the @context for the Link header.
            params: Query parameters, decoded; None values are left out, lists joined by comma, booleans in lower case.
            headers: Further headers; an empty value removes a default one.
            creates: What a success would create.
            touches: What it changes or deletes.
            expects_refusal: The request is wrong on purpose and names nothing that is not ours.
        """
        fields = {**(link_header(ld_context) if ld_context else {}), **({"Accept": accept} if accept else {})}
        payload = content
        if body is not None:
            rendered = render(body)
            payload = json.dumps(rendered, ensure_ascii=False).encode()
            content_type = content_type or (LD_JSON if _carries_context(rendered) else JSON)
        if content_type is not None:
            fields["Content-Type"] = content_type
        client = self.history if self.history is not None and path.startswith("/temporal/") else self.client
        if self.settling is not None:
            self.settling.wait()
        response = client.request(
            method,
            path,
            params=params,
            headers={**fields, **(headers or {})},
            content=payload,
            creates=creates,
            touches=touches,
            expects_refusal=expects_refusal,
        )
        if self.settling is not None and (creates or touches) and response.status < 300:
            self.settling.wrote()
        return response

    # --- 5.6: provision ----------------------------------------------------------------------------------------

    def create_entity(self, entity: Entity | JsonObject, **options: Any) -> Response:
        """Create Entity (5.6.1): POST /entities/."""
        response = self.send("POST", "/entities/", body=entity, creates=_entities([entity]), **options)
        unmeasured = self.settling is not None and self.settling.needs("entity")
        if response.status == 201 and unmeasured and not options:  # under another @context its type is another
            self._measure_settling(render(entity))
        return response

    def _measure_settling(self, stored: JsonObject) -> None:
        """Look for a stored Entity by its id and by its type, until both show it."""
        entity_id, kind = stored.get("id"), stored.get("type")
        if self.settling is None or "@context" in stored or not isinstance(entity_id, str) or not isinstance(kind, str):
            return  # the next one will do

        def found() -> bool:
            if self.retrieve_entity(entity_id).status != 200:
                return False
            listed = self.query_entities({"type": kind})
            return listed.status == 200 and entity_id in listed.text

        self.settling.measure("entity", found)

    def update_attributes(self, entity_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Update Attributes (5.6.2): PATCH /entities/{id}/attrs/."""
        return self._on_entity("PATCH", entity_id, "/attrs/", body=fragment, **options)

    def append_attributes(self, entity_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Append Attributes (5.6.3): POST /entities/{id}/attrs/."""
        return self._on_entity("POST", entity_id, "/attrs/", body=fragment, **options)

    def partial_update_attribute(
        self, entity_id: str, name: str, fragment: JsonObject | None, **options: Any
    ) -> Response:
        """Partial Attribute Update (5.6.4): PATCH /entities/{id}/attrs/{name}."""
        return self._on_entity("PATCH", entity_id, f"/attrs/{segment(name)}", body=fragment, **options)

    def delete_attribute(self, entity_id: str, name: str, **options: Any) -> Response:
        """Delete Attribute (5.6.5): DELETE /entities/{id}/attrs/{name}."""
        return self._on_entity("DELETE", entity_id, f"/attrs/{segment(name)}", **options)

    def delete_entity(self, entity_id: str, **options: Any) -> Response:
        """Delete Entity (5.6.6): DELETE /entities/{id}."""
        return self._on_entity("DELETE", entity_id, "", **options)

    def batch_create(self, entities: Sequence[Any], **options: Any) -> Response:
        """Batch Entity Creation (5.6.7)."""
        return self.send("POST", "/entityOperations/create", body=entities, creates=_entities(entities), **options)

    def batch_upsert(self, entities: Sequence[Any], **options: Any) -> Response:
        """Batch Entity Creation or Update (5.6.8)."""
        return self.send("POST", "/entityOperations/upsert", body=entities, creates=_entities(entities), **options)

    def batch_update(self, entities: Sequence[Any], **options: Any) -> Response:
        """Batch Entity Update (5.6.9)."""
        return self.send("POST", "/entityOperations/update", body=entities, touches=_entities(entities), **options)

    def batch_delete(self, entity_ids: Sequence[str], **options: Any) -> Response:
        """Batch Entity Delete (5.6.10)."""
        touches = [entity_resource(entity_id) for entity_id in dict.fromkeys(entity_ids)]
        return self.send("POST", "/entityOperations/delete", body=list(entity_ids), touches=touches, **options)

    def batch_merge(self, entities: Sequence[Any], **options: Any) -> Response:
        """Batch Entity Merge (5.6.20)."""
        return self.send("POST", "/entityOperations/merge", body=entities, touches=_entities(entities), **options)

    def merge_entity(self, entity_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Merge Entity (5.6.17): PATCH /entities/{id}."""
        return self._on_entity("PATCH", entity_id, "", body=fragment, **options)

    def replace_entity(self, entity_id: str, entity: Entity | JsonObject, **options: Any) -> Response:
        """Replace Entity (5.6.18): PUT /entities/{id}."""
        return self._on_entity("PUT", entity_id, "", body=entity, **options)

    def replace_attribute(self, entity_id: str, name: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Replace Attribute (5.6.19): PUT /entities/{id}/attrs/{name}."""
        return self._on_entity("PUT", entity_id, f"/attrs/{segment(name)}", body=fragment, **options)

    def purge_entities(self, params: Parameters, entity_ids: Sequence[str] = (), **options: Any) -> Response:
        """Purge Entities (5.6.21): DELETE /entities/, which is to concern these; none where it is to be refused."""
        touches = [entity_resource(entity_id) for entity_id in entity_ids]
        return self.send("DELETE", "/entities/", params=params, touches=touches, **options)

    def _on_entity(self, method: str, entity_id: str, rest: str, **options: Any) -> Response:
        return self.send(
            method, f"/entities/{segment(entity_id)}{rest}", touches=[entity_resource(entity_id)], **options
        )

    # --- 5.7: consumption --------------------------------------------------------------------------------------

    def retrieve_entity(self, entity_id: str, **options: Any) -> Response:
        """Retrieve Entity (5.7.1): GET /entities/{id}."""
        return self.send("GET", f"/entities/{segment(entity_id)}", **options)

    def query_entities(self, params: Parameters | None = None, **options: Any) -> Response:
        """Query Entities (5.7.2): GET /entities/."""
        return self.send("GET", "/entities/", params=params, **options)

    def query_entities_post(self, query: JsonObject, **options: Any) -> Response:
        """Query Entities (5.7.2): POST /entityOperations/query."""
        return self.send("POST", "/entityOperations/query", body={"type": "Query", **query}, **options)

    def retrieve_types(self, **options: Any) -> Response:
        """Retrieve Available Entity Types (5.7.5, 5.7.6): GET /types/."""
        return self.send("GET", "/types/", **options)

    def retrieve_type(self, type_name: str, **options: Any) -> Response:
        """Retrieve Available Entity Type Information (5.7.7): GET /types/{type}."""
        return self.send("GET", f"/types/{segment(type_name)}", **options)

    def retrieve_attributes(self, **options: Any) -> Response:
        """Retrieve Available Attributes (5.7.8, 5.7.9): GET /attributes/."""
        return self.send("GET", "/attributes/", **options)

    def retrieve_attribute(self, name: str, **options: Any) -> Response:
        """Retrieve Available Attribute Information (5.7.10): GET /attributes/{attrId}."""
        return self.send("GET", f"/attributes/{segment(name)}", **options)

    # --- 5.6.11 to 5.6.16, 5.7.3, 5.7.4: temporal evolution -----------------------------------------------------

    def create_temporal(self, entity: TemporalEntity | JsonObject, **options: Any) -> Response:
        """Create or Update Temporal Evolution of an Entity (5.6.11)."""
        rendered = render(entity)
        creates = [temporal_resource(rendered["id"])] if isinstance(rendered.get("id"), str) else []
        return self.send("POST", "/temporal/entities/", body=rendered, creates=creates, **options)

    def append_temporal_attributes(self, entity_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Add Attributes to Temporal Evolution of an Entity (5.6.12)."""
        return self._on_temporal("POST", entity_id, "/attrs/", body=fragment, **options)

    def delete_temporal_attribute(self, entity_id: str, name: str, **options: Any) -> Response:
        """Delete Attribute from Temporal Evolution of an Entity (5.6.13)."""
        return self._on_temporal("DELETE", entity_id, f"/attrs/{segment(name)}", **options)

    def modify_temporal_instance(
        self, entity_id: str, name: str, instance_id: str, fragment: JsonObject | None, **options: Any
    ) -> Response:
        """Modify Attribute instance in Temporal Evolution of an Entity (5.6.14)."""
        rest = f"/attrs/{segment(name)}/{segment(instance_id)}"
        return self._on_temporal("PATCH", entity_id, rest, body=fragment, **options)

    def delete_temporal_instance(self, entity_id: str, name: str, instance_id: str, **options: Any) -> Response:
        """Delete Attribute instance from Temporal Evolution of an Entity (5.6.15)."""
        return self._on_temporal("DELETE", entity_id, f"/attrs/{segment(name)}/{segment(instance_id)}", **options)

    def delete_temporal(self, entity_id: str, **options: Any) -> Response:
        """Delete Temporal Evolution of an Entity (5.6.16)."""
        return self._on_temporal("DELETE", entity_id, "", **options)

    def retrieve_temporal(self, entity_id: str, **options: Any) -> Response:
        """Retrieve Temporal Evolution of an Entity (5.7.3)."""
        return self.send("GET", f"/temporal/entities/{segment(entity_id)}", **options)

    def query_temporal(self, params: Parameters | None = None, **options: Any) -> Response:
        """Query Temporal Evolution of Entities (5.7.4)."""
        return self.send("GET", "/temporal/entities/", params=params, **options)

    def query_temporal_post(self, query: JsonObject, **options: Any) -> Response:
        """Query Temporal Evolution of Entities (5.7.4) by POST."""
        return self.send("POST", "/temporal/entityOperations/query", body={"type": "Query", **query}, **options)

    def _on_temporal(self, method: str, entity_id: str, rest: str, **options: Any) -> Response:
        path = f"/temporal/entities/{segment(entity_id)}{rest}"
        return self.send(method, path, touches=[temporal_resource(entity_id)], **options)

    # --- 5.8: subscriptions ------------------------------------------------------------------------------------

    def create_subscription(self, subscription: Subscription | JsonObject, **options: Any) -> Response:
        """Create Subscription (5.8.1); the first one is looked for until it shows."""
        rendered = render(subscription)
        known = rendered.get("id")
        creates = [subscription_resource(known) if known else Resource("subscription", None, "/subscriptions/")]
        response = self.send("POST", "/subscriptions/", body=rendered, creates=creates, **options)
        settling = self.settling
        if response.status == 201 and known and settling is not None and settling.needs("subscription"):
            settling.measure("subscription", lambda: self.retrieve_subscription(known).status == 200)
        return response

    def update_subscription(self, subscription_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Update Subscription (5.8.2)."""
        return self._on_subscription("PATCH", subscription_id, body=fragment, **options)

    def retrieve_subscription(self, subscription_id: str, **options: Any) -> Response:
        """Retrieve Subscription (5.8.3)."""
        return self.send("GET", f"/subscriptions/{segment(subscription_id)}", **options)

    def query_subscriptions(self, params: Parameters | None = None, **options: Any) -> Response:
        """Query Subscriptions (5.8.4)."""
        return self.send("GET", "/subscriptions/", params=params, **options)

    def delete_subscription(self, subscription_id: str, **options: Any) -> Response:
        """Delete Subscription (5.8.5)."""
        return self._on_subscription("DELETE", subscription_id, **options)

    def _on_subscription(self, method: str, subscription_id: str, **options: Any) -> Response:
        path = f"/subscriptions/{segment(subscription_id)}"
        return self.send(method, path, touches=[subscription_resource(subscription_id)], **options)

    # --- 5.9: registration (the rest of 5.9 to 5.11 is in `ContextRegistry`) -----------------------------------

    def register_context_source(self, registration: Registration | JsonObject, **options: Any) -> Response:
        """Register Context Source (5.9.2); the first one is looked for until it shows."""
        response = super().register_context_source(registration, **options)
        registration_id = render(registration).get("id")
        settling = self.settling
        if response.status == 201 and registration_id and settling is not None and settling.needs("registration"):
            settling.measure("registration", lambda: self.retrieve_registration(registration_id).status == 200)
        return response


def _carries_context(rendered: Any) -> bool:
    items = rendered if isinstance(rendered, list) else [rendered]
    return any(isinstance(item, Mapping) and "@context" in item for item in items)


def _entities(bodies: Iterable[Any]) -> list[Resource]:
    """The Entities that a payload names; items without an id (negative cases) name none."""
    ids = [
        body.id if isinstance(body, Entity) else body.get("id") for body in bodies if isinstance(body, Entity | dict)
    ]
    return [entity_resource(entity_id) for entity_id in dict.fromkeys(ids) if isinstance(entity_id, str)]
