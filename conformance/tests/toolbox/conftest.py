"""Small twins over HTTP, and what a check says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.declare import declaration_of
from ldt_conformance.engine.judging.outcomes import result_of
from ldt_conformance.engine.report import Result
from ldt_conformance.engine.run.session import Options, Session
from ldt_conformance.engine.run_context import RunContext

Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Reply = Answer | Callable[[Request], Answer]
Judge = Callable[..., Result]


def answer_of(table: Mapping[str, Reply]) -> Callable[[Request], Response]:
    """A server that answers by `METHOD path`, or by path alone; everything else is 404 with a JSON body."""

    def respond(request: Request) -> Response:
        reply = table.get(f"{request.method} {request.path}", table.get(request.path, (404, {"title": "none"})))
        status, body, *more = reply(request) if callable(reply) else reply
        headers = {"Content-Type": "application/json"} | dict(more[0] if more else {})
        text = body if isinstance(body, str) else json.dumps(body)
        return Response("" if body is None else text, status, headers)

    return respond


@pytest.fixture
def judge(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Judge]:
    """Runs a check against a twin: `judge(check, table, endpoints={role: {…}}, **sections of the site file)`.

    URLs of the endpoints are relative to the server. The result is made as the engine makes it.
    """
    opened: list[Session] = []

    def run(check: Any, table: Mapping[str, Reply], endpoints: dict[str, Any], **sections: Any) -> Result:
        httpserver.clear()
        httpserver.expect_request(re.compile(".*")).respond_with_handler(answer_of(table))
        root = httpserver.url_for("").rstrip("/")
        named = {
            role: entry | ({"url": root + entry["url"]} if "url" in entry else {}) for role, entry in endpoints.items()
        }
        site = tmp_path / "ldt.yaml"
        document = {"site": {"name": "Test twin"}, "endpoints": named} | sections
        site.write_text(yaml.safe_dump(document), encoding="utf-8")
        session = Session.open(Options(site=str(site), mode="sandbox-write", out=str(tmp_path / "out")))
        opened.append(session)
        context = RunContext(session.settings)
        declaration = declaration_of(check)
        assert declaration is not None
        session.services.recorder.begin(declaration.id)
        error: Exception | None = None
        try:
            check(Twin(session.target), context)
        except Exception as raised:  # an outcome, or our own mistake: result_of tells them apart
            error = raised
        return result_of(
            declaration, run="test", error=error, exchanges=session.services.recorder.current, context=context
        )

    yield run
    for session in opened:
        session.close()
