"""Resources `csourceSubscriptions/…`: ETSI GS CIM 009 V1.9.1, clauses 6.12 and 6.13."""

from __future__ import annotations

from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.http.subscribing import (
    answer_create,
    answer_delete,
    answer_query,
    answer_retrieve,
    answer_update,
)
from ldt_stack.broker.operations.subscriptions import registration_subscriptions as operations

_PATH = "/ngsi-ld/v1/csourceSubscriptions"


async def create_registration_subscription(request: Request) -> Response:
    """POST csourceSubscriptions/ (6.12.3.1)."""
    return await answer_create(request, _PATH, operations.create_registration_subscription)


async def retrieve_registration_subscription(request: Request) -> Response:
    """GET csourceSubscriptions/{subscriptionId} (6.13.3.1)."""
    return await answer_retrieve(request, operations.retrieve_registration_subscription)


async def query_registration_subscriptions(request: Request) -> Response:
    """GET csourceSubscriptions/ (6.12.3.2)."""
    return await answer_query(request, operations.query_registration_subscriptions)


async def update_registration_subscription(request: Request) -> Response:
    """PATCH csourceSubscriptions/{subscriptionId} (6.13.3.2)."""
    return await answer_update(request, operations.update_registration_subscription)


async def delete_registration_subscription(request: Request) -> Response:
    """DELETE csourceSubscriptions/{subscriptionId} (6.13.3.3)."""
    return await answer_delete(request, operations.delete_registration_subscription)


routes = [
    Route(_PATH, create_registration_subscription, methods=["POST"]),
    Route(_PATH, query_registration_subscriptions, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", retrieve_registration_subscription, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", update_registration_subscription, methods=["PATCH"]),
    Route(f"{_PATH}/{{subscriptionId}}", delete_registration_subscription, methods=["DELETE"]),
]
