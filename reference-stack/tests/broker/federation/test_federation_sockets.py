"""Two brokers as processes of their own, over real sockets: read and write across, and a source that dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

API = "/ngsi-ld/v1"
CAR = "urn:ngsi-ld:Car:1"


@contextmanager
def process(folder: Path, name: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A broker; its URL once it answers."""
    ready = folder / f"{name}.json"
    command = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen([*command, "--set", f"alias={name}"]) as child:
        try:
            deadline = time.monotonic() + 30
            while not ready.exists():
                assert child.poll() is None, "the broker ended"
                assert time.monotonic() < deadline, "the broker did not become ready"
                time.sleep(0.02)
            yield json.loads(ready.read_text())["broker"], child
        finally:
            child.terminate()
            child.wait(20)


def test_a_broker_reads_and_writes_through_another_one(tmp_path: Path) -> None:
    """Everything as in one process; when the other one is gone, what is left is answered with a warning."""
    with ExitStack() as stack:
        (here, _), (there, other) = (stack.enter_context(process(tmp_path, name)) for name in ("here", "there"))
        client = stack.enter_context(httpx.Client(base_url=here + API, timeout=20))
        document = {
            "type": "ContextSourceRegistration",
            "endpoint": there,
            "mode": "redirect",
            "operations": ["redirectionOps"],
            "information": [{"entities": [{"type": "Car"}], "propertyNames": ["speed"]}],
        }
        assert client.post("/csourceRegistrations", json=document).status_code == 201
        entity = {
            "id": CAR,
            "type": "Car",
            "speed": {"type": "Property", "value": 1},
            "brand": {"type": "Property", "value": "VW"},
        }
        assert client.post("/entities", json=entity).status_code == 201
        assert "speed" not in client.get(f"/entities/{CAR}?local=true").json()
        assert httpx.get(f"{there}{API}/entities/{CAR}?options=keyValues").json() == {
            "id": CAR,
            "type": "Car",
            "speed": 1,
        }
        whole = {"id": CAR, "type": "Car", "brand": "VW", "speed": 1}
        assert client.get(f"/entities/{CAR}?options=keyValues").json() == whole
        assert client.get("/entities?type=Car&options=keyValues").json() == [whole]

        other.terminate()
        other.wait(20)

        answer = client.get("/entities?type=Car&options=keyValues")
        assert answer.json() == [{"id": CAR, "type": "Car", "brand": "VW"}]
        assert answer.headers["ngsild-warning"].startswith("199 ")
        update = {"speed": {"type": "Property", "value": 2}}
        assert client.patch(f"/entities/{CAR}/attrs", json=update).status_code == 502
