"""Small targets for the engine's tests: a broker that can be spoiled, an OpenID provider, a proxy. All on port 0."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
ROOT = "/ngsi-ld/v1"
CREATE = {"entities", "subscriptions", "csourceRegistrations"}


@dataclass
class Seen:
    """One request that a fake received."""

    method: str
    path: str  # with query
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What a fake answers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Served:
    """A threaded HTTP server on a free port; `respond` decides every answer."""

    def __init__(self, respond: Callable[[Seen], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                served.seen.append(seen)
                answer = respond(seen)
                content = answer.body if isinstance(answer.body, bytes) else b""
                headers = dict(answer.headers)
                if answer.body is not None and not isinstance(answer.body, bytes):
                    content = json.dumps(answer.body).encode()
                    headers.setdefault("Content-Type", "application/json")
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

        for method in ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.handle_any)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that breaks off (a refused TLS handshake) is not worth a traceback

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FakeBroker:
    """As much NGSI-LD as the engine's tests need.

    Attributes:
        allowed: Decides by the headers whether a request is let in; others get `refusal`.
        overrides: Path (relative to the API root) -> answer, before anything else.
        sticky: Deletion is acknowledged, but not done.
        nameless: A created subscription is not named in a Location header.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, prefix: str = "") -> None:
        self.stored: dict[str, Any] = {}
        self.allowed: Callable[[dict[str, str]], bool] = lambda headers: True
        self.refusal = 401
        self.overrides: dict[str, Answer] = {}
        self.sticky = False
        self.nameless = False
        self.echo: dict[str, str] = {}
        self._root = prefix + ROOT
        self._served = Served(self._respond, tls)
        self.url = self._served.url + prefix
        self.port = self._served.port

    @property
    def seen(self) -> list[Seen]:
        return self._served.seen

    def written(self) -> list[Seen]:
        """Requests that could have changed something."""
        return [seen for seen in self.seen if seen.method not in {"GET", "HEAD", "OPTIONS"}]

    def close(self) -> None:
        self._served.close()

    def _respond(self, seen: Seen) -> Answer:
        answer = self._answer(seen)
        answer.headers.update(self.echo)
        return answer

    def _answer(self, seen: Seen) -> Answer:
        if not self.allowed(seen.headers):
            return Answer(self.refusal, {"error": "unauthorised"})
        parts = urlsplit(seen.path)
        if not parts.path.startswith(self._root):
            return Answer(404, {"message": "no route"})
        path = unquote(parts.path[len(self._root) :]).rstrip("/")
        if path in self.overrides:
            override = self.overrides[path]
            return Answer(override.status, override.body, dict(override.headers))
        if seen.method == "POST":
            return self._create(path, seen)
        if path == "/types":
            names = sorted({body["type"] for key, body in self.stored.items() if key.startswith("/entities/")})
            return Answer(200, {"id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": names})
        if path.removeprefix("/") in CREATE | {"jsonldContexts"} and seen.method == "GET":
            return Answer(200, self._list(path, parse_qs(parts.query)))
        if path not in self.stored:
            return Answer(404, {"type": f"{ERRORS}ResourceNotFound", "title": "not found"})
        if seen.method == "DELETE":
            if not self.sticky:
                del self.stored[path]
            return Answer(204)
        if seen.method == "PATCH":
            self.stored[path].update(json.loads(seen.body))
            return Answer(204)
        return Answer(200, self.stored[path])

    def _list(self, path: str, query: dict[str, list[str]]) -> list[Any]:
        offset = int(query.get("offset", ["0"])[0])
        wanted = query.get("type", [None])[0]
        members = [
            body
            for key, body in self.stored.items()
            if key.startswith(path + "/") and (wanted is None or body["type"] == wanted)
        ]
        if path == "/jsonldContexts":
            return [f"{self.url}{ROOT}{key}" for key in self.stored if key.startswith(path + "/")]
        return members[offset:]

    def _create(self, path: str, seen: Seen) -> Answer:
        try:
            body = json.loads(seen.body)
        except ValueError:
            return Answer(400, {"type": f"{ERRORS}InvalidRequest", "title": "no JSON"})
        if path.endswith("/query"):
            return Answer(200, [])
        if path.startswith("/entityOperations/"):
            for entity in body:
                if path.endswith("/delete"):
                    self.stored.pop(f"/entities/{entity}", None)
                else:
                    self.stored[f"/entities/{entity['id']}"] = entity
            return Answer(201, [entity["id"] for entity in body]) if not path.endswith("/delete") else Answer(204)
        if path == "/jsonldContexts":
            key = f"{path}/ctx-{len(self.stored)}"
            self.stored[key] = body
            return Answer(201, headers={} if self.nameless else {"Location": f"{ROOT}{key}"})
        if not isinstance(body, dict) or "type" not in body:
            return Answer(400, {"type": f"{ERRORS}BadRequestData", "title": "no type"})
        identifier = body.setdefault("id", f"urn:ngsi-ld:Subscription:server-{len(self.stored)}")
        key = f"{path}/{identifier}"
        if key in self.stored:
            return Answer(409, {"type": f"{ERRORS}AlreadyExists", "title": "there already"})
        self.stored[key] = body
        return Answer(201, headers={} if self.nameless else {"Location": f"{ROOT}{key}"})


