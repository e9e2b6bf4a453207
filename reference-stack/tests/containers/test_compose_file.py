"""What can be known of docker-compose.yml without starting it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ldt_stack.health import answers

REPOSITORY = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
BOTH = pytest.mark.parametrize("name", sorted(SERVICES))


@BOTH
def test_every_image_is_pinned(name: str) -> None:
    """A version with at least two numbers, or a digest; never latest, never a bare name."""
    image = re.sub(r"^\$\{LDT_IMAGE:-(.*)\}$", r"\1", SERVICES[name]["image"])
    _, _, tag = image.partition(":")

    assert "latest" not in image
    assert re.search(r"\d+\.\d+", tag.partition("@")[0]), image


@BOTH
def test_every_service_has_a_health_check_limits_and_a_profile(name: str) -> None:
    """Nothing runs unwatched, unlimited, or unasked for."""
    service = SERVICES[name]

    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"memory", "cpus"} <= set(service["deploy"]["resources"]["limits"])
    assert set(service["profiles"]) <= {"orion-ld", "embedded"}
    assert all(port.startswith("${LDT_ADDRESS:-127.0.0.1}:") for port in service.get("ports", []))


@BOTH
def test_whoever_waits_waits_for_health(name: str) -> None:
    """depends_on always names a condition, and it is health."""
    waits = SERVICES[name].get("depends_on", {})

    assert isinstance(waits, dict)
    assert all(wait["condition"] == "service_healthy" for wait in waits.values())


@BOTH
def test_no_secret_stands_in_the_file(name: str) -> None:
    """Passwords and keys come from the environment, and their absence is an error with a remedy."""
    for key, value in (SERVICES[name].get("environment") or {}).items():
        if re.search(r"PASS|PWD|SECRET|KEY", key):
            assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?.*make-env.*\}", value), key


class Handler(BaseHTTPRequestHandler):
    """200 at /up, 503 elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/up" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_our_health_check_can_fail(url: str) -> None:
    """200 is healthy; 503, a closed port and nonsense are not."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"

        assert answers(f"{url}/up")
        assert not answers(f"{url}/starting")
        assert not answers(closed)
        assert not answers("nonsense")
