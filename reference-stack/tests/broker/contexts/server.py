"""A server of @contexts, for tests."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ContextServer:
    """Serves documents at paths; counts requests; every other path is 404."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.hits: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hits.append(self.path)
                status, headers, body = outer.documents.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def serve(self, path: str, context: Any, status: int = 200, **headers: str) -> str:
        """Serve a @context; returns its URL."""
        body = context if isinstance(context, bytes) else json.dumps({"@context": context}).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.documents[path] = (status, {"Content-Type": "application/ld+json", **names}, body)
        return self.url + path


def link(url: str) -> str:
    """A Link header that names a @context."""
    return f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
