"""What whoever runs the broker asks it: health, version, metrics, OpenAPI document; and its identity (5.15.1, 6.33)."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version

from ldt_stack.broker.federation.loops import own_alias
from ldt_stack.broker.http.headers import accept, read_call
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.metrics import CONTENT_TYPE, Figure, process_figures
from ldt_stack.broker.http.openapi import NGSI_LD_VERSION, openapi
from ldt_stack.broker.http.parameters import allow_parameters
from ldt_stack.broker.http.responses import json_response, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.ld_context import CORE_VERSION
from ldt_stack.broker.spaces import split_space
from ldt_stack.broker.store.data import DocumentKind

_STARTED = time.monotonic()


def package_version() -> str:
    """The version of the installed package, or "unknown" in a bare source tree."""
    try:
        return version("ldt-harness")
    except PackageNotFoundError:
        return "unknown"


async def health(request: Request) -> Response:
    """200 if the store answers; a broken store becomes the 500 of its error."""
    await request.broker.store.read(None, lambda snapshot: snapshot.count_documents(DocumentKind.SUBSCRIPTION))
    return json_response({"status": "up"})


async def show_version(request: Request) -> Response:
    """Versions of the software and of what it implements."""
    return json_response(
        {
            "name": "ldt-broker",
            "version": package_version(),
            "ngsiLd": NGSI_LD_VERSION,
            "coreContext": CORE_VERSION,
            "uptimeSeconds": round(uptime_seconds(), 3),
        }
    )


def uptime_seconds() -> float:
    """Since this module was loaded, that is since the process started to be a broker."""
    return time.monotonic() - _STARTED


async def source_identity(request: Request) -> Response:
    """Retrieve Context Source Identity Information (6.33.3.1; members of 5.2.40)."""
    media_type = accept(request)
    allow_parameters(request, ())
    call = await read_call(request)
    broker = request.broker
    alias = own_alias(broker.settings.alias, call.tenant)
    identity = {
        "id": f"urn:ngsi-ld:ContextSourceIdentity:{alias}",
        "type": "ContextSourceIdentity",
        "contextSourceAlias": alias,
        "contextSourceUptime": _duration(uptime_seconds()),
        "contextSourceTimeAt": broker.now(),
    }
    return await respond(request, identity, call.ld_context, media_type)


def _duration(seconds: float) -> str:
    """An ISO 8601 duration."""
    return f"PT{int(seconds)}S"


async def show_metrics(request: Request) -> Response:
    """Counters and gauges in the Prometheus text format."""
    broker, metrics = request.broker, request.app.metrics
    spaces = await broker.store.tenants()
    snapshots = sum(split_space(space)[1] is not None for space in spaces)
    notified = broker.notifier.figures()
    attempts = (('{outcome="delivered"}', float(notified.delivered)), ('{outcome="failed"}', float(notified.failed)))
    figures = [
        Figure.of("ldt_broker_requests_in_flight", "Requests being answered.", metrics.in_flight),
        Figure("ldt_broker_notifications_total", "Attempts at notifications.", attempts),
        Figure.of("ldt_broker_notifications_owed", "Notifications that wait to be sent.", notified.owed),
        Figure.of("ldt_broker_uptime_seconds", "Since the start.", uptime_seconds()),
        Figure.of("ldt_broker_tenants", "Tenants that exist, the default one too.", len(spaces) - snapshots),
        Figure.of("ldt_broker_snapshots", "Snapshots that are kept, of all tenants.", snapshots),
        Figure.of("ldt_broker_open_tenants", "Tenants with open files.", len(await broker.store.open_tenants())),
        Figure.of("ldt_broker_cached_contexts", "Downloaded @context documents.", len(broker.contexts.documents)),
        *process_figures(),
    ]
    return Response(metrics.render(figures).encode(), media_type=CONTENT_TYPE)


async def show_openapi(request: Request) -> Response:
    """This document."""
    return json_response(openapi(request.app.router.routes, package_version()))


routes = [
    Route("/health", health),
    Route("/metrics", show_metrics),
    Route("/openapi.json", show_openapi),
    Route("/version", show_version),
    Route("/ngsi-ld/v1/info/sourceIdentity", source_identity),
]
