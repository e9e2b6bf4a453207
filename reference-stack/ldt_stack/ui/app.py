"""The page's server: static files, the city's geometry, and the few questions to the broker that the page has.

Everything the page needs comes from here, so it works without internet and under a strict content security policy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from importlib.resources import as_file, files
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ldt_stack.city.service import LAYERS, data_file
from ldt_stack.ngsi_ld_client import BrokerError, NgsiLdClient
from ldt_stack.ui import twin
from ldt_stack.ui.themes import BY_KEY, THEMES, Theme

REFRESH_SECONDS = 10
BOUNDS = [[24.9352, 60.1642], [24.9534, 60.1791]]  # west south, east north: what the shipped geometry covers
ATTRIBUTION = (
    "Map data © OpenStreetMap contributors, ODbL. Series: Metro Interstate Traffic Volume, Beijing PM2.5, Parking "
    "Birmingham (UCI Machine Learning Repository) and Monash Electricity Hourly, all CC BY 4.0, recorded elsewhere and "
    "replayed here. Drawn with MapLibre GL and Chart.js."
)
SECURITY_HEADERS = {
    # MapLibre runs its worker from a blob; everything else comes from this server.
    "content-security-policy": "default-src 'self'; worker-src blob:; child-src blob:; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class SecurityHeaders:
    """Adds the same headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json", headers={"cache-control": "no-store"})


def _theme(request: Request) -> Theme:
    theme = BY_KEY.get(request.query_params.get("theme", ""))
    if theme is None:
        raise HTTPException(404, f"unknown theme; known: {', '.join(BY_KEY)}")
    return theme


def create_app(client: NgsiLdClient, *, speed: float = 1.0, city: str = "Helsinki") -> Starlette:
    """The application.

    Args:
        client: The broker, with the city's @context.
        speed: Seconds of the city in a second.
        city: Name in the page's head.
    """
    page = files("ldt_stack.ui").joinpath("static", "index.html").read_bytes()

    async def index(_: Request) -> Response:
        return Response(page, media_type="text/html; charset=utf-8")

    async def config(_: Request) -> Response:
        return _json(
            {"city": city, "bounds": BOUNDS, "layers": LAYERS, "attribution": ATTRIBUTION,
             "refresh_seconds": REFRESH_SECONDS, "themes": [asdict(theme) for theme in THEMES]}
        )  # fmt: skip

    async def geometry(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in LAYERS:
            raise HTTPException(404, f"unknown layer; known: {', '.join(LAYERS)}")
        return Response(data_file(f"{name}.geojson.gz"), media_type="application/geo+json")

    async def now(request: Request) -> Response:
        return await _asked(lambda: twin.stations(client, _theme(request)))

    async def series(request: Request) -> Response:
        entity_id = request.query_params.get("id", "")
        if not entity_id.startswith("urn:"):
            raise HTTPException(400, "id: expected the id of an entity")
        return await _asked(lambda: twin.series(client, _theme(request), entity_id, speed))

    async def health(_: Request) -> Response:
        return await _asked(lambda: _alive(client))

    with as_file(files("ldt_stack.ui").joinpath("static")) as directory:
        static = StaticFiles(directory=directory)
    return Starlette(
        routes=[
            Route("/", index),
            Route("/config.json", config),
            Route("/geo/{name}", geometry),
            Route("/api/now", now),
            Route("/api/series", series),
            Route("/health", health),
            Mount("/static", static),
        ],
        middleware=[Middleware(SecurityHeaders)],
    )


async def _asked(question: Callable[[], Awaitable[Any]]) -> Response:
    try:
        return _json(await question())
    except BrokerError as error:
        return _json({"title": "The broker did not answer as expected", "detail": str(error)}, 502)


async def _alive(client: NgsiLdClient) -> dict[str, str]:
    await client.wait_until_answering(seconds=1.0)
    return {"status": "up"}
