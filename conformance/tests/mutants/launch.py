"""Run checks against wrong brokers: `python launch.py < jobs.json`, a list of {"mutant", "out", "checks"}.

Broker, suite and pytest are imported once; every job is then a forked process of its own, which installs its mutant,
starts the broker in a thread and runs the checks named (none: the whole pack). The mutant `none` is the right broker; a
variant is named like a mutant.
Each job leaves `result.json` in its folder: the pytest exit status, and check id -> [verdict, reason, observed].
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

import ldt_conformance.plugin
from ldt_conformance.checks import ngsi_ld
from ldt_conformance.ending import ending
from ldt_conformance.engine.declare import declaration_of
from ldt_conformance.register import declared_checks
from ldt_stack.broker.http.app import BrokerApp
from ldt_stack.broker.settings import BrokerSettings

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutants.every import MUTANTS
from mutants.variants import HOLLOW, VARIANTS

START_SECONDS = 30.0
QUICK = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "ldt_conformance.pytest_options"]
SITE = """site: {{name: Wrong broker}}
claims: {{ngsi_ld: 1.9.1, capabilities: [temporal, subscriptions, snapshots, entity-maps]}}
safety: {{mode: disruptive}}
endpoints:
  broker: {{url: "{url}", api: ngsi-ld}}
"""


def node_ids() -> dict[str, str]:
    """Check id to pytest node."""
    found: dict[str, str] = {}
    for info in pkgutil.walk_packages(ngsi_ld.__path__, f"{ngsi_ld.__name__}."):
        if info.name.rsplit(".", 1)[-1].startswith("test_"):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                check = declaration_of(value)
                if check is not None and name.startswith("test_"):
                    found[check.id] = f"{info.name}::{name}"
    return found


@contextmanager
def running(application: BrokerApp) -> Iterator[str]:
    """The broker on a free port, in a thread of this process."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="critical", access_log=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started and time.monotonic() < deadline and thread.is_alive():
        time.sleep(0.01)
    if not server.started:
        raise SystemExit("the broker did not start")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(START_SECONDS)


def run(mutant: str, out: Path, checks: list[str]) -> dict[str, object]:
    """Install the mutant, start the broker, run the checks (none named: the whole pack)."""
    if mutant != "none":
        (MUTANTS | VARIANTS | HOLLOW)[mutant].install()
    nodes = node_ids()
    with running(BrokerApp(BrokerSettings(data_dir=out / "data"))) as url:
        site = out / "ldt.yaml"
        site.write_text(SITE.format(url=url), encoding="utf-8")
        selected = [nodes[check] for check in checks] or [ngsi_ld.__name__]
        options = ["--ldt-site", str(site), "--ldt-pack", "ngsi-ld", "--ldt-out", str(out / "report"), *QUICK]
        options += ["--confcutdir", str(Path(ngsi_ld.__file__).parent)]  # the checks' own conftest alone, not ours
        status = pytest.main(["--pyargs", *selected, *options])
    report = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))
    verdicts = {
        row["check"]: [row["verdict"], row["reason"], row["observed"]]
        for row in report["results"]
        if row["pack"] == "ngsi-ld" and row["reason"] != "NOT_SELECTED"
    }
    return {"status": int(status), "verdicts": verdicts}


def fork(job: dict[str, object]) -> int:
    """Start a job in a process of its own; returns its id."""
    out = Path(str(job["out"]))
    out.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child:
        return child
    log = os.open(out / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        result = run(str(job["mutant"]), out, list(job["checks"]))  # type: ignore[call-overload]  # a list of ids
        (out / "result.json").write_text(json.dumps(result), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(0)  # no clean-up of what the parent still uses


def main(parallel: int = 4) -> None:
    """Run the jobs on standard input, a few at a time: more than there are processors, because many wait."""
    node_ids()
    declared_checks()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # each job would import what our development has installed
    unrendered = replace(ending(), render=lambda report, folder: [])
    ldt_conformance.plugin.ending = lambda: unrendered  # of each run the raw report is read here, and no page
    gc.freeze()  # what is imported is no garbage: no job need look through it
    running_jobs: set[int] = set()
    for job in json.load(sys.stdin):
        if len(running_jobs) >= parallel:
            running_jobs.discard(os.wait()[0])
        running_jobs.add(fork(job))
    for child in running_jobs:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
