"""Resources `subscriptions/` and `subscriptions/{subscriptionId}`: ETSI GS CIM 009 V1.9.1, clauses 6.10 and 6.11."""

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
from ldt_stack.broker.operations.subscriptions import subscriptions as operations

_PATH = "/ngsi-ld/v1/subscriptions"


async def create_subscription(request: Request) -> Response:
    """POST subscriptions/ (6.10.3.1)."""
    return await answer_create(request, _PATH, operations.create_subscription)


async def retrieve_subscription(request: Request) -> Response:
    """GET subscriptions/{subscriptionId} (6.11.3.1)."""
    return await answer_retrieve(request, operations.retrieve_subscription)


async def query_subscriptions(request: Request) -> Response:
    """GET subscriptions/ (6.10.3.2)."""
    return await answer_query(request, operations.query_subscriptions)


async def update_subscription(request: Request) -> Response:
    """PATCH subscriptions/{subscriptionId} (6.11.3.2)."""
    return await answer_update(request, operations.update_subscription)


async def delete_subscription(request: Request) -> Response:
    """DELETE subscriptions/{subscriptionId} (6.11.3.3)."""
    return await answer_delete(request, operations.delete_subscription)


routes = [
    Route(_PATH, create_subscription, methods=["POST"]),
    Route(_PATH, query_subscriptions, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", retrieve_subscription, methods=["GET"]),
    Route(f"{_PATH}/{{subscriptionId}}", update_subscription, methods=["PATCH"]),
    Route(f"{_PATH}/{{subscriptionId}}", delete_subscription, methods=["DELETE"]),
]
