"""The suite as a pytest plugin, with checks of this test's own: outcomes, workers, secrets, interruption."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from ldt_conformance.commands.check_run import PLUGINS

from .fakes import Answer, FakeBroker, FakeProvider
from .running import FEW, WriteSite, report_in, verdicts

# Our own development has plugins that a site has not; each process would take a second to import them.
WITHOUT_INSTALLED = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

# Checks of this test's own, to be run by plain pytest.
OWN_CHECKS = """
    import pytest
    from ldt_conformance.engine.declare import check
    from ldt_conformance.engine.transport.journal import Resource
    from ldt_conformance.engine.verdicts import *

    def own(name, level=Level.MUST, **more):
        more = {"requirements": ["test/" + name], "pack": "toolbox", "mode": Mode.SANDBOX_WRITE} | more
        return check(id="own/" + name, title=name, level=level, **more)
"""

# One check for each way to end.
EVERY_OUTCOME = """
    @own("passes")
    def test_passes(target, run):
        run.note("seen"); run.measure("age_seconds", 3)

    @own("fails")
    def test_fails(target):
        answer = target.client("broker").get("/types"); fail("9", str(answer.status))

    @own("should", level=Level.SHOULD)
    def test_should(): fail("a", "b")

    @own("may", level=Level.MAY)
    def test_may(): fail("a", "b")

    @own("warns")
    def test_warns(): warn(Reason.PARTIAL, "a", "b")

    @own("measures")
    def test_measures(): info("3 s")

    @own("undecided")
    def test_undecided(): precondition(False, "no stage")

    @own("elsewhere")
    def test_elsewhere(): not_applicable(Reason.LOOPBACK, "here")

    @own("asserts")
    def test_asserts(): assert 1 == 2

    @own("breaks")
    def test_breaks(): raise KeyError("x")

    @pytest.fixture
    def stage(): precondition(False, "fixture")
    @own("fixture")
    def test_fixture(stage): pass

    @pytest.fixture
    def untidy():
        yield
        raise RuntimeError("teardown")
    @own("teardown")
    def test_teardown(untidy): pass

    @own("cases")
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_cases(n): n == 2 and fail("1 or 3", "2")

    @own("mode", mode=Mode.DISRUPTIVE)
    def test_mode(): pass

    @own("role", roles=("objects",))
    def test_role(): pass

    @own("capability", capability="levitation")
    def test_capability(): pass

    @own("unsafe")
    def test_unsafe(target):
        theirs = Resource("entity", "urn:x", "/entities/urn:x")
        target.client("broker").request("DELETE", "/entities/urn:x", touches=[theirs])
