"""A headless chromium, driven over the pipe of its DevTools protocol: no driver, no network, nothing to install."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ANSWER_SECONDS = 60.0


def find_chromium() -> str | None:
    """The path of a chromium or Chrome, if there is one; `LDT_CHROMIUM` names another."""
    named = os.environ.get("LDT_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One open page; `errors` collects what its script threw and what its policy refused."""

    def __init__(self, read: int, write: int) -> None:
        self.errors: list[str] = []
        self._read, self._write = read, write
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._count = 0
        target = self._command("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = self._command("Target.attachToTarget", {"targetId": target, "flatten": True}, None)
        self._session: str = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one DevTools command to the page and return its result."""
        return self._command(method, params, self._session)

    def open(self, place: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file or a URL and wait until it has been loaded."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", media="", features=[scheme, still])
        self._events.clear()
        self.command("Page.navigate", url=place if isinstance(place, str) else place.resolve().as_uri())
        deadline = monotonic() + ANSWER_SECONDS
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._receive(deadline))

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression; a promise is awaited."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"the page threw {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Return as soon as a JavaScript expression is true."""
        self.evaluate(
            f"new Promise(done => {{ const look = () => ({expression}) ? done(1) : setTimeout(look, 20); look(); }})"
        )

    def press(self, key: str, code: int) -> None:
        """Press and release one key, e.g. `("Tab", 9)`."""
        for kind in ("keyDown", "keyUp"):
            text = {"Enter": "\r", " ": " "}.get(key, "") if kind == "keyDown" else ""
            self.command("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text)

    def _command(self, method: str, params: dict[str, Any], session: str | None) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = monotonic() + ANSWER_SECONDS
        while True:
            received = self._receive(deadline)
            if received.get("id") == self._count:
                if "error" in received:
                    raise AssertionError(f"{method}: {received['error']}")
                result: dict[str, Any] = received["result"]
                return result
            self._events.append(received)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - monotonic()
            if left <= 0 or not select([self._read], [], [], left)[0]:
                raise AssertionError(f"chromium did not answer within {ANSWER_SECONDS} s")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise AssertionError("chromium ended")
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.errors.append(params["entry"]["text"])


def axe(page: Page, options: str = "{}") -> list[dict[str, Any]]:
    """The violations that axe-core (of the wheel axe-core-python) finds in the page as it is."""
    source = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(f"{source}; true")
    found = page.evaluate(
        f"axe.run(document, {{resultTypes: ['violations'], ...{options}}}).then(r => JSON.stringify(r.violations))"
    )
    violations: list[dict[str, Any]] = json.loads(found)
    return violations


@contextmanager
def chromium() -> Iterator[Page]:
    """Start a browser of our own with an empty profile; it ends with the block."""
    path = find_chromium()
    if path is None:
        raise AssertionError("no chromium found; callers ask find_chromium() first")
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="ldt-chromium-", ignore_cleanup_errors=True) as profile:
        process = _start(path, profile, to_browser[0], from_browser[1])
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Page(from_browser[0], to_browser[1])
        finally:
            os.close(to_browser[1])  # the browser ends when its pipe does
            os.close(from_browser[0])
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(path: str, profile: str, read: int, write: int) -> subprocess.Popen[bytes]:
    """Chromium reads commands from descriptor 3 and answers on descriptor 4; a shell moves ours there."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    script = f'exec "$@" 3<&{read} 4>&{write}'
    return subprocess.Popen(
        ["bash", "-c", script, "chromium", path, *options, "about:blank"],
        pass_fds=(read, write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
