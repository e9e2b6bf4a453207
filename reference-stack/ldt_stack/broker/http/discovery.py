"""Resources `types/` and `attributes/`: ETSI GS CIM 009 V1.9.1, clauses 6.25 to 6.28; data types 5.2.24 to 5.2.28."""

from __future__ import annotations

import uuid
from typing import Final

from ldt_stack.broker.http.headers import accept, read_call
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, boolean
from ldt_stack.broker.http.responses import respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.consumption import discovery as operations
from ldt_stack.broker.operations.consumption.discovery import AttributeDetails, TypeDetails

_ROOT: Final = "/ngsi-ld/v1"


async def retrieve_entity_types(request: Request) -> Response:
    """GET types/ (6.25.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ("details",))
    detailed = boolean(request.query_params.get("details"), "details")
    call = await read_call(request)
    if detailed:
        details = await operations.retrieve_entity_type_details(request.broker, call)
        elements = [_entity_type(one, call.ld_context) for one in details]
        return await respond(request, elements, call.ld_context, media_type)
    iris = await operations.retrieve_entity_types(request.broker, call)
    body = {"id": _new_id("EntityTypeList"), "type": "EntityTypeList", "typeList": _compact(iris, call.ld_context)}
    return await respond(request, body, call.ld_context, media_type)


async def retrieve_entity_type_information(request: Request) -> Response:
    """GET types/{type} (6.26.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ())
    call = await read_call(request)
    name = request.path_params["type"]
    found = await operations.retrieve_entity_type_information(request.broker, call, name)
    return await respond(request, _entity_type_info(found, call.ld_context), call.ld_context, media_type)


async def retrieve_attributes(request: Request) -> Response:
    """GET attributes/ (6.27.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ("details",))
    detailed = boolean(request.query_params.get("details"), "details")
    call = await read_call(request)
    if detailed:
        details = await operations.retrieve_attribute_details(request.broker, call)
        elements = [_attribute(one, call.ld_context) for one in details]
        return await respond(request, elements, call.ld_context, media_type)
    iris = await operations.retrieve_attributes(request.broker, call)
    body = {"id": _new_id("AttributeList"), "type": "AttributeList", "attributeList": _compact(iris, call.ld_context)}
    return await respond(request, body, call.ld_context, media_type)


async def retrieve_attribute_information(request: Request) -> Response:
    """GET attributes/{attrId} (6.28.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ())
    call = await read_call(request)
    name = request.path_params["attrId"]
    found = await operations.retrieve_attribute_information(request.broker, call, name)
    body = _attribute(found, call.ld_context)
    body |= {"attributeCount": found.instance_count, "attributeTypes": found.kinds}
    return await respond(request, body, call.ld_context, media_type)


def _new_id(data_type: str) -> str:
    """A list exists in its answer alone; its id has to be unique (5.2.24, 5.2.27)."""
    return f"urn:ngsi-ld:{data_type}:{uuid.uuid4()}"


def _compact(iris: list[str], ld_context: LdContext) -> list[str]:
    return sorted(ld_context.compact_iri(iri) for iri in iris)


def _entity_type(found: TypeDetails, ld_context: LdContext) -> JsonObject:
    """Data type EntityType (5.2.25)."""
    return {
        "id": found.entity_type,
        "type": "EntityType",
        "typeName": ld_context.compact_iri(found.entity_type),
        "attributeNames": _compact(list(found.attributes), ld_context),
    }


def _entity_type_info(found: TypeDetails, ld_context: LdContext) -> JsonObject:
    """Data type EntityTypeInfo (5.2.26)."""
    return {
        "id": found.entity_type,
        "type": "EntityTypeInfo",
        "typeName": ld_context.compact_iri(found.entity_type),
        "entityCount": found.entity_count,
        "attributeDetails": [
            {
                "id": attribute,
                "type": "Attribute",
                "attributeName": ld_context.compact_iri(attribute),
                "attributeTypes": kinds,
            }
            for attribute, kinds in found.attributes.items()
        ],
    }


def _attribute(found: AttributeDetails, ld_context: LdContext) -> JsonObject:
    """Data type Attribute (5.2.28), restricted as 5.7.9.4 has it."""
    return {
        "id": found.attribute,
        "type": "Attribute",
        "attributeName": ld_context.compact_iri(found.attribute),
        "typeNames": _compact(found.entity_types, ld_context),
    }


routes = [
    Route(f"{_ROOT}/types", retrieve_entity_types, methods=["GET"]),
    Route(f"{_ROOT}/types/{{type}}", retrieve_entity_type_information, methods=["GET"]),
    Route(f"{_ROOT}/attributes", retrieve_attributes, methods=["GET"]),
    Route(f"{_ROOT}/attributes/{{attrId}}", retrieve_attribute_information, methods=["GET"]),
]