class FakeProvider:
    """An OpenID provider: discovery, client credentials, RS256 tokens that live as long as it is told.

    Attributes:
        lifetime_seconds: Of the tokens given from now on.
        issued: Every token, newest last.
        says_expires: Whether answers carry `expires_in`.
    """

    CLIENT = "ldt"
    SECRET = "s3cr3t+of/the=client & co"  # needs encoding in every way there is

    def __init__(self, lifetime_seconds: float = 60.0, tls: ssl.SSLContext | None = None) -> None:
        self.lifetime_seconds = lifetime_seconds
        self.says_expires = True
        self.methods = ["client_secret_basic", "client_secret_post"]
        self.issuer_said: str | None = None
        self.issued: list[str] = []
        self.revoked: set[str] = set()
        self._key = RSAKey.generate_key(2048)
        self._served = Served(self._respond, tls)
        self.url = self._served.url
        self.token_url = f"{self.url}/token"

    @property
    def seen(self) -> list[Seen]:
        return self._served.seen

    def close(self) -> None:
        self._served.close()

    def accepts(self, headers: dict[str, str]) -> bool:
        """Whether a request bears a token of ours that has not ended."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token in self.revoked:
            return False
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"]).claims
        except Exception:  # whatever is wrong with a token, it lets nobody in
            return False
        return bool(claims["exp"] > time.time())

    def _respond(self, seen: Seen) -> Answer:
        if seen.path == "/.well-known/openid-configuration":
            return Answer(
                200,
                {
                    "issuer": self.issuer_said or self.url,
                    "token_endpoint": self.token_url,
                    "token_endpoint_auth_methods_supported": self.methods,
                },
            )
        if seen.path == "/token" and seen.method == "POST":
            return self._token(seen)
        return Answer(404, {"error": "not_found"})

    def _token(self, seen: Seen) -> Answer:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        if self._client(seen, form) != (self.CLIENT, self.SECRET):
            return Answer(401, {"error": "invalid_client"})
        if form.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type"})
        now = time.time()
        claims = {
            "iss": self.url,
            "sub": self.CLIENT,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": len(self.issued),
        }
        token = jwt.encode({"alg": "RS256"}, claims, self._key)
        self.issued.append(token)
        expires = {"expires_in": self.lifetime_seconds} if self.says_expires else {}
        return Answer(200, {"access_token": token, "token_type": "Bearer", **expires})

    @staticmethod
    def _client(seen: Seen, form: dict[str, str]) -> tuple[str, str]:
        kind, _, value = seen.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(value).decode().partition(":")
            return parse_qs(f"v={name}")["v"][0], parse_qs(f"v={secret}")["v"][0]
        return form.get("client_id", ""), form.get("client_secret", "")


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
