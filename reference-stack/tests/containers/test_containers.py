"""The containers, where a Docker Engine is there: the images build, profile `embedded` runs, and it conforms."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import httpx
import pytest
from testcontainers.compose import DockerCompose

REPOSITORY = Path(__file__).parents[3]
IMAGES = REPOSITORY / "reference-stack" / "images"
REAPER = Path(__file__).with_name("reaper.py")
DEBIAN_BASE = "ldt-base:bookworm"
PORTS = ("BROKER", "OBJECTS", "CITY", "FORECASTER", "MAP")
ENTITY = {"id": "urn:ngsi-ld:Bench:kept", "type": "https://example.org/Bench"}

# One worker has all of them: there is one image to build and one twin to start.
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(900)]

_spec = util.spec_from_file_location("reaper", REAPER)
assert _spec is not None
assert _spec.loader is not None
reaper = util.module_from_spec(_spec)
_spec.loader.exec_module(reaper)


@dataclass(frozen=True)
class Twin:
    """The running profile: URLs by role, what Compose was given, and Compose itself."""

    urls: dict[str, str]
    env_file: Path
    project: str
    compose: DockerCompose

    def __getitem__(self, role: str) -> str:
        return self.urls[role]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`docker compose …` on this project."""
        command = [*self.compose.docker_compose_command(), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=200)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, from a range that no outgoing connection takes in the meantime."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(15_000, 29_999)  # noqa: S311 — no secret
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def until(there: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something became true in time."""
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


@pytest.fixture(scope="module")
def compose_plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compose v2, from Debian's archive where the machine has none; nothing of the machine is changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")  # its reaper is an image; ours is reaper.py
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
            folder = tmp_path_factory.mktemp("docker")
            done = subprocess.run([IMAGES / "get-compose.sh", folder], capture_output=True, text=True, check=False)
            assert done.returncode == 0, (
                f"no Docker Compose v2 here, and it could not be fetched: {done.stderr[-2000:]}"
            )
            patch.setenv("DOCKER_CONFIG", str(folder))
        yield


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings as make-env.sh writes them, with free ports and this test's image."""
    lines = [f"LDT_{name}_PORT={port}" for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)]
    lines += [
        f"LDT_IMAGE=ldt-reference:test-{os.getpid()}",
        "LDT_POSTGRES_PASSWORD=unused",
        "LDT_S3_ACCESS_KEY=testkey00000",
        "LDT_S3_SECRET_KEY=testsecret00",
    ]
    path = tmp_path_factory.mktemp("env") / "env"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def project() -> Iterator[str]:
    """A Compose project and an image tag of our own, of which nothing is left, even where this process is killed."""
    name = f"ldt-test-{os.getpid()}"
    command = [sys.executable, str(REAPER), name, f"ldt-reference:test-{os.getpid()}"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("COMPOSE_PROJECT_NAME", name)
        yield name  # leaving the block closes the reaper's standard input and waits for it


@pytest.fixture(scope="module")
def image(project: str) -> str:
    """The image of this checkout: on Debian's own archive where we are root, else on the usual base image."""
    tag = f"ldt-reference:test-{os.getpid()}"
    known = subprocess.run(["docker", "image", "inspect", DEBIAN_BASE], capture_output=True, check=False)
    build = [str(IMAGES / "build.sh"), "python:3.11-slim-bookworm", tag]
    commands = [build]
    if known.returncode == 0 or os.geteuid() == 0:
        build[1] = DEBIAN_BASE
        commands.insert(0, [str(IMAGES / "base" / "make.sh")])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return tag


@pytest.fixture(scope="module")
def twin(compose_plugin: None, image: str, env_file: Path, project: str) -> Iterator[Twin]:
    """The running profile `embedded`; stopped with its volumes at the end."""
    settings = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    urls = {name.lower(): f"http://127.0.0.1:{settings[f'LDT_{name}_PORT']}" for name in PORTS}
    compose = DockerCompose(REPOSITORY, profiles=["embedded"], env_file=str(env_file), wait=True)
    twin = Twin(urls, env_file, project, compose)
    try:
        started = twin.run("up", "--wait")
        assert started.returncode == 0, started.stderr[-2000:] + twin.run("logs", "--tail", "30").stdout
        yield twin
    finally:
        compose.stop()


def test_one_worker_has_all_of_these(request: pytest.FixtureRequest) -> None:
    """The group takes effect: where tests are shared out, two workers would build and start everything twice."""
    shared_out = "PYTEST_XDIST_WORKER" in os.environ

    assert request.node.nodeid.endswith("@docker") == shared_out


@pytest.mark.parametrize("profile", ["orion-ld", "embedded"])
def test_the_file_is_valid(compose_plugin: None, env_file: Path, profile: str) -> None:
    """`docker compose config` resolves both profiles, and each has a broker by the same name in the network."""
    compose = DockerCompose(REPOSITORY, profiles=[profile], env_file=str(env_file))

    services = compose.get_config()["services"]

    brokers = [
        name for name, service in services.items()
        if "context-broker" in ((service["networks"]["twin"] or {}).get("aliases") or [])
    ]  # fmt: skip
    assert brokers == [{"orion-ld": "orion-ld", "embedded": "broker"}[profile]]
    assert {"city", "forecaster", "map"} <= set(services)


@pytest.mark.image
def test_every_part_answers(twin: Twin) -> None:
    """Broker, objects, city, forecaster and map answer on the host, and one forecast entity can be read."""
    forecast = httpx.get(f"{twin['city']}/contexts/city.jsonld").json()["@context"]["TrafficFlowForecast"]
    forecasts = httpx.get(f"{twin['broker']}/ngsi-ld/v1/entities", params={"type": forecast, "limit": "1"}).json()

    assert len(forecasts) == 1
    assert httpx.get(f"{twin['objects']}/healthz").status_code == 200
    assert httpx.get(f"{twin['forecaster']}/v2/health/ready").status_code == 200
    assert "living twin" in httpx.get(f"{twin['map']}/").text.lower()
    assert httpx.get(f"{twin['map']}/api/now", params={"theme": "traffic"}).json()["stations"]


@pytest.mark.image
def test_the_catalogue_names_what_the_host_can_reach(twin: Twin) -> None:
    """No name of the containers' network is published; the broker's description is where the catalogue says."""
    answer = httpx.get(f"{twin['city']}/catalog.jsonld")
    broker = answer.json()["dcat:service"][0]

    assert not [name for name in ("//city:", "//context-broker:", "//forecaster:") if name in answer.text]
    assert broker["dcat:endpointURL"]["@id"] == f"{twin['broker']}/ngsi-ld/v1"
    assert "openapi" in httpx.get(broker["dcat:endpointDescription"]["@id"]).json()


@pytest.mark.image
def test_it_conforms(twin: Twin, tmp_path: Path) -> None:
    """`ldt check` of every pack with the site file of the containers: exit 0, the claimed level proven, no failure."""
    site = tmp_path / "site"
    written = subprocess.run(
        [sys.executable, "-m", "ldt_stack", "site-file", str(site), "--env-file", str(twin.env_file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert written.returncode == 0, written.stderr
    command = [
        sys.executable, "-m", "ldt_conformance", "check", str(site / "ldt.yaml"),
        "--public-host", "host.docker.internal", "--out", str(tmp_path / "out"),
    ]  # fmt: skip

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    rollup: dict[str, Any] = json.loads((tmp_path / "out" / "report.json").read_text())["rollup"]
    assert rollup["verdicts"]["pass"] >= 450
    assert rollup["verdicts"].get("fail", 0) == 0
    assert rollup["citcom_level"] == 1


@pytest.mark.image
def test_every_health_check_can_fail(twin: Twin) -> None:
    """Each service's own health check is 0 now, and is not where the service stands still."""
    services = twin.compose.get_config()["services"]
    containers = {one.Service: one.ID or "" for one in twin.compose.get_containers()}
    assert set(containers) == set(services)

    def health(name: str) -> int:
        kind, *command = services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(
            ["docker", "exec", containers[name], *command], capture_output=True, check=False
        ).returncode

    def both(name: str) -> tuple[int, int]:
        healthy = health(name)
        subprocess.run(["docker", "kill", "--signal", "STOP", containers[name]], check=True, capture_output=True)
        try:
            return healthy, health(name)
        finally:
            subprocess.run(["docker", "kill", "--signal", "CONT", containers[name]], check=True, capture_output=True)

    with ThreadPoolExecutor(2) as pool:  # a checker that is starved of time would fail by itself
        seen = dict(zip(containers, pool.map(both, containers), strict=True))

    assert seen == dict.fromkeys(containers, (0, 1))
    assert until(lambda: all(health(name) == 0 for name in containers))


@pytest.mark.image
def test_a_new_container_finds_the_old_data(twin: Twin) -> None:
    """What an upgrade does: the broker's container is replaced, the entity in its volume is still there."""
    entities = f"{twin['broker']}/ngsi-ld/v1/entities"
    assert httpx.post(entities, json=ENTITY).status_code == 201
    [before] = [one.ID for one in twin.compose.get_containers() if one.Service == "broker"]

    replaced = twin.run("up", "--wait", "--force-recreate", "--no-deps", "broker")

    assert replaced.returncode == 0, replaced.stderr
    assert before not in [one.ID for one in twin.compose.get_containers()]
    assert httpx.get(f"{entities}/{ENTITY['id']}").json()["id"] == ENTITY["id"]


@pytest.mark.image
def test_the_containers_may_do_little(twin: Twin) -> None:
    """Every part runs as a user of its own, without capabilities, within a memory limit."""
    ids = [one.ID or "" for one in twin.compose.get_containers()]
    facts = json.loads(subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True).stdout)

    assert len(facts) == len(PORTS)
    for fact in facts:
        assert fact["Config"]["User"] == "ldt"
        assert fact["HostConfig"]["CapDrop"] == ["ALL"]
        assert fact["HostConfig"]["Memory"] > 0
        assert not fact["State"]["OOMKilled"]
        assert fact["RestartCount"] == 0


@pytest.mark.image
def test_down_removes_everything(twin: Twin) -> None:
    """After `docker compose down --volumes` no container, volume or network of the project is there."""
    assert all(reaper.left(twin.project).values())

    assert twin.run("down", "--volumes").returncode == 0

    assert reaper.left(twin.project) == {"containers": [], "volumes": [], "networks": []}


@pytest.mark.image
def test_a_killed_run_leaves_nothing(image: str) -> None:
    """Where a test run is killed while its containers run, the reaper removes them, their volume and network."""
    project = f"ldt-test-{os.getpid()}-killed"
    label = f"{reaper.LABEL}={project}"
    subprocess.run(["docker", "network", "create", "--label", label, project], check=True, capture_output=True)
    subprocess.run(["docker", "volume", "create", "--label", label, project], check=True, capture_output=True)
    run = [
        "docker",
        "run",
        "-d",
        "--label",
        label,
        "--network",
        project,
        "-v",
        f"{project}:/data",
        image,
        "http.server",
    ]
    subprocess.run(run, check=True, capture_output=True)
    source = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {str(REAPER)!r}, {project!r}, 'ldt-reference:none'], "
        "stdin=subprocess.PIPE, start_new_session=True)\n"
        "print('started', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"started\n"
        assert all(reaper.left(project).values())

        victim.send_signal(signal.SIGKILL)

    assert until(lambda: not any(reaper.left(project).values()))
