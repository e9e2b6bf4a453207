"""The ASGI application: one request in, one answer out, and whatever goes wrong as a problem document.

A resource module has `routes: list[Route]`; paths are relative to the server root (`/ngsi-ld/v1/…`). Endpoints take a
`Request` and raise `NgsiLdError` or `HttpError`.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import time

from starlette.types import Receive, Scope, Send

from ldt_stack.broker.assembly import create_broker
from ldt_stack.broker.errors import InternalError, NgsiLdError
from ldt_stack.broker.http import (
    attributes,
    batch,
    contexts,
    discovery,
    entities,
    entity_maps,
    federation,
    operability,
    purge,
    queries,
    registration_subscriptions,
    registrations,
    snapshots,
    subscriptions,
    temporal,
)
from ldt_stack.broker.http.conditional import conditional
from ldt_stack.broker.http.cors import cross_origin
from ldt_stack.broker.http.headers import SNAPSHOT_HEADER, TENANT_HEADER
from ldt_stack.broker.http.messages import ClientDisconnectedError, Request, Response
from ldt_stack.broker.http.metrics import Metrics
from ldt_stack.broker.http.problems import HttpError, problem_response
from ldt_stack.broker.http.routing import Route, Router
from ldt_stack.broker.logs import ACCESS, REQUEST_ID, log_access
from ldt_stack.broker.service import Broker
from ldt_stack.broker.settings import BrokerSettings

# Counted from anywhere: os.urandom for each would hand the interpreter over, and wait to have it back.
_request_ids = itertools.count(int.from_bytes(os.urandom(7), "big") << 8)
_log = logging.getLogger(__name__)
_API = "/ngsi-ld/"
_RETRIEVALS = frozenset({"GET", "HEAD"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")
_ECHOED = (TENANT_HEADER, SNAPSHOT_HEADER)  # 6.3.14, 6.3.22: "shall also be present in HTTP response"


def all_routes() -> list[Route]:
    """Every resource of the broker; a module is plugged in here."""
    return [
        *entities.routes,
        *entity_maps.routes,
        *attributes.routes,
        *batch.routes,
        *contexts.routes,
        *discovery.routes,
        *federation.routes,
        *operability.routes,
        *purge.routes,
        *queries.routes,
        *registration_subscriptions.routes,
        *registrations.routes,
        *snapshots.routes,
        *subscriptions.routes,
        *temporal.routes,
    ]


class BrokerApp:
    """ASGI. The broker is made at start-up and closed at shut-down (lifespan), or with `startup` and `shutdown`.

    Attributes:
        metrics: Counts answers.
        broker: Set between start-up and shut-down.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.broker: Broker | None = None
        self.router = Router(all_routes())
        self.metrics = Metrics()
        self._cors = cross_origin(self._http, settings.cors_origins)

    async def startup(self) -> None:
        """Open the store and begin to deliver."""
        self.broker = create_broker(self.settings)
        await self.broker.start()

    async def shutdown(self) -> None:
        """Deliver no more, close the store."""
        if self.broker is not None:
            await self.broker.close()
            self.broker = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection event of ASGI."""
        if scope["type"] == "http":
            if self._cors is not None and any(name == b"origin" for name, _ in scope["headers"]):
                await self._cors(scope, receive, send)
            else:
                await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            step = message["type"].rpartition(".")[2]
            try:
                await (self.startup() if step == "startup" else self.shutdown())
            except NgsiLdError as error:
                await send({"type": f"lifespan.{step}.failed", "message": error.detail})
                return
            await send({"type": f"lifespan.{step}.complete"})
            if step == "shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.broker is None:
            raise RuntimeError("This broker has not been started; see startup()")
        begun = time.perf_counter()
        request = Request(self, self.broker, scope, receive)
        given = request.headers.get("x-request-id")
        request.id = given if given and _REQUEST_ID.fullmatch(given) else f"{next(_request_ids):016x}"
        REQUEST_ID.set(request.id)
        self.metrics.in_flight += 1
        try:
            response = await self._answer(request)
            if response.status == 200 and request.method in _RETRIEVALS and request.path.startswith(_API):
                response = conditional(request, response)
            _add_headers(request, response)
            await response.send(send)
        finally:
            self.metrics.in_flight -= 1
        seconds = time.perf_counter() - begun
        self.metrics.answered(request.method, response.status, seconds)
        if ACCESS.isEnabledFor(logging.INFO):
            tenant = request.headers.get(TENANT_HEADER, "")
            log_access(request.method, request.path, response.status, seconds, tenant)

    async def _answer(self, request: Request) -> Response:
        try:
            path = request.raw_path
            endpoint, request.path_params = self.router.find(request.method, path)
            if SNAPSHOT_HEADER in request.headers:
                await snapshots.enter_snapshot(request, path)
            return await endpoint(request)
        except NgsiLdError as error:
            return problem_response(error)
        except HttpError as error:
            return error.response()
        except ClientDisconnectedError:
            return Response(status=400)
        except Exception:
            _log.exception("request %s: %s %s failed", request.id, request.method, request.path)
            return problem_response(
                InternalError(f"The broker failed on this request; its log says why under request id {request.id}")
            )


def _add_headers(request: Request, response: Response) -> None:
    """What every answer has, whatever it is."""
    response.headers.append((b"x-request-id", request.id.encode()))
    for name in _ECHOED:
        if name in request.headers:
            response.headers.append((name.encode(), request.headers[name].encode("latin-1")))
    for warning in request.warnings:
        response.headers.append((b"ngsild-warning", warning.encode()))  # 6.3.17


def create_app(settings: BrokerSettings) -> BrokerApp:
    """The application for a server or a test client."""
    return BrokerApp(settings)
