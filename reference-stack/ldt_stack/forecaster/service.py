"""The forecaster over HTTP: Open Inference Protocol v2, OpenAPI document, health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ldt_stack.forecaster.cycle import Cycle, Served
from ldt_stack.forecaster.model import MODEL_NAME
from ldt_stack.forecaster.protocol import (
    ProtocolError,
    inference_answer,
    model_metadata,
    parse_inference,
    server_metadata,
)
from ldt_stack.serving import in_background

MAX_BODY_BYTES = 8 * 1024 * 1024

log = logging.getLogger("ldt_stack.forecaster")


def package_version() -> str:
    """Version of this package; 0 where it runs from a source tree that is not installed."""
    try:
        return version("ldt-harness")
    except PackageNotFoundError:
        return "0"


def json_answer(content: object, status: int = 200) -> Response:
    """JSON, as the protocol wants it."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def create_app(cycle: Cycle, *, run_cycle: bool = True) -> Starlette:
    """The application.

    Args:
        run_cycle: Learn and publish in the background while the application lives.
    """
    service = _Service(cycle)
    model = "/v2/models/{model}"
    versioned = model + "/versions/{version}"
    routes = [
        Route("/", service.metadata),
        Route("/v2", service.metadata),
        Route("/v2/", service.metadata),
        Route("/v2/health/live", service.live),
        Route("/v2/health/ready", service.ready),
        *(Route(path, service.model) for path in (model, versioned)),
        *(Route(f"{path}/ready", service.model_ready) for path in (model, versioned)),
        *(Route(f"{path}/infer", service.infer, methods=["POST"]) for path in (model, versioned)),
        Route("/openapi.json", service.openapi),
        Route("/health", service.ready),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with in_background(cycle.run(), log) if run_cycle else contextlib.nullcontext():
            yield

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={ProtocolError: _problem, HTTPException: _problem, Exception: _failure},
    )


class _Service:
    """The handlers; each says in its name which route it answers."""

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle

    async def metadata(self, _: Request) -> Response:
        return json_answer(server_metadata(package_version()))

    async def live(self, _: Request) -> Response:
        return json_answer({"live": True})

    async def ready(self, _: Request) -> Response:
        ready = self._cycle.served is not None
        return json_answer({"ready": ready, "status": "up" if ready else "starting"}, 200 if ready else 503)

    async def model(self, request: Request) -> Response:
        served = self._served(request)
        return json_answer(model_metadata([served.version]))

    async def model_ready(self, request: Request) -> Response:
        try:
            served = self._served(request)
        except ProtocolError as error:
            if error.status != 503:
                raise
            return json_answer({"name": MODEL_NAME, "ready": False}, 503)
        return json_answer({"name": MODEL_NAME, "version": served.version, "ready": True})

    async def infer(self, request: Request) -> Response:
        served = self._served(request)
        inference = parse_inference(await _body(request))
        quantiles = await asyncio.to_thread(served.model.predict, inference.features)
        return json_answer(inference_answer(inference, served.version, quantiles))

    async def openapi(self, request: Request) -> Response:
        document = orjson.loads(files("ldt_stack.forecaster").joinpath("openapi.json").read_bytes())
        document["info"]["version"] = package_version()
        document["servers"] = [{"url": str(request.base_url).rstrip("/")}]
        return json_answer(document)

    def _served(self, request: Request) -> Served:
        name, wanted = request.path_params["model"], request.path_params.get("version")
        if name != MODEL_NAME:
            raise ProtocolError(f"no model {name!r:.100}; this server has '{MODEL_NAME}'", 404)
        served = self._cycle.served
        if served is None:
            raise ProtocolError(f"model '{MODEL_NAME}' is not trained yet; ask /v2/health/ready and try again", 503)
        if wanted not in {None, served.version}:
            raise ProtocolError(f"no version {wanted!r:.100} of '{MODEL_NAME}'; {served.version} is served", 404)
        return served


async def _body(request: Request) -> bytes:
    """The request body, within the limit.

    Raises:
        ProtocolError: It is larger (413).
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProtocolError(f"the body has more than {MAX_BODY_BYTES} bytes", 413)
    return bytes(body)


async def _problem(_: Request, error: Exception) -> Response:
    if isinstance(error, ProtocolError):
        headers = {"Retry-After": "2"} if error.status == 503 else None
        return Response(
            orjson.dumps({"error": str(error)}), error.status, headers=headers, media_type="application/json"
        )
    if isinstance(error, HTTPException):
        return Response(
            orjson.dumps({"error": error.detail}),
            error.status_code,
            headers=error.headers,
            media_type="application/json",
        )
    raise error


async def _failure(_: Request, error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return json_answer({"error": "the server failed to answer; its log says why"}, 500)