"""


def own_checks(folder: Path, body: str) -> Path:
    path = folder / "test_own.py"
    path.write_text(textwrap.dedent(OWN_CHECKS) + textwrap.dedent(body))
    return path


def pytest_in(cwd: Path, *, loads_installed: bool = False) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of pytest, with the suite and what it needs alone or with all that is installed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(cwd)]
    if loads_installed:
        return command, dict(os.environ)
    return [*command, *(part for name in PLUGINS for part in ("-p", name))], os.environ | WITHOUT_INSTALLED


def run_pytest(
    *arguments: str, cwd: Path, loads_installed: bool = False, **environ: str
) -> subprocess.CompletedProcess[str]:
    command, around = pytest_in(cwd, loads_installed=loads_installed)
    return subprocess.run(
        [*command, *arguments], cwd=cwd, env=around | environ, capture_output=True, text=True, timeout=110, check=False
    )


def test_what_each_outcome_becomes(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """Every way a check can end, its verdict and reason; a plain assertion is our mistake, not the target's."""
    own_checks(tmp_path, EVERY_OUTCOME)
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    done = run_pytest("test_own.py", "--ldt-site", str(site), cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdicts(tmp_path) == {
        "passes": ("pass", None),
        "fails": ("fail", None),
        "should": ("warn", "SHOULD_VIOLATED"),
        "may": ("info", "OBSERVED"),
        "warns": ("warn", "PARTIAL"),
        "measures": ("info", "MEASURED"),
        "undecided": ("inconclusive", "PRECONDITION_UNMET"),
        "elsewhere": ("not-applicable", "LOOPBACK"),
        "asserts": ("harness-error", "HARNESS"),
        "breaks": ("harness-error", "HARNESS"),
        "fixture": ("inconclusive", "PRECONDITION_UNMET"),
        "teardown": ("harness-error", "HARNESS"),
        "cases": ("fail", None),
        "mode": ("not-run", "DISRUPTIVE"),
        "role": ("not-applicable", "NO_ENDPOINT"),
        "capability": ("not-applicable", "UNCLAIMED"),
        "unsafe": ("harness-error", "HARNESS"),
    }
    results = {one["check"]: one for one in report_in(tmp_path)["results"]}
    assert results["own/passes"]["note"] == "seen"
    assert results["own/passes"]["measurements"] == {"age_seconds": 3.0}
    assert results["own/fails"]["curl"].startswith("curl ")
    assert "expected  9" in done.stdout
    assert broker.written() == []


def test_workers_run_the_same_checks(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """With pytest-xdist: every result once, evidence of all workers, one budget, everything removed."""
    own_checks(
        tmp_path,
        """
        @own("one")
        def test_one(target): create(target)

        @own("two")
        def test_two(target): create(target); fail("a", "b")

        @own("three", level=Level.SHOULD)
        def test_three(target): create(target)

        def create(target):
            client = target.client("broker"); name = client.owned_id("T")
            there = Resource("entity", name, "/entities/" + name)
            assert client.request("POST", "/entities", json={"id": name, "type": "T"}, creates=[there]).status == 201
        """,
    )
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    done = run_pytest("test_own.py", "--ldt-site", str(site), "-n", "2", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdicts(tmp_path) == {"one": ("pass", None), "two": ("fail", None), "three": ("pass", None)}
    assert broker.stored == {}
    (run,) = report_in(tmp_path)["runs"]
    assert run["jobs"] == 2
    assert run["budget"]["requests_sent"] == len(broker.seen)
    assert run["left_behind"] == []


def test_a_refused_right_is_no_failure(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """A token without the right to write: inconclusive AUTH and one root cause; a stranger's requests may fail."""
    own_checks(
        tmp_path,
        """
        @own("write")
        @pytest.mark.parametrize("n", range(12))
        def test_write(target, n):
            client = target.client("broker"); name = client.owned_id("T")
            there = Resource("entity", name, "/entities/" + name)
            answer = client.request("POST", "/entities", json={"id": name, "type": "T"}, creates=[there])
            answer.status == 201 or fail("201", str(answer.status))

        @own("anonymous")
        def test_anonymous(target):
            answer = target.client("broker").request("GET", "/types", auth=False)
            answer.status == 401 or fail("401", str(answer.status))
        """,
    )
    broker.overrides = {"/entities": Answer(403, {"title": "no right"})}
    auth = {"kind": "bearer", "token": "${LDT_TEST_TOKEN}"}
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url, "auth": auth})
    run_pytest("test_own.py", "--ldt-site", str(site), cwd=tmp_path, LDT_TEST_TOKEN="reader-token")
    assert verdicts(tmp_path) == {"write": ("inconclusive", "AUTH"), "anonymous": ("fail", None)}
    assert report_in(tmp_path)["runs"][0]["root_cause"].startswith("12 of ")


def test_a_limit_on_requests_is_no_failure(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """429 says how often we may ask and nothing about a clause: inconclusive, with what to try."""
    own_checks(
        tmp_path,
        """
        @own("busy")
        def test_busy(target):
            answer = target.client("broker").request("GET", "/attributes")
            answer.status == 200 or fail("200", str(answer.status))
        """,
    )
    broker.overrides = {"/attributes": Answer(429, {"title": "slow down"})}
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    run_pytest("test_own.py", "--ldt-site", str(site), cwd=tmp_path)
    assert verdicts(tmp_path) == {"busy": ("inconclusive", "INSUFFICIENT_EVIDENCE")}
    assert "safety.rate" in next(
        row["observed"] for row in report_in(tmp_path)["results"] if row["check"] == "own/busy"
    )


def written_in(folder: Path) -> dict[str, str]:
    """Names and texts of all files, unpacked."""
    contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {
        path.name: (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        for path, content in contents.items()
    }


def forms_of(secret: str) -> list[str]:
    """As it is, and as URLs, JSON and Basic authentication have it."""
    encoded = base64.b64encode(secret.encode()).decode()
    forms = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded]
    return [*forms, base64.b64encode(f"ldt:{secret}".encode()).decode()[8:-4]]


def test_no_output_holds_the_secret(broker: FakeBroker, provider: FakeProvider, write_site: WriteSite, tmp_path: Path):
    """A canary secret and every token, in a run whose target sends them all back: in no file, in no encoding."""
    own_checks(
        tmp_path,
        """
        @own("leak")
        def test_leak(target):
            answer = target.client("broker").get("/echo", params={"key": "canary-s3cr3t/with+signs=&"})
            fail("nothing of ours", answer.text + str(dict(answer.headers)))

        @own("crash")
        def test_crash(target):
            raise RuntimeError(target.client("broker").get("/echo").text)
        """,
    )
    canary = FakeProvider.SECRET
    broker.allowed = provider.accepts
    header = "canary-s3cr3t/with+signs=&"
    broker.echo = {"X-Echo": quote(canary), "Link": f"<http://x/?k={quote_plus(header)}>"}
    auth = {"kind": "oauth2", "token_url": provider.token_url, "client_id": "ldt", "client_secret": "${LDT_CANARY}"}
    site = write_site(
        {"safety": {"mode": "sandbox-write"}},
        broker={"url": broker.url, "auth": auth},
        api={"url": broker.url, "auth": {"kind": "header", "name": "X-Key", "value": "${LDT_HEADER_CANARY}"}},
    )

    def echo() -> Answer:
        sent = [canary, header, quote(header, safe=""), base64.b64encode(header.encode()).decode(), *provider.issued]
        return Answer(200, {"all": sent, "basic": base64.b64encode(f"ldt:{canary}".encode()).decode()})

    class Live(dict[str, Answer]):
        def __contains__(self, key: object) -> bool:
            return key == "/echo"

        def __getitem__(self, key: str) -> Answer:
            return echo()

    broker.overrides = Live()
    done = run_pytest(
        "test_own.py", "--ldt-site", str(site), "-n", "2", cwd=tmp_path, LDT_CANARY=canary, LDT_HEADER_CANARY=header
    )
    assert verdicts(tmp_path)["leak"] == ("fail", None), done.stdout
    assert len(provider.issued) >= 2
    texts = {"stdout": done.stdout, "stderr": done.stderr, **written_in(tmp_path / "ldt-report")}
    assert {"report.json", "report.html", "gap.html", "junit.xml", "summary.md", "evidence.jsonl.gz"} <= set(texts)
    for secret in (canary, header, *provider.issued):
        for name, text in texts.items():
            assert not [form for form in forms_of(secret) if form in text], name


def test_plain_pytest_of_a_site_is_left_alone(tmp_path: Path):
    """Without --ldt-site the suite takes no part in a pytest run; its checks without a target say what they need."""
    (tmp_path / "test_theirs.py").write_text(
        "import sys\ndef test_it(request):\n    assert 'ldt_conformance.plugin' not in sys.modules\n"
    )
    assert run_pytest("test_theirs.py", cwd=tmp_path, loads_installed=True).returncode == 0
    done = run_pytest("--pyargs", "ldt_conformance.checks", "-q", cwd=tmp_path)
    assert done.returncode == 4
    assert "--ldt-site" in done.stderr + done.stdout
    assert not (tmp_path / "ldt-report").exists()


def test_plain_pytest_runs_the_same_checks(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """`pytest --pyargs ldt_conformance.checks --ldt-site ldt.yaml` selects, runs and reports as `ldt check` does.

    The suite is found by its entry point.
    """
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    arguments = ["--pyargs", "ldt_conformance.checks", "--ldt-site", str(site), "-k", FEW]
    done = run_pytest(*arguments, cwd=tmp_path, loads_installed=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(tmp_path, "create-entity/")["location-header"] == ("pass", None)


@pytest.mark.posix
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_writes_what_there_is_and_removes_what_was_created(
    broker: FakeBroker, write_site: WriteSite, tmp_path: Path
):
    """An interrupted run reports what was decided, says INTERRUPTED for the rest, and leaves the target clean."""
    own_checks(
        tmp_path,
        """
        import time
        @own("a")
        def test_a(): pass

        @own("b")
        def test_b(target):
            client = target.client("broker"); name = client.owned_id("T")
            there = Resource("entity", name, "/entities/" + name)
            client.request("POST", "/entities", json={"id": name, "type": "T"}, creates=[there])
            while True: time.sleep(0.05)

        @own("c")
        def test_c(): pass
        """,
    )
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    command, around = pytest_in(tmp_path)
    child = subprocess.Popen(
        [*command, "test_own.py", "--ldt-site", str(site)], cwd=tmp_path, env=around, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not broker.stored and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        assert broker.stored
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 3
    finally:
        child.kill()
        child.wait()
    assert broker.stored == {}
    assert verdicts(tmp_path)["a"] == ("pass", None)
    results = {one["check"]: one["reason"] for one in report_in(tmp_path)["results"]}
    assert results["create-entity/minimal"] in {"NOT_SELECTED", "INTERRUPTED"}
