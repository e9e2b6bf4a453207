"""One running twin: its parts started in order, watched, restarted where one ends, stopped together."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import httpx

from ldt_stack.listening import EXIT_FAILED, EXIT_USAGE, UsageError, write_atomically
from ldt_stack.objects.seaweed import is_ready
from ldt_stack.supervisor.children import Child, stop_all
from ldt_stack.supervisor.options import PARTS, UpOptions
from ldt_stack.supervisor.parts import Part, Plan, choose_ports, make_plan
from ldt_stack.supervisor.workspace import Workspace, open_workspace, write_secrets

START_SECONDS = 120.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
MAX_RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0
HANDLED_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last on Windows only


class StartError(Exception):
    """A part did not come up, or does not stay up."""


def run_twin(options: UpOptions) -> int:
    """Run until told to stop; see `ldt_stack.up.run`."""
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        if options.ready_file is not None:
            _require_writable(options.ready_file)
        workspace = open_workspace(options.data)
    except UsageError as error:
        _say(f"ldt up: {error}", error=True)
        return EXIT_USAGE
    twin = Twin(options, workspace, stop)
    try:
        twin.run()
    except UsageError as error:
        _say(f"ldt up: {error}", error=True)
        return EXIT_USAGE
    except (StartError, OSError) as error:
        _say(f"ldt up: {error}", error=True)
        return EXIT_FAILED
    finally:
        twin.close()
    return 0


class Twin:
    """The parts of one twin.

    Args:
        stop: Set when it is time to end.
    """

    def __init__(self, options: UpOptions, workspace: Workspace, stop: threading.Event) -> None:
        self._options = options
        self._workspace = workspace
        self._stop = stop
        self._started = time.monotonic()
        self._children: dict[str, Child] = {}
        self._restarts: list[float] = []
        self._plan: Plan | None = None

    def run(self) -> None:
        """Start everything, say where it is, and watch it until `stop` is set.

        Raises:
            UsageError: The options cannot be met.
            StartError: A part fails.
        """
        plan = self._plan = self._make_plan()
        pending = [*plan.parts]
        if pending and pending[0].name == "broker":  # what it serves must not wait for the others to be loaded
            self._start(pending[0])
            self._wait_for([pending[0]])
            pending = pending[1:]
        for part in pending:
            self._start(part)
        self._wait_for(pending)
        if self._stop.is_set():
            return
        self._announce(plan)
        while not self._stop.wait(WATCH_SECONDS):
            self._restart_what_ended(plan)

    def close(self) -> None:
        """Stop every child and remove what is temporary."""
        children = [*self._children.values()]
        if children:
            _say("stopping …")
        if self._workspace.temporary and "objects" in self._children:
            self._children["objects"].kill()  # in order it takes two seconds, for data that is removed below
        stop_all(children)
        if self._options.ready_file is not None and self._options.ready_file.exists():
            self._options.ready_file.unlink()  # a reader must not take a stopped twin for a running one
        self._workspace.release(self._plan.store.leftovers if self._plan and self._plan.store else ())

    def _make_plan(self) -> Plan:
        options = self._options
        names = tuple(name for name in PARTS if not options.only or name in options.only)
        if importlib.util.find_spec("ldt_stack.ui") is None:
            names = tuple(name for name in names if name != "ui")
            _say("ui          left out: the page is not part of this installation")
        ports = choose_ports(names, options.host, options.port)
        credentials = write_secrets(self._workspace.run)
        epoch = datetime.now(UTC)
        plan = make_plan(names, options.host, ports, self._workspace, credentials, (epoch, options.speed))
        self._credentials = credentials
        if plan.store is not None:
            self._workspace.note_owner(plan.store.leftovers)
            if not plan.store.verifies_signatures:
                _say(f"objects     {plan.store.product}")
        elif "objects" in names:
            _say("objects     left out: neither SeaweedFS nor moto is installed. Try: pip install 'ldt-harness[stack]'")
        return plan

    def _start(self, part: Part) -> None:
        child = Child(part.name, part.command, part.environment, self._workspace.log(part.name))
        self._children[part.name] = child
        child.start()

    def _wait_for(self, parts: list[Part]) -> None:
        deadline = time.monotonic() + START_SECONDS
        waiting = {part.name: part for part in parts}
        while waiting and not self._stop.is_set():
            for name, part in [*waiting.items()]:
                child = self._children[name]
                if not child.running():
                    raise StartError(f"{name} ended with code {child.exit_code()} while starting:\n{child.log_tail()}")
                if self._ready(part):
                    del waiting[name]
                    self._say_ready(part)
            if time.monotonic() > deadline:
                name = next(iter(waiting))
                raise StartError(
                    f"{name} was not ready within {START_SECONDS:g} s; its log ends with:\n"
                    f"{self._children[name].log_tail()}"
                )
            time.sleep(POLL_SECONDS)

    def _ready(self, part: Part) -> bool:
        if part.name == "objects":
            return (
                self._plan is not None
                and self._plan.store is not None
                and is_ready(self._plan.store, self._credentials)
            )
        if part.name == "forecaster" and "city" not in self._children:
            return _answers(f"{part.url}/v2/health/live")  # without a city there is nothing to learn from
        return part.ready_file is not None and part.ready_file.exists()

    def _say_ready(self, part: Part) -> None:
        _say(f"{part.name:<11} {part.url}  ({time.monotonic() - self._started:.1f} s)")
        if part.name == "forecaster" and (scores := self._forecaster_facts().get("scores")):
            _say(f"            {scores}")

    def _forecaster_facts(self) -> dict[str, str]:
        """What the forecaster wrote when its first forecasts were there; empty before."""
        path = self._workspace.run / "forecaster.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def _announce(self, plan: Plan) -> None:
        from ldt_stack.supervisor.site_file import write_site_file  # loads numpy, for which the broker need not wait

        site_file = write_site_file(plan, self._workspace.run, self._forecaster_facts().get("version"))
        city = plan.url("city")
        ready: dict[str, object] = {part.name: part.url for part in plan.parts}
        if city:
            ready |= {"catalogue": f"{city}/catalog.jsonld", "context": f"{city}/contexts/city.jsonld"}
        ready |= {"site_file": str(site_file), "credentials_file": str(self._workspace.run / "credentials.env")}
        _say(f"site file   {site_file}")
        if self._options.ready_file is not None:
            write_atomically(self._options.ready_file, ready)
        _say("The twin is up; Ctrl-C stops it.")

    def _restart_what_ended(self, plan: Plan) -> None:
        for part in plan.parts:
            child = self._children[part.name]
            if child.running() or self._stop.is_set():
                continue
            now = time.monotonic()
            self._restarts = [*(then for then in self._restarts if now - then < RESTART_WINDOW_SECONDS), now]
            if len(self._restarts) > MAX_RESTARTS:
                raise StartError(f"{part.name} keeps ending (code {child.exit_code()}):\n{child.log_tail()}")
            _say(f"{part.name} ended with code {child.exit_code()}; starting it again", error=True)
            child.start()


def _stop_on_signals(stop: threading.Event) -> None:
    handler: Callable[[int, FrameType | None], None] = lambda _number, _frame: stop.set()  # noqa: E731 — needs the type
    for name in HANDLED_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, handler)


def _require_writable(ready_file: Path) -> None:
    """Try the ready file before anything is started; one that is left from a killed twin goes away.

    Raises:
        UsageError: It cannot be written.
    """
    trial = ready_file.with_name(ready_file.name + ".trial")  # never the file itself: somebody may be waiting for it
    try:
        write_atomically(trial, {})
        trial.unlink()
        ready_file.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write --ready-file {ready_file}: {error.strerror}") from error


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()
