"""A broker in a process of its own that is sent anything, and what every one of its answers must be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ..api import ERRORS

DEADLINE_SECONDS = 30.0
"""After so long an answer counts as never given."""


@dataclass
class Fuzzed:
    """A running broker.

    `request` asserts of every answer that it came, and that it is no server error.
    """

    url: str
    log: Path
    client: httpx.Client
    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request; `path` is relative to the API root or absolute. Arguments as httpx has them."""
        answer = self.client.request(method, path, **arguments)
        self.requests += 1
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        assert_no_server_error(answer.status_code, answer.content, f"{method} {answer.request.url}")
        return answer


def assert_no_server_error(status: int, content: bytes, what: str) -> None:
    """504 LdContextNotAvailable is about somebody else's server (5.5.6, 6.3.2); any other 5xx is a fault of ours."""
    if status == 504:
        assert json.loads(content)["type"] == f"{ERRORS}LdContextNotAvailable", what
    else:
        assert status < 500, f"{what} was answered {status}: {content[:500]!r}"


@contextmanager
def fuzzed_broker(directory: Path, *options: str) -> Iterator[Fuzzed]:
    """Start a broker; at the end it still answers, has ended by SIGTERM with 0, and its log has no traceback."""
    ready, log = directory / "ready.json", directory / "broker.log"
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--ready-file", str(ready), *options]
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
        try:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not ready.exists():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the broker did not start"
                time.sleep(0.01)
            url = json.loads(ready.read_text())["broker"]
            with httpx.Client(base_url=f"{url}/ngsi-ld/v1", timeout=DEADLINE_SECONDS, trust_env=False) as client:
                yield Fuzzed(url, log, client)
                assert client.get(f"{url}/health").status_code == 200
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
