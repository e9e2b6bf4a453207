"""What the city serves besides its observations: @context, catalogue, map layers and recorded series.

Everything may be read from other origins (CORS), since the map's page and other people's tools do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from functools import cache
from importlib.resources import files

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ldt_stack.city.catalogue import Addresses, document
from ldt_stack.city.entities import THEMES
from ldt_stack.city.replay import Replay
from ldt_stack.serving import in_background

SERIES = ("traffic", "air", "weather", "energy", "parking")
LAYERS = ("streets", "buildings", "water", "parks")
SCHEMAS = (*THEMES, "TrafficFlowForecast", "MLModel")
CACHE_SECONDS = 3600

log = logging.getLogger("ldt_stack.city")


@cache
def data_file(name: str) -> bytes:
    """A file of the package's data, unpacked."""
    content = files("ldt_stack.city").joinpath("data", name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content


def create_app(replay: Replay, addresses: Addresses, modified: datetime, *, run_replay: bool = True) -> Starlette:
    """The application.

    Args:
        modified: When this twin's data sets were last changed as data sets, for the catalogue.
        run_replay: Play the city in the background while the application lives.
    """

    async def catalogue(_: Request) -> Response:
        known = dataclasses.replace(addresses, broker_has_description=replay.broker_has_description)
        return _json(document(known, modified), "application/ld+json")

    async def health(_: Request) -> Response:
        ready = replay.ready.is_set()
        return _json({"status": "up" if ready else "starting"}, status=200 if ready else 503)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with in_background(replay.run(), log) if run_replay else contextlib.nullcontext():
            yield

    return Starlette(
        routes=[
            Route("/", _index),
            Route("/catalog.jsonld", catalogue),
            Route("/contexts/city.jsonld", _context),
            Route("/health", health),
            Route("/data/{name}", _data),
            Route("/schemas/{type}.json", _schema),
        ],
        lifespan=lifespan,
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])],
    )


async def _index(_: Request) -> Response:
    paths = {"catalogue": "/catalog.jsonld", "context": "/contexts/city.jsonld", "health": "/health"}
    return _json({"name": "city of the reference twin", **paths})


async def _context(_: Request) -> Response:
    return _cached(data_file("context.jsonld"), "application/ld+json")


async def _data(request: Request) -> Response:
    name, _, kind = request.path_params["name"].rpartition(".")
    if kind == "csv" and name in SERIES:
        return _cached(data_file(f"{name}.csv.gz"), "text/csv; charset=utf-8")
    if kind == "geojson" and name in LAYERS:
        return _cached(data_file(f"{name}.geojson.gz"), "application/geo+json")
    raise HTTPException(404, f"no such data; there are {', '.join(SERIES)} (.csv) and {', '.join(LAYERS)} (.geojson)")


async def _schema(request: Request) -> Response:
    name = request.path_params["type"]
    if name not in SCHEMAS:
        raise HTTPException(404, f"no such schema; there are {', '.join(SCHEMAS)}")
    return _cached(data_file(f"schemas/{name}.json"), "application/schema+json")


def _json(content: object, media_type: str = "application/json", status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type=media_type)


def _cached(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": f"public, max-age={CACHE_SECONDS}"})
