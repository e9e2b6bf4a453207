"""The parts of a twin: where each listens and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ldt_stack.city.clock import rfc3339
from ldt_stack.objects.s3 import Credentials
from ldt_stack.objects.seaweed import LOOPBACK, ObjectServer, object_server
from ldt_stack.supervisor.ports import free_ports, next_free, require_free
from ldt_stack.supervisor.workspace import Workspace

PREFERRED_PORTS = {"objects": 8333, "forecaster": 8800, "city": 8700, "ui": 8080}


@dataclass(frozen=True, slots=True)
class Part:
    """One part, ready to be started.

    Attributes:
        environment: May hold secrets: never printed.
        ready_file: Written by the part itself; None where its health is asked instead.
    """

    name: str
    url: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be started, in this order."""

    parts: tuple[Part, ...]
    store: ObjectServer | None

    def url(self, name: str) -> str | None:
        """Where a part answers; None where it is not part of this twin."""
        return next((part.url for part in self.parts if part.name == name), None)


def choose_ports(names: tuple[str, ...], host: str, port: int) -> dict[str, int]:
    """A port for each part: the asked one for the broker, the usual ones or their neighbours for the rest.

    Raises:
        UsageError: The asked port is not free.
    """
    chosen: dict[str, int] = {}
    for name in names:
        address = LOOPBACK if name == "objects" else host
        if name == names[0]:
            chosen[name] = require_free(address, port)
        elif port == 0:
            chosen[name] = free_ports(1, address)[0]
        else:
            chosen[name] = next_free(address, PREFERRED_PORTS[name], set(chosen.values()))
    return chosen


def make_plan(
    names: tuple[str, ...],
    host: str,
    ports: Mapping[str, int],
    workspace: Workspace,
    credentials: Credentials,
    clock: tuple[datetime, float],
) -> Plan:
    """Commands and URLs of the wanted parts.

    Args:
        clock: Epoch and speed, the same for all parts.
    """
    reachable = {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 — compared, not bound
    urls = {name: f"http://{LOOPBACK if name == 'objects' else reachable}:{ports[name]}" for name in names}
    store = None
    if "objects" in names:
        store = object_server(workspace.directory / "objects", credentials, free_ports, ports["objects"])
    if store is None:
        urls.pop("objects", None)
    time_options = ("--epoch", rfc3339(clock[0]), "--speed", f"{clock[1]:g}")
    options: dict[str, tuple[str, ...]] = {
        "broker": ("--data", str(workspace.directory / "broker")),
        "forecaster": (*_known(urls, "broker", "objects"), *_context(urls), *time_options),
        "city": (*_known(urls, "broker", "forecaster"), *time_options),
        "ui": (*_known(urls, "broker"), *_context(urls), "--speed", f"{clock[1]:g}"),
    }
    keys = {"AWS_ACCESS_KEY_ID": credentials.access_key, "AWS_SECRET_ACCESS_KEY": credentials.secret_key}
    parts = []
    for name in names:
        if name == "objects":
            if store is not None:
                parts.append(Part(name, store.url, store.command, store.environment))
            continue
        ready_file = workspace.run / f"{name}.json"
        listen = ("--host", host, "--port", str(ports[name]), "--ready-file", str(ready_file))
        command = (sys.executable, "-m", f"ldt_stack.{name}", *listen, *options[name])
        parts.append(Part(name, urls[name], command, keys if name == "forecaster" and store else {}, ready_file))
    return Plan(tuple(parts), store)


def _known(urls: Mapping[str, str], *names: str) -> tuple[str, ...]:
    return tuple(word for name in names if name in urls for word in (f"--{name}", urls[name]))


def _context(urls: Mapping[str, str]) -> tuple[str, ...]:
    return ("--context", f"{urls['city']}/contexts/city.jsonld") if "city" in urls else ()
