"""`ldt check` from the outside: exit codes, outputs, what reaches the target and what never does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from .fakes import FakeBroker, free_port
from .running import FEW, WriteSite, ldt, report_in

PASSING = "create-entity/location-header"


def test_a_run_from_url_to_report(broker: FakeBroker, tmp_path: Path):
    """Checks that pass, the target as it was, all outputs in place, exit code 0, and JSON for programs."""
    broker.stored["/entities/urn:theirs"] = {"id": "urn:theirs", "type": "T"}
    done = ldt("check", broker.url, "--mode", "sandbox-write", "--select", FEW, "--json", "-n", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["exit_code"] == 0
    assert said["verdicts"]["pass"] == 1
    assert {Path(path).name for path in said["files"]} >= {"report.json", "report.html", "gap.html", "badge.svg"}
    assert list(broker.stored) == ["/entities/urn:theirs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ldt-report"]
    assert not (tmp_path / "ldt-report" / "journal").exists()
    results = {one["check"]: one for one in report_in(tmp_path)["results"]}
    assert results[PASSING]["verdict"] == "pass"
    assert results["create-entity/minimal"]["reason"] == "NOT_SELECTED"
    evidence = gzip.decompress((tmp_path / "ldt-report" / "evidence.jsonl.gz").read_bytes()).decode()
    ids = {json.loads(line)["id"] for line in evidence.splitlines()}
    assert set(results[PASSING]["exchanges"]) <= ids


def test_a_dead_address_is_one_cause(tmp_path: Path):
    """Exit 3, the cause in one sentence, no failure at all."""
    done = ldt("check", f"http://127.0.0.1:{free_port()}", "--json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    assert "refuses connections" in said["root_cause"]
    assert {"fail", "harness-error"}.isdisjoint(said["verdicts"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mode", "sandbx"], "unknown mode"),
        (["--pack", "toolbx"], "nearest known: toolbox"),
        (["--claims", "7.0"], "unknown NGSI-LD version"),
        (["-n", "0"], "Invalid value"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_a_bad_option_is_told_before_the_target_is_touched(
    broker: FakeBroker, tmp_path: Path, arguments: list[str], said: str
):
    """Exit 2, a sentence, and no request."""
    done = ldt("check", broker.url, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert broker.seen == []


def test_a_plugin_that_happens_to_be_installed_takes_no_part(broker: FakeBroker, tmp_path: Path):
    """Neither one that pytest would load by itself nor one that the environment names, not even in workers."""
    installed = tmp_path / "theirs"
    (installed / "theirs-1.0.dist-info").mkdir(parents=True)
    (installed / "theirs-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (installed / "theirs-1.0.dist-info" / "entry_points.txt").write_text("[pytest11]\ntheirs = theirs\n")
    (installed / "theirs.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n")
    around = {"PYTHONPATH": str(installed), "PYTEST_PLUGINS": "theirs"}

    done = ldt("check", broker.url, "--mode", "sandbox-write", "--select", FEW, "-n", "2", cwd=tmp_path, **around)

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "loaded").exists()


def test_a_bad_site_file_is_told_before_the_target_is_touched(
    broker: FakeBroker, write_site: WriteSite, tmp_path: Path
):
    """All mistakes, exit 2, no request; a waiver for a check that does not exist is one of them."""
    write_site({"safty": {}}, broker={"url": broker.url, "tokn": 1})
    done = ldt("check", cwd=tmp_path)  # ldt.yaml here
    assert done.returncode == 2
    assert "nearest known: safety" in done.stderr
    assert "tokn" in done.stderr
    waiver = {"check": "create-entity/minimum", "until": "2030-01-01", "reason": "r"}
    site = write_site({"waivers": [waiver]}, broker={"url": broker.url})
    done = ldt("check", str(site), cwd=tmp_path)
    assert done.returncode == 2
    assert "nearest known: create-entity/minimal" in done.stderr
    assert broker.seen == []


def test_a_stale_waiver_is_exit_5(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """A waiver whose check passes has to go."""
    waiver = {"check": PASSING, "until": "2099-01-01", "reason": "known"}
    write_site({"waivers": [waiver], "safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})
    assert ldt("check", "--select", FEW, "-n", "1", cwd=tmp_path).returncode == 5


def test_a_plan_is_printed_and_nothing_sent(broker: FakeBroker, tmp_path: Path):
    """`--plan` lists requests by check with the mode each needs, says its limit, and writes no report."""
    done = ldt("check", broker.url, "--plan", "--mode", "sandbox-write", "--select", FEW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "POST" in done.stdout
    assert "none was sent" in done.stdout
    assert done.stdout.startswith("preflight\n")
    assert broker.seen == []
    assert not (tmp_path / "ldt-report" / "report.json").exists()


def test_a_plan_has_what_the_target_may_turn_out_to_offer(broker: FakeBroker, write_site: WriteSite, tmp_path: Path):
    """The looks at the endpoint, and the requests of every capability that they can find; those are told apart."""
    claims = {"ngsi_ld": "1.9.1", "capabilities": ["temporal"]}
    write_site({"claims": claims, "safety": {"mode": "sandbox-write"}}, broker={"url": broker.url})

    few = "temporal or test_subscription_create or registration or test_contexts or entity_maps or test_snapshots"
    done = ldt("check", "--plan", "--json", "--select", f"({few}) and not expire", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["requests"]
    looks = {one["path"].partition("?")[0] for one in listed if one["check"] == "preflight"}
    assert looks >= {"/types", "/subscriptions", "/csourceRegistrations", "/snapshots/LdtCheckNoUri"}
    found = {"subscriptions", "registrations", "registration-subscriptions", "contexts", "entity-maps", "snapshots"}
    assert {one["only_with"] for one in listed} == {None, *found}
    assert [one["only_with"] for one in listed if one["check"] == "temporal-create/new"][:1] == [None]
    assert broker.seen == []


def test_a_journal_that_cannot_be_written_ends_the_run(broker: FakeBroker, tmp_path: Path):
    """A file stands where the journal's folder should be: exit 4, a clear sentence, and no write was sent."""
    (tmp_path / "ldt-report").mkdir()
    (tmp_path / "ldt-report" / "journal").write_text("")
    done = ldt("check", broker.url, "--mode", "sandbox-write", "--select", "create_entity", "-n", "1", cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "the journal" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert broker.written() == []
