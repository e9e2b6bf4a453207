"""`ldt up`: children never outlive the supervisor, errors are told in words, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ldt_stack import up
from ldt_stack.supervisor.ports import free_ports, next_free
from ldt_stack.supervisor.workspace import OWNER_FILE, open_workspace, write_secrets

DEADLINE_SECONDS = 60.0
SMALL = ("--only", "broker", "--only", "objects")


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
        time.sleep(0.02)


class RunningTwin:
    """`python -m ldt_stack up` as a user starts it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.ready_file = directory / "ready.json"
        self.output = directory / "output.txt"
        command = [
            sys.executable,
            "-m",
            "ldt_stack",
            "up",
            "--port",
            "0",
            "--ready-file",
            str(self.ready_file),
            *options,
        ]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(directory)}
            )

    def wait_until_ready(self) -> dict[str, str]:
        wait_for(lambda: self.ready_file.exists() or self.process.poll() is not None, "ready file")
        assert self.process.poll() is None, self.output.read_text()
        return json.loads(self.ready_file.read_text())

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def temporary_directories(self) -> list[Path]:
        return list(self.directory.glob("ldt-up-*"))


@pytest.fixture
def start_twin(tmp_path: Path) -> Iterator[Callable[..., RunningTwin]]:
    twins: list[RunningTwin] = []

    def start(*options: str) -> RunningTwin:
        twins.append(RunningTwin(tmp_path, *options))
        return twins[-1]

    yield start
    for twin in twins:
        if twin.process.poll() is None:
            twin.process.terminate()
            twin.process.wait(30)


@pytest.mark.posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly(start_twin: Callable[..., RunningTwin], number: int) -> None:
    """Ctrl-C and SIGTERM end the twin with code 0, its children, its temporary directory and its ready file."""
    twin = start_twin(*SMALL)
    ready = twin.wait_until_ready()
    children = twin.children()
    assert len(children) >= 2
    assert httpx.get(f"{ready['objects']}/healthz", trust_env=False).status_code == 200
    assert twin.end(number) == 0, twin.output.read_text()
    assert not [child for child in children if child.is_running()]
    assert not twin.temporary_directories()
    assert not twin.ready_file.exists()
    assert "Traceback" not in twin.output.read_text()


@pytest.mark.linux
def test_killed_supervisor_leaves_no_child(start_twin: Callable[..., RunningTwin]) -> None:
    """After kill -9 of the supervisor every child ends, and the next start removes what it could not."""
    twin = start_twin(*SMALL)
    twin.wait_until_ready()
    children = twin.children()
    assert len(children) >= 2
    twin.end(signal.SIGKILL)
    wait_for(lambda: not [child for child in children if child.is_running()], "children gone")
    (left,) = twin.temporary_directories()
    stale = json.loads(twin.ready_file.read_text())
    following = start_twin("--only", "broker")
    wait_for(lambda: "The twin is up" in following.output.read_text(), "following twin")
    assert set(following.wait_until_ready()) < set(stale)
    assert not left.exists()
    assert len(following.temporary_directories()) == 1


