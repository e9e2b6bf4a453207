"""The generator process: locust users that send what is due. Run as `python -m ldt_load.generator PLAN RESULT`.

Each user takes the next request of the schedule, waits for its moment and sends it; as long as a user is free, no
request waits for the answer to another. All users share one pool of connections. Progress goes to standard output as
JSON lines, the result into the file RESULT.
"""

from __future__ import annotations

import locust  # first: it patches the interpreter, and what is imported after it has to see that

# isort: split
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import gevent.ssl
import psutil
from geventhttpclient.client import HTTPClientPool
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import StatsEntry

from ldt_load.access import Access, open_access
from ldt_load.generation import Due, Generation
from ldt_load.plan import Plan
from ldt_load.scenarios import Answer

DRAIN_SECONDS = 30.0
MARGIN_SECONDS = 0.5  # between the last user's start and the first due moment
LOCUST_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Clock:
    """Seconds since the start of the run; negative before it."""

    def __init__(self) -> None:
        self.go = gevent.event.Event()
        self._zero = 0.0

    def start(self) -> None:
        """Let time begin shortly."""
        self._zero = time.perf_counter() + MARGIN_SECONDS
        self.go.set()

    def now(self) -> float:
        """Seconds."""
        return time.perf_counter() - self._zero


class DueUser(FastHttpUser):
    """Sends one request at a time, each at its due moment or as soon after it as a user is free."""

    insecure = False
    generation: Generation
    clock: Clock
    access: Access

    @locust.task
    def next_request(self) -> None:
        """Take what is due next, wait for it, send it."""
        self.clock.go.wait()
        due = self.generation.take()
        if due is None:
            raise StopUser
        early = due.arrival.due - self.clock.now()
        if early > 0:
            gevent.sleep(early)
        sent = self.clock.now()
        self.generation.sending(due, now=sent, waited=early > 0)
        self._send(due, sent)

    def _send(self, due: Due, sent: float) -> None:
        request = due.request
        with self.client.request(
            request.method, f"{self.access.url}{request.path}", name=due.arrival.operation, data=request.body,  # type: ignore[arg-type]  # — bytes are right; locust's annotation forgets them
            headers={**self.access.headers(), **request.headers}, catch_response=True, allow_redirects=False,
        ) as response:  # fmt: skip
            now = self.clock.now()
            answer, error = None, None
            if response.status_code:
                headers = {name.lower(): value for name, value in (response.headers or {}).items()}
                answer = Answer(response.status_code, headers, response.content or b"")
            else:
                error = type(response.error).__name__ if response.error is not None else "no answer"
            problem = self.generation.received(due, sent=sent, now=now, answer=answer, error=error)
            if problem is None:
                response.success()
            else:
                response.failure(problem)


def _report_progress(generation: Generation, clock: Clock) -> None:
    while True:
        gevent.sleep(1.0)
        errors = sum(outcome.errors for outcome in generation.operations.values())
        line = {"second": round(clock.now(), 1), "answered": generation.answered, "errors": errors}
        print(json.dumps(line), flush=True)  # noqa: T201 — the parent process reads it


def _wait_for_the_end(generation: Generation, clock: Clock) -> None:
    deadline = generation.plan.duration + DRAIN_SECONDS
    while clock.now() < deadline and not (generation.exhausted and generation.outstanding == 0):
        gevent.sleep(0.05)


def _connections(plan: Plan, access: Access) -> HTTPClientPool:
    """One pool for all users, the connection used last first, so that idle users keep no idle connections."""
    proxy_host, proxy_port = access.proxy or (None, None)
    return HTTPClientPool(
        concurrency=plan.users, network_timeout=plan.timeout, connection_timeout=plan.timeout, insecure=False,
        proxy_host=proxy_host, proxy_port=proxy_port,
        ssl_context_factory=(lambda: access.tls) if access.tls is not None else gevent.ssl.create_default_context,
    )  # fmt: skip


def generate(plan: Plan) -> dict[str, Any]:
    """Run the plan; returns what `Generation.as_json` says, and the generator's own effort."""
    generation, clock, access = Generation(plan), Clock(), open_access(plan)
    user = type("PlannedUser", (DueUser,), {
        "host": access.url, "generation": generation, "clock": clock, "access": access,
        "max_retries": 0, "max_redirects": 0, "client_pool": _connections(plan, access),
    })  # fmt: skip
    environment = Environment(user_classes=[user], catch_exceptions=False, reset_stats=False)
    runner = environment.create_local_runner()
    runner.start(plan.users, spawn_rate=plan.users)
    while runner.user_count < plan.users:
        gevent.sleep(0.02)
    process = psutil.Process()
    clock.start()
    before, began = process.cpu_times(), time.perf_counter()
    progress = gevent.spawn(_report_progress, generation, clock)
    _wait_for_the_end(generation, clock)
    after, elapsed = process.cpu_times(), time.perf_counter() - began
    progress.kill()
    for (name, _method), entry in environment.stats.entries.items():
        if name in generation.operations:
            generation.operations[name].locust_ms = _locust_figures(entry)
    whole = _locust_figures(environment.stats.total)
    runner.quit()
    cpu = (after.user + after.system - before.user - before.system) / elapsed * 100
    return generation.as_json() | {
        "cpu_percent": round(cpu, 1),
        "locust": locust.__version__,
        "locust_all_ms": whole,
    }


def _locust_figures(entry: StatsEntry) -> dict[str, float]:
    found = {key: float(entry.get_response_time_percentile(share)) for key, share in LOCUST_PERCENTILES.items()}
    return found | {"max": float(entry.max_response_time)}


def main() -> int:
    """Entry point of the generator process; 0, or 4 with a sentence on standard error."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(message)s")
    plan = Plan.read(Path(sys.argv[1]))
    result = generate(plan)
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
