"""Resources `snapshots/`, `snapshots/{snapshotId}` and `snapshots/{snapshotId}/clone`, and operations on a Snapshot.

ETSI GS CIM 009 V1.9.1, clauses 6.36, 6.37, 6.38 and 6.3.22.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from ldt_stack.broker.errors import OperationNotSupported
from ldt_stack.broker.http.headers import (
    SNAPSHOT_HEADER,
    accept,
    read_call,
    read_payload,
    refuse_geojson,
    tenant_of,
)
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters
from ldt_stack.broker.http.responses import created, no_content, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.snapshots import management as snapshots

_API: Final = "/ngsi-ld/v1/"
_PATH: Final = f"{_API}snapshots"
# 5.5.15: "Operations permitted on Snapshots are the same as those specified for the Core API and … the Temporal API".
_PERMITTED: Final = ("attributes", "entities", "entityOperations", "subscriptions", "temporal", "types")
_NOT_PERMITTED: Final = "temporal/entityMaps"


def takes_snapshot(path: str) -> bool:
    """Whether operations on a resource can be executed on a Snapshot (5.5.15)."""
    resource = path.removeprefix(_API)
    return resource.partition("/")[0] in _PERMITTED and resource.strip("/") != _NOT_PERMITTED


async def enter_snapshot(request: Request, path: str) -> None:
    """Check the header NGSILD-Snapshot of a request that has it, before the operation begins (6.3.22).

    Raises:
        BadRequestData, ResourceNotFound, Conflict: As `operations.snapshots.use_snapshot`.
        OperationNotSupported: The resource is none on which a Snapshot can be named.
    """
    if not path.startswith(_API):
        return
    if not takes_snapshot(path):
        raise OperationNotSupported(
            f"An operation on {path} cannot be executed on a Snapshot (clause 5.5.15); leave NGSILD-Snapshot out."
        )
    await snapshots.use_snapshot(request.broker, tenant_of(request), request.headers[SNAPSHOT_HEADER])


async def create_snapshot(request: Request) -> Response:
    """POST snapshots/ (6.36.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    return _created(await snapshots.create_snapshot(request.broker, call, payload))


async def purge_snapshots(request: Request) -> Response:
    """DELETE snapshots/ (6.36.3.2)."""
    allow_parameters(request, ("q",))
    refuse_geojson(request)
    call = await read_call(request)
    await snapshots.purge_snapshots(request.broker, call, request.query_params.get("q"))
    return no_content()


async def retrieve_snapshot_status(request: Request) -> Response:
    """GET snapshots/{snapshotId} (6.37.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ())
    call = await read_call(request)
    found = await snapshots.retrieve_snapshot_status(request.broker, call, request.path_params["snapshotId"])
    return await respond(request, found, call.ld_context, media_type)


async def update_snapshot_status(request: Request) -> Response:
    """PATCH snapshots/{snapshotId} (6.37.3.2)."""
    media_type = accept(request)
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    snapshot_id = request.path_params["snapshotId"]
    updated = await snapshots.update_snapshot_status(request.broker, call, snapshot_id, payload)
    return await respond(request, updated, call.ld_context, media_type)


async def delete_snapshot(request: Request) -> Response:
    """DELETE snapshots/{snapshotId} (6.37.3.3)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    await snapshots.delete_snapshot(request.broker, call, request.path_params["snapshotId"])
    return no_content()


async def clone_snapshot(request: Request) -> Response:
    """POST snapshots/{snapshotId}/clone (6.38.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    snapshot_id = request.path_params["snapshotId"]
    return _created(await snapshots.clone_snapshot(request.broker, call, snapshot_id, payload))


def _created(snapshot_id: str) -> Response:
    return created(f"{_PATH}/{quote(snapshot_id, safe=':')}")


_ONE: Final = f"{_PATH}/{{snapshotId}}"
routes = [
    Route(_PATH, create_snapshot, methods=["POST"]),
    Route(_PATH, purge_snapshots, methods=["DELETE"]),
    Route(_ONE, retrieve_snapshot_status, methods=["GET"]),
    Route(_ONE, update_snapshot_status, methods=["PATCH"]),
    Route(_ONE, delete_snapshot, methods=["DELETE"]),
    Route(f"{_ONE}/clone", clone_snapshot, methods=["POST"]),
]
