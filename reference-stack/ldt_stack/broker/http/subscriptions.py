"""Resources `subscriptions/` and `subscriptions/{subscriptionId}`: ETSI GS CIM 009 V1.9.1, clauses 6.10 and 6.11."""

from __future__ import annotations

from urllib.parse import quote

from ldt_stack.broker.http.headers import accept, read_call, read_payload, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, paging_headers, read_paging
from ldt_stack.broker.http.parameters import allow_parameters, read_options
from ldt_stack.broker.http.responses import context_url, created, no_content, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.model.names import NULL
from ldt_stack.broker.operations import subscriptions as operations
from ldt_stack.broker.representation.subscriptions import render_subscription

_PATH = "/ngsi-ld/v1/subscriptions"


async def create_subscription(request: Request) -> Response:
    """POST subscriptions/ (6.10.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    url = None if "jsonldContext" in payload else await context_url(request, call.ld_context)
    identifier = await operations.create_subscription(request.broker, call, payload, context_url=url)
    return created(f"{_PATH}/{quote(identifier, safe=':')}")


async def retrieve_subscription(request: Request) -> Response:
    """GET subscriptions/{subscriptionId} (6.11.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ("options",))
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    call = await read_call(request)
    found = await operations.retrieve_subscription(request.broker, call, request.path_params["subscriptionId"])
    body = render_subscription(found, call.ld_context, sys_attrs=sys_attrs)
    return await respond(request, body, call.ld_context, media_type)


async def query_subscriptions(request: Request) -> Response:
    """GET subscriptions/ (6.10.3.2)."""
    media_type = accept(request)
    allow_parameters(request, (*PAGING_PARAMETERS, "options"))
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    paging = read_paging(request)
    call = await read_call(request)
    page = await operations.query_subscriptions(
        request.broker, call, limit=paging.limit, offset=paging.offset, count=paging.count
    )
    body = [render_subscription(found, call.ld_context, sys_attrs=sys_attrs) for found in page.subscriptions]
    headers = paging_headers(request, paging, more=page.more, count=page.count, media_type=media_type)
    return await respond(request, body, call.ld_context, media_type, headers=headers)


async def update_subscription(request: Request) -> Response:
    """PATCH subscriptions/{subscriptionId} (6.11.3.2)."""
    allow_parameters(request, ())
    fragment, call = await read_payload(request)
    url = await context_url(request, call.ld_context) if fragment.get("jsonldContext") == NULL else None
    subscription_id = request.path_params["subscriptionId"]
    await operations.update_subscription(request.broker, call, subscription_id, fragment, context_url=url)
    return no_content()


async def delete_subscription(request: Request) -> Response:
    """DELETE subscriptions/{subscriptionId} (6.11.3.3)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    await operations.delete_subscription(request.broker, call, request.path_params["subscriptionId"])
    return no_content()


routes = [
    Route(_PATH, create_subscription, methods=["POST"]),
    Route(_PATH, query_subscriptions, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", retrieve_subscription, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", update_subscription, methods=["PATCH"]),
    Route(f"{_PATH}/{{subscriptionId}}", delete_subscription, methods=["DELETE"]),
]
