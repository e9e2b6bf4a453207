"""What the resources of both kinds of Subscriptions share: ETSI GS CIM 009 V1.9.1, clauses 6.10 to 6.13.

Each function takes the operation behind it: one of `operations.subscriptions`, or its sibling of
`operations.registration_subscriptions`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from ldt_stack.broker.http.headers import accept, read_call, read_payload, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, paging_headers, read_paging
from ldt_stack.broker.http.parameters import allow_parameters, read_options
from ldt_stack.broker.http.responses import context_url, created, no_content, respond
from ldt_stack.broker.model.names import NULL, JsonObject
from ldt_stack.broker.operations.subscriptions.subscribing import SubscriptionPage
from ldt_stack.broker.representation.subscriptions import render_subscription


async def answer_create(request: Request, path: str, operation: Callable[..., Awaitable[str]]) -> Response:
    """POST to a collection at a path."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    url = None if "jsonldContext" in payload else await context_url(request, call.ld_context)
    identifier = await operation(request.broker, call, payload, context_url=url)
    return created(f"{path}/{quote(identifier, safe=':')}")


async def answer_retrieve(request: Request, operation: Callable[..., Awaitable[JsonObject]]) -> Response:
    """GET one."""
    media_type = accept(request)
    allow_parameters(request, ("options",))
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    call = await read_call(request)
    found = await operation(request.broker, call, request.path_params["subscriptionId"])
    body = render_subscription(found, call.ld_context, sys_attrs=sys_attrs)
    return await respond(request, body, call.ld_context, media_type)


async def answer_query(request: Request, operation: Callable[..., Awaitable[SubscriptionPage]]) -> Response:
    """GET a page of a collection."""
    media_type = accept(request)
    allow_parameters(request, (*PAGING_PARAMETERS, "options"))
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    paging = read_paging(request)
    call = await read_call(request)
    page = await operation(request.broker, call, limit=paging.limit, offset=paging.offset, count=paging.count)
    body = [render_subscription(found, call.ld_context, sys_attrs=sys_attrs) for found in page.subscriptions]
    shown = replace(paging, offset=page.offset)
    headers = paging_headers(request, shown, more=page.more, count=page.count, media_type=media_type)
    return await respond(request, body, call.ld_context, media_type, headers=headers)


async def answer_update(request: Request, operation: Callable[..., Awaitable[None]]) -> Response:
    """PATCH one."""
    allow_parameters(request, ())
    fragment, call = await read_payload(request)
    url = await context_url(request, call.ld_context) if fragment.get("jsonldContext") == NULL else None
    await operation(request.broker, call, request.path_params["subscriptionId"], fragment, context_url=url)
    return no_content()


async def answer_delete(request: Request, operation: Callable[..., Awaitable[None]]) -> Response:
    """DELETE one."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    await operation(request.broker, call, request.path_params["subscriptionId"])
    return no_content()
