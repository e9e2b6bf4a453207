"""The containers, where a Docker Engine is there: the images build, profile `embedded` runs, and it conforms."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from testcontainers.compose import DockerCompose

REPOSITORY = Path(__file__).parents[3]
IMAGES = REPOSITORY / "reference-stack" / "images"
BASE, IMAGE = "ldt-base:bookworm", "ldt-reference:test"
PORTS = ("BROKER", "OBJECTS", "CITY", "FORECASTER", "MAP")

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(560)]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def compose_plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compose v2, from Debian's archive where the machine has none; nothing of the machine is changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")  # its reaper is an image that may not be reachable
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
            folder = tmp_path_factory.mktemp("docker")
            subprocess.run([IMAGES / "get-compose.sh", str(folder)], check=True, capture_output=True)
            patch.setenv("DOCKER_CONFIG", str(folder))
        yield


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings as make-env.sh writes them, with free ports and this test's image."""
    ports = zip(PORTS, free_ports(len(PORTS)), strict=True)
    lines = [f"LDT_{name}_PORT={port}" for name, port in ports]
    lines += [
        f"LDT_IMAGE={IMAGE}",
        "LDT_POSTGRES_PASSWORD=unused",
        "LDT_S3_ACCESS_KEY=testkey00000",
        "LDT_S3_SECRET_KEY=testsecret00",
    ]
    path = tmp_path_factory.mktemp("env") / "env"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def image() -> str:
    """The image of this checkout, on a base image from Debian's archive."""
    for command in ([IMAGES / "base" / "make.sh"], [IMAGES / "build.sh", BASE, IMAGE]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return IMAGE


@pytest.fixture(scope="module")
def twin(compose_plugin: None, image: str, env_file: Path) -> Iterator[dict[str, str]]:
    """The running profile `embedded`: URLs by role; stopped with its volumes at the end."""
    project = f"ldt-test-{os.getpid()}"
    settings = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_PROJECT_NAME", project)
        with DockerCompose(REPOSITORY, profiles=["embedded"], env_file=str(env_file), wait=True):
            yield {name.lower(): f"http://127.0.0.1:{settings[f'LDT_{name}_PORT']}" for name in PORTS}
        left = subprocess.run(
            ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={project}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert left.stdout == "", "containers were left behind"


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


@pytest.mark.soak
def test_every_part_answers(twin: dict[str, str]) -> None:
    """Broker, objects, city, forecaster and map answer on the host, and one forecast entity can be read."""
    forecast = httpx.get(f"{twin['city']}/contexts/city.jsonld").json()["@context"]["TrafficFlowForecast"]
    forecasts = httpx.get(f"{twin['broker']}/ngsi-ld/v1/entities", params={"type": forecast, "limit": "1"}).json()

    assert len(forecasts) == 1
    assert httpx.get(f"{twin['objects']}/healthz").status_code == 200
    assert httpx.get(f"{twin['forecaster']}/v2/health/ready").status_code == 200
    assert "living twin" in httpx.get(f"{twin['map']}/").text.lower()
    assert httpx.get(f"{twin['map']}/api/now", params={"theme": "traffic"}).json()["stations"]


@pytest.mark.soak
def test_it_conforms(twin: dict[str, str], tmp_path: Path) -> None:
    """`ldt check` of the NGSI-LD pack against the container: exit 0, and passes among the verdicts."""
    command = [
        sys.executable, "-m", "ldt_conformance", "check", twin["broker"], "--pack", "ngsi-ld",
        "--mode", "sandbox-write", "--out", str(tmp_path / "out"),
    ]  # fmt: skip

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    verdicts = json.loads((tmp_path / "out" / "report.json").read_text())["rollup"]["verdicts"]
    assert verdicts["pass"] >= 60
    assert verdicts.get("fail", 0) == 0
