"""A load run against the embedded broker, through the command line: what it leaves behind, which is nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

START_SECONDS = 30.0
EVER = {"local": "true", "timerel": "before", "timeAt": "2100-01-01T00:00:00Z", "timeproperty": "modifiedAt"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The API root of an empty broker with history."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, "--data", str(tmp_path / "data")])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"{json.loads(ready.read_text(encoding='utf-8'))['broker']}/ngsi-ld/v1"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def test_a_load_run_leaves_no_entity_and_no_history(broker: str, tmp_path: Path) -> None:
    """Entities, and what was recorded of them, are removed; what was there before stays."""
    mine = {"id": "urn:ngsi-ld:Vehicle:1", "type": "Vehicle", "speed": {"type": "Property", "value": 1}}
    assert httpx.post(f"{broker}/entities", json=mine).status_code == 201
    site = tmp_path / "ldt.yaml"
    endpoints = {"broker": {"url": broker, "api": "ngsi-ld"}}
    document = {"site": {"name": "Broker"}, "safety": {"mode": "load"}, "endpoints": endpoints}
    site.write_text(yaml.safe_dump(document), encoding="utf-8")
    options = ["--scenario", "ingest", "--rate", "5", "--duration", "2s", "--out", str(tmp_path / "out")]

    subprocess.run([sys.executable, "-m", "ldt_conformance", "load", str(site), *options], check=False, timeout=100)

    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["load"][-1]["completeness"]["acknowledged"] > 0
    for path, params in (("entities", {"local": "true"}), ("temporal/entities", EVER)):
        left = httpx.get(f"{broker}/{path}", params={**params, "limit": 100}).json()
        assert [entity["id"] for entity in left] == [mine["id"]]
