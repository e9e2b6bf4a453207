"""The NGSI-LD pack against the embedded broker, which is started as users start it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ldt_conformance.commands.check_run import PLUGINS

START_SECONDS = 30.0
UNDECIDED = {
    ("not-run", "MODE"), ("not-run", "DISRUPTIVE"), ("not-applicable", "SINCE"), ("not-applicable", "UNCLAIMED"),
}  # fmt: skip
INSUFFICIENT = ["inconclusive", "INSUFFICIENT_EVIDENCE"]

pytestmark = pytest.mark.timeout(600)  # a run of the whole pack, on a machine that may be busy


@contextmanager
def started_broker(folder: Path, *options: str, program: tuple[str, str] = ("-m", "ldt_stack.broker")) -> Iterator[str]:
    """The embedded broker in a process of its own (`program` is what Python runs); gives its URL."""
    ready = folder / "ready.json"
    command = [sys.executable, *program, "--port", "0", "--ready-file", str(ready), *options]
    process = subprocess.Popen([*command, "--data", str(folder / "data")])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield str(json.loads(ready.read_text(encoding="utf-8"))["broker"])
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def run_pack(
    folder: Path, url: str, mode: str, *options: str, more: dict[str, Any] | None = None
) -> tuple[int, dict[str, list[Any]]]:
    """Exit status, and check id -> [verdict, reason], of a run of the pack.

    Args:
        more: Further members of the site file; with it the capability mqtt is claimed.
    """
    site = folder / "ldt.yaml"
    document = {
        "site": {"name": "Embedded broker"},
        "claims": {
            "ngsi_ld": "1.9.1",
            "capabilities": ["temporal", "subscriptions", *([] if more is None else ["mqtt"])],
        },
        "safety": {"mode": mode},
        "endpoints": {"broker": {"url": url, "api": "ngsi-ld"}},
        **(more or {}),
    }
    site.write_text(yaml.safe_dump(document), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *(part for name in PLUGINS for part in ("-p", name))]
    command += ["--pyargs", "ldt_conformance.checks.ngsi_ld", "-q"]
    command += ["--ldt-site", str(site), "--ldt-pack", "ngsi-ld", "--ldt-out", str(folder / "out"), *options]
    around = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command += ["-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, env=around, check=False, stdout=subprocess.DEVNULL)
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    run = report["runs"][-1]["id"]
    rows = [row for row in report["results"] if row["run"] == run and row["pack"] == "ngsi-ld"]
    return done.returncode, {row["check"]: [row["verdict"], row["reason"]] for row in rows}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, list[Any]], list[str]]:
    """One run of the whole pack with everything allowed: exit status, verdicts, and what it left at the broker."""
    folder = tmp_path_factory.mktemp("everything")
    with started_broker(folder) as url:
        status, verdicts = run_pack(folder, url, "disruptive", "-n", "2")
        api = f"{url}/ngsi-ld/v1"
        left = httpx.get(f"{api}/types").json()["typeList"]
        for path in ("subscriptions?", "csourceSubscriptions?", "csourceRegistrations?attrs=speed&"):
            left += [item["id"] for item in httpx.get(f"{api}/{path}limit=100").json()]
        return status, verdicts, left


@pytest.mark.xdist_group("pack")  # one worker has the two that look at the run of the whole pack
@pytest.mark.timeout(300)  # whichever of the two is first waits for the run; half a minute on an idle machine
def test_the_right_broker_passes(everything: tuple[int, dict[str, list[Any]], list[str]]):
    """Against the embedded broker nothing fails, the run is verified, and what is no pass has a reason."""
    status, verdicts, _ = everything
    claimed = {name: found for name, found in verdicts.items() if not name.startswith(("mqtt/", "tenants/"))}
    others = {name: found for name, found in claimed.items() if found[0] != "pass"}
    assert [name for name, found in others.items() if found[0] not in {"not-applicable", "info", "warn"}] == []
    assert [name for name, found in others.items() if not found[1]] == []
    assert len(others) <= 5, others
    assert status == 0


@pytest.mark.xdist_group("pack")
@pytest.mark.timeout(300)
def test_nothing_is_left_behind(everything: tuple[int, dict[str, list[Any]], list[str]]):
    """After the run the broker holds no Entity, no Subscription and no Registration of it."""
    assert everything[2] == []


def test_a_site_that_is_only_read_gets_an_answer(tmp_path: Path):
    """In probe mode, every check that can run decides on Entities found at the site, and writes are not run."""
    with started_broker(tmp_path) as url:
        for number in range(2):
            place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [number, 50]}}
            speed = {"type": "Property", "value": number, "observedAt": "2026-03-05T10:00:00Z"}
            body = {"id": f"urn:ngsi-ld:Vehicle:{number}", "type": "Vehicle", "speed": speed, "location": place}
            assert httpx.post(f"{url}/ngsi-ld/v1/entities", json=body).status_code == 201
        status, verdicts = run_pack(tmp_path, url, "probe")
    passed = [name for name, found in verdicts.items() if found[0] == "pass"]
    others = {name: found for name, found in verdicts.items() if found[0] != "pass"}
    assert len(passed) >= 50
    assert {tuple(found) for found in others.values()} <= UNDECIDED
    assert status == 0


def test_an_empty_site_proves_nothing(tmp_path: Path):
    """In probe mode without any Entity, checks that need one are inconclusive, and none passes on an empty answer."""
    with started_broker(tmp_path) as url:
        status, verdicts = run_pack(tmp_path, url, "probe")
    assert verdicts["retrieve-entity/by-id"] == INSUFFICIENT
    assert verdicts["query-entities/by-type"] == INSUFFICIENT
    assert verdicts["retrieve-entity/unknown-id"] == ["pass", None]
    assert [name for name, found in verdicts.items() if found[0] in {"fail", "harness-error"}] == []
    assert status == 3


def test_a_broker_that_cannot_call_us_is_not_blamed(tmp_path: Path):
    """It answers, but may connect to nothing of ours, as from within a container: undecided, and said why."""
    with started_broker(tmp_path, "--outbound-addresses", "192.0.2.0/24") as url:
        chosen = ("-k", "test_notifications or test_ld_context or test_distributed_changes")
        _, verdicts = run_pack(tmp_path, url, "sandbox-write", *chosen)
    groups = ("notification/", "ld-context/", "distributed-")
    judged = {name: found for name, found in verdicts.items() if name.startswith(groups)}
    assert [name for name, found in judged.items() if found[0] == "fail"] == []
    assert judged["ld-context/query-context"] == ["inconclusive", "RECEIVER_UNREACHABLE"]
    assert judged["distributed-update/exclusive"] == ["inconclusive", "RECEIVER_UNREACHABLE"]
    undecided = [name for name, found in judged.items() if found == ["inconclusive", "RECEIVER_UNREACHABLE"]]
    assert len(undecided) > 10, judged