@pytest.mark.posix
@pytest.mark.parametrize("watch", [pytest.param("die-with", marks=pytest.mark.linux), "watch"])
def test_child_ends_with_its_parent(tmp_path: Path, watch: str) -> None:
    """A child started through the shim ends when its parent is killed, by the kernel's help or by a closed pipe."""
    program = (
        "import sys, time; from pathlib import Path; from ldt_stack.supervisor.children import Child;"
        "child = Child('c', [sys.executable, '-c', 'import time; time.sleep(600)'], {}, Path('log'), sys.argv[1]);"
        "child.start(); print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, watch], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        shim = psutil.Process(int(parent.stdout.readline()))
        wait_for(lambda: any("time.sleep(600)" in word for word in shim.cmdline()[-1:]) or shim.children(), "started")
        family = [shim, *shim.children(recursive=True)]
        parent.kill()
    wait_for(lambda: not [process for process in family if process.is_running()], "family gone")


@pytest.mark.posix
def test_ended_part_is_started_again(start_twin: Callable[..., RunningTwin]) -> None:
    """A broker that is killed comes back at the same address."""
    twin = start_twin("--only", "broker")
    broker = twin.wait_until_ready()["broker"]
    (child,) = twin.children()
    child.kill()

    def answers() -> bool:
        try:
            return httpx.get(f"{broker}/ngsi-ld/v1/types", trust_env=False).status_code < 500 and not child.is_running()
        except httpx.HTTPError:
            return False

    wait_for(answers, "broker back")
    assert "starting it again" in twin.output.read_text()


def run_up(*options: str) -> subprocess.CompletedProcess[str]:
    """Run `ldt up` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ldt_stack", "up", *options],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def assert_usage_error(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 2, done
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_busy_port() -> None:
    """A port that is taken is told as such, before anything is started."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert_usage_error(run_up("--only", "broker", "--port", str(port)), f"cannot listen on 127.0.0.1:{port}")


def test_data_that_cannot_be_written(tmp_path: Path) -> None:
    """A data directory that cannot be made is told as such."""
    (tmp_path / "file").write_text("")
    done = run_up("--only", "broker", "--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert_usage_error(done, "cannot write to")


def test_ready_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A ready file that cannot be written is told before anything is started."""
    (tmp_path / "file").write_text("")
    done = run_up("--only", "broker", "--port", "0", "--ready-file", str(tmp_path / "file" / "ready.json"))
    assert_usage_error(done, "cannot write --ready-file")
    assert "stopping" not in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "nothing"), "no such part"),
        (("--only", "city"), "needs the broker"),
        (("--sites", "2"), "not there yet"),
        (("--speed", "0"), "--speed"),
        (("--port", "99999"), "no port"),
        (("--host", "203.0.113.1", "--port", "0"), "cannot listen on"),
    ],
)
def test_options_that_cannot_be_met(options: tuple[str, ...], said: str) -> None:
    """A wrong option is told in one line with exit code 2."""
    assert_usage_error(run_up(*options), said)


def test_one_twin_a_data_directory(start_twin: Callable[..., RunningTwin], tmp_path: Path) -> None:
    """A second twin over the same data is refused and does the first no harm."""
    data = tmp_path / "data"
    twin = start_twin("--only", "broker", "--data", str(data))
    twin.wait_until_ready()
    done = run_up("--only", "broker", "--port", "0", "--data", str(data))
    assert_usage_error(done, "used by another twin")
    assert (data / "run" / "ldt.yaml").exists()
    assert twin.process.poll() is None


def test_missing_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the extra is not installed, the message names the package and the command that helps."""
    monkeypatch.setattr(up, "NEEDED_PACKAGES", ("no_such_package",))
    assert up.run(up.UpOptions()) == 2
    said = capsys.readouterr().err
    assert "no_such_package" in said
    assert "ldt-harness[stack]" in said


@pytest.mark.posix
def test_secrets_are_private(tmp_path: Path) -> None:
    """Files with secrets can be read by their owner alone."""
    workspace = open_workspace(tmp_path / "data")
    credentials = write_secrets(workspace.run)
    files = [path for path in workspace.run.iterdir() if credentials.secret_key in path.read_text()]
    assert len(files) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in workspace.run.iterdir())
    workspace.release(())
    assert not (tmp_path / "data" / OWNER_FILE).exists()


def test_next_free_port_steps_over_taken_ones() -> None:
    """A part takes the next port where its usual one is in use."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        chosen = next_free("127.0.0.1", taken, set())
        assert chosen != taken
        assert next_free("127.0.0.1", chosen, {chosen}) != chosen


def test_free_ports_differ() -> None:
    """Ports that are handed out together are all different."""
    assert len(set(free_ports(30))) == 30
