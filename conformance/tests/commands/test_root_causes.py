"""A target that cannot be judged is one root cause with one sentence, whichever command meets it, and no failure."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from ..engine.fakes import Answer, FakeBroker, Seen, Served, free_port
from .process import assert_clear, ldt, report_of, said

PAGE = b"<!doctype html><html lang=en><title>Welcome</title><body>A web page"
FEW_REQUESTS = 60  # some of the 500 checks ask other things than the broker; none asks again what is known to be dead


@dataclass(frozen=True)
class Fault:
    """A target with something wrong, what is said of it, and what it has seen."""

    endpoint: dict[str, Any]
    sentence: str
    reason: str
    seen: Callable[[], list[Seen]] = list


def _dead() -> Iterator[Fault]:
    yield Fault({"url": f"http://127.0.0.1:{free_port()}"}, "refuses connections. Is it started?", "UNREACHABLE")


def _wrong_token() -> Iterator[Fault]:
    broker = FakeBroker()
    broker.allowed = lambda headers: headers.get("authorization") == "Bearer the-right-token"
    auth = {"kind": "bearer", "token": "${LDT_TEST_TOKEN}"}
    yield Fault({"url": broker.url, "auth": auth}, "answered 401 to our credentials", "AUTH", lambda: broker.seen)
    broker.close()


def _web_page() -> Iterator[Fault]:
    server = Served(lambda seen: Answer(200, PAGE, {"Content-Type": "text/html; charset=utf-8"}))
    yield Fault({"url": server.url}, "with a web page; expected the JSON", "UNREACHABLE", lambda: server.seen)
    server.close()


def _unknown_certificate() -> Iterator[Fault]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    broker = FakeBroker(tls=context)
    yield Fault({"url": broker.url}, "shows a certificate that is not trusted", "UNREACHABLE", lambda: broker.seen)
    broker.close()


def _no_tls_at_all() -> Iterator[Fault]:
    broker = FakeBroker()
    url = broker.url.replace("http://", "https://")
    yield Fault({"url": url}, "does not speak TLS with us", "UNREACHABLE", lambda: broker.seen)
    broker.close()


FAULTS = [_dead, _wrong_token, _web_page, _unknown_certificate, _no_tls_at_all]


def faults(*chosen: Callable[[], Iterator[Fault]]) -> pytest.MarkDecorator:
    """Run a test with some of the faults, or all."""
    return pytest.mark.parametrize("fault", chosen or FAULTS, indirect=True, ids=lambda one: one.__name__.strip("_"))


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    yield from request.param()


@pytest.fixture
def site(fault: Fault, write_site: Callable[..., Path]) -> Path:
    return write_site({"safety": {"mode": "load"}}, broker=fault.endpoint)


@pytest.mark.timeout(300)
@faults()
def test_a_check_says_one_cause_and_no_failure(fault: Fault, site: Path, tmp_path: Path) -> None:
    """Exit 3, the cause in one sentence on the screen and in the report, not one failed check, hardly a request."""
    done = ldt("check", str(site), cwd=tmp_path, LDT_TEST_TOKEN="a-wrong-token")
    assert done.returncode == 3, done.stdout + done.stderr
    assert_clear(done)
    assert said(done).count("root cause:") == 1
    assert fault.sentence in said(done)
    assert "fail:" not in done.stderr
    assert "?." not in done.stdout
    report = report_of(tmp_path / "ldt-report")
    (run,) = report["runs"]
    assert fault.sentence in run["root_cause"]
    verdicts = Counter(result["verdict"] for result in report["results"])
    assert {"fail", "harness-error"}.isdisjoint(verdicts)
    assert verdicts["inconclusive"] > 300
    broker_checks = [one for one in report["results"] if one["check"].startswith("create-entity/")]
    assert {one["reason"] for one in broker_checks} <= {fault.reason, "SINCE", "UNCLAIMED"}
    assert run["budget"]["requests_sent"] <= FEW_REQUESTS  # what makes it quick: nothing is asked in vain
    assert not [seen for seen in fault.seen() if seen.method in {"PUT", "PATCH", "DELETE"}]


@faults(_wrong_token, _web_page, _unknown_certificate)
def test_a_load_run_says_the_cause_before_it_writes(fault: Fault, site: Path, tmp_path: Path) -> None:
    """Exit 3, one sentence, no write, and no journal of things that were never created."""
    arguments = ["--scenario", "ingest", "--duration", "1s"]
    done = ldt("load", str(site), *arguments, cwd=tmp_path, LDT_TEST_TOKEN="a-wrong-token")
    assert done.returncode == 3, done.stdout + done.stderr
    assert_clear(done)
    assert fault.sentence in said(done)
    assert {seen.method for seen in fault.seen()} <= {"GET"}
    assert not (tmp_path / "ldt-report" / "journal").exists()


def test_unreachable_object_storage(write_site: Callable[..., Path], tmp_path: Path) -> None:
    """A broker that answers beside an S3 address that does not: its checks are undecided with the cause, none fails."""
    broker = FakeBroker()
    auth = {"kind": "s3", "access_key": "${LDT_TEST_TOKEN}", "secret_key": "${LDT_TEST_TOKEN}"}
    objects = {"url": f"http://127.0.0.1:{free_port()}", "api": "s3", "bucket": "models", "auth": auth}
    site = write_site({"safety": {"mode": "sandbox-write"}}, broker={"url": broker.url}, objects=objects)
    arguments = ["check", str(site), "--pack", "toolbox", "--select", "object_storage", "-n", "1"]
    done = ldt(*arguments, cwd=tmp_path, LDT_TEST_TOKEN="a-secret-key")
    broker.close()
    assert done.returncode == 3, done.stdout + done.stderr
    assert_clear(done)
    asked = [one for one in report_of(tmp_path / "ldt-report")["results"] if one["reason"] == "UNREACHABLE"]
    assert asked
    assert all("Connection refused" in one["observed"] and objects["url"] in one["observed"] for one in asked)
    assert "fail" not in report_of(tmp_path / "ldt-report")["rollup"]["verdicts"]


@pytest.mark.timeout(300)
@faults(_dead, _wrong_token)
def test_a_gap_analysis_is_written_all_the_same(fault: Fault, site: Path, tmp_path: Path) -> None:
    """Exit 3, the page says what the site file declares and why nothing was found."""
    done = ldt("gap", str(site), cwd=tmp_path, LDT_TEST_TOKEN="a-wrong-token")
    assert done.returncode == 3, done.stdout + done.stderr
    assert_clear(done)
    assert fault.sentence in said(done)
    assert "Test twin" in (tmp_path / "ldt-report" / "gap.html").read_text(encoding="utf-8")
