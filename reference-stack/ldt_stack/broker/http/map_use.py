"""What a request says about EntityMaps: ETSI GS CIM 009 V1.9.1, tables 6.4.3.2-1 to 6.4.3.2-3 and 5.2.23-1."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.http.messages import Request
from ldt_stack.broker.http.parameters import boolean
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.entity_maps.management import MapInput, MapUsed

MAP_PARAMETERS: Final = ("entityMap", "entityMapLifetime")
MAPS_PATH: Final = "/ngsi-ld/v1/entityMaps"
_HEADER: Final = "ngsild-entitymap"


def read_map(request: Request) -> MapInput:
    """The parameters of a GET and the header.

    Raises:
        BadRequestData: entityMap is no Boolean, or the header has no URI.
    """
    given = request.query_params
    wanted = boolean(given.get("entityMap"), "entityMap")
    return MapInput(named_map(request), wanted, given.get("entityMapLifetime"))


def take_map(request: Request, payload: JsonObject) -> MapInput:
    """The members of a Query (5.2.23), taken out of the payload, and the header.

    Raises:
        BadRequestData: A member has another type, or the header has no URI.
    """
    wanted, lifetime = payload.pop("entityMap", False), payload.get("entityMapLifetime")
    if not isinstance(wanted, bool):
        raise BadRequestData(f'"entityMap" of the Query is {wanted!r}; expected true or false (clause 5.2.23).')
    if "entityMapLifetime" in payload and not isinstance(payload.pop("entityMapLifetime"), str):
        raise BadRequestData('"entityMapLifetime" of the Query is no string (clause 5.2.23).')
    return MapInput(named_map(request), wanted, lifetime)


def map_location(map_id: str) -> str:
    """The resource URI of an EntityMap."""
    return f"{MAPS_PATH}/{quote(map_id, safe=':')}"


def map_header(used: MapUsed) -> dict[str, str]:
    """NGSILD-EntityMap: "the resource URI of the EntityMap resource used in the operation" (table 6.4.3.2-3)."""
    return {"NGSILD-EntityMap": map_location(used.identifier)}


def named_map(request: Request) -> str | None:
    """The id of the map in the header: the last segment of its resource URI, or the id itself."""
    header = request.headers.get(_HEADER)
    if header is None:
        return None
    if not header.strip():
        raise BadRequestData("The header NGSILD-EntityMap is empty; expected the URI of an EntityMap, or leave it out.")
    path = urlsplit(header.strip()).path
    return unquote(path.rpartition("/entityMaps/")[2].strip("/")) if "/entityMaps/" in path else header.strip()
