"""Where Context Sources send the notifications of Subscriptions that were forwarded to them (5.8.1.4, 5.8.6)."""

from __future__ import annotations

from ldt_stack.broker.federation.forwarding import PATH
from ldt_stack.broker.http.headers import read_payload
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.subscriptions.received_notifications import receive_notification


async def receive(request: Request) -> Response:
    """POST federation/notifications/{token}: 200, as a notification wants it (5.8.6)."""
    payload, call = await read_payload(request)
    await receive_notification(request.broker, request.path_params["token"], payload, call.ld_context)
    return Response(status=200)


routes = [Route(f"{PATH}/{{token}}", receive, methods=["POST"])]
