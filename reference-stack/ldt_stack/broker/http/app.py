"""The ASGI application: one request in, one answer out, and whatever goes wrong as a problem document.

A resource module has `routes: list[Route]`; paths are relative to the server root (`/ngsi-ld/v1/…`). Endpoints take a
Starlette `Request` and raise `NgsiLdError` or `HttpError`.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import time

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

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
from ldt_stack.broker.http.metrics import Metrics
from ldt_stack.broker.http.problems import HttpError, problem_response
from ldt_stack.broker.http.request import BrokerRequest
from ldt_stack.broker.http.routing import Router
from ldt_stack.broker.logs import ACCESS, REQUEST_ID, log_access
from ldt_stack.broker.service import Broker
from ldt_stack.broker.settings import BrokerSettings

# Counted from anywhere: os.urandom for each would hand the interpreter over, and wait to have it back.
_request_ids = itertools.count(int.from_bytes(os.urandom(7), "big") << 8)
_log = logging.getLogger(__name__)
_API = "/ngsi-ld/"
_RETRIEVALS = frozenset({"GET", "HEAD"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")
_ECHOED = (b"ngsild-tenant", b"ngsild-snapshot")  # 6.3.14, 6.3.22: "shall also be present in HTTP response"


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
            by_page = any(name == b"origin" for name, _ in scope["headers"])
            answer = self._cors if by_page and self._cors is not None else self._http
            await answer(scope, receive, send)
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
        begun = time.perf_counter()
        scope["broker"], scope["app"] = self.broker, self
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        given = next((value for name, value in headers if name == b"x-request-id"), b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else b"%016x" % next(_request_ids)
        scope["request_id"] = request_id.decode()
        REQUEST_ID.set(scope["request_id"])
        echoed = [(name, value) for name, value in headers if name in _ECHOED]
        extra = [(b"x-request-id", request_id), *echoed]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                warnings = [(b"ngsild-warning", text.encode()) for text in scope.get("warnings", ())]  # 6.3.17
                message["headers"] = [*message["headers"], *extra, *warnings]
            await send(message)

        self.metrics.in_flight += 1
        try:
            request = BrokerRequest(scope, receive)
            response = await self._answer(request)
            if response.status_code == 200 and scope["method"] in _RETRIEVALS and scope["path"].startswith(_API):
                response = conditional(request, response)
            await response(scope, receive, send_with_headers)
        finally:
            self.metrics.in_flight -= 1
        seconds = time.perf_counter() - begun
        self.metrics.answered(scope["method"], response.status_code, seconds)
        if ACCESS.isEnabledFor(logging.INFO):
            tenant = next((value.decode("latin-1") for name, value in echoed if name == b"ngsild-tenant"), "")
            log_access(scope["method"], scope["path"], response.status_code, seconds, tenant)

    async def _answer(self, request: Request) -> Response:
        try:
            raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
            path = raw_path.decode("latin-1").partition("?")[0]
            endpoint, request.scope["path_params"] = self.router.find(request.method, path)
            await snapshots.enter_snapshot(request, path)
            return await endpoint(request)
        except NgsiLdError as error:
            return problem_response(error)
        except HttpError as error:
            return error.response()
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            request_id = request.scope["request_id"]
            _log.exception("request %s: %s %s failed", request_id, request.method, request.url.path)
            return problem_response(
                InternalError(f"The broker failed on this request; its log says why under request id {request_id}")
            )


def create_app(settings: BrokerSettings) -> BrokerApp:
    """The application for a server or a test client."""
    return BrokerApp(settings)
