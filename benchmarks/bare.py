"""The other side: Starlette and sqlite3, durable, and no NGSI-LD at all. `python -m benchmarks.bare DIR ANSWERS`.

ANSWERS is a JSON file: path with query -> the text to answer a GET with; "*" for any other path. The server is set up
as the broker's is, but that uvicorn sends head and body of an answer as it does by default, in two writes.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

directory, answers_file = Path(sys.argv[1]), Path(sys.argv[2])
answers = {path: text.encode() for path, text in json.loads(answers_file.read_text()).items()}
database = sqlite3.connect(directory / "bare.sqlite", isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE entities (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
UPSERT = "INSERT INTO entities VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"


async def read(request: Request) -> Response:
    """The bytes that the broker answers."""
    found = answers.get(request.url.path)
    return Response(found if found is not None else answers.get("*", b"[]"), media_type="application/json")


async def create(request: Request) -> Response:
    """Durable: the insert is its own transaction, which ends with a sync."""
    body = await request.body()
    database.execute(UPSERT, (orjson.loads(body)["id"], body))
    return Response(status_code=201)


async def upsert(request: Request) -> Response:
    """One executemany, one sync."""
    elements = orjson.loads(await request.body())
    database.execute("BEGIN")
    database.executemany(UPSERT, [(element["id"], orjson.dumps(element)) for element in elements])
    database.execute("COMMIT")
    return Response(status_code=204)


async def nothing(request: Request) -> Response:
    """A write between reads: answered at once, nothing is kept. Harder on the broker, which keeps it."""
    await request.body()
    return Response(status_code=204)


application = Starlette(
    routes=[
        Route("/ngsi-ld/v1/entities", read, methods=["GET"]),
        Route("/ngsi-ld/v1/entities", create, methods=["POST"]),
        Route("/ngsi-ld/v1/entities/{entityId}", read, methods=["GET"]),
        Route("/ngsi-ld/v1/entities/{entityId}", nothing, methods=["PATCH"]),
        Route("/ngsi-ld/v1/entityOperations/upsert", upsert, methods=["POST"]),
    ]
)
listener = socket.create_server(("127.0.0.1", 0))
config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="on", server_header=False)
(directory / "ready.json").write_text(json.dumps({"broker": f"http://127.0.0.1:{listener.getsockname()[1]}"}))
uvicorn.Server(config).run(sockets=[listener])
