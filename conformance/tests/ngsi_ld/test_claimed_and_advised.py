"""Checks that the wrong brokers of `mutants` do not reach: of tenants, which a site claims, and of recommendations."""

from pathlib import Path
from typing import Any

import pytest

from .test_pack import run_pack, started_broker

MUTANTS = Path(__file__).parents[1]
RUN = "import runpy\nsys.argv[0] = 'broker'\nrunpy.run_module('ldt_stack.broker', run_name='__main__')"
NO_TENANTS = "from ldt_stack.broker.http import headers\nheaders.tenant_of = lambda request: None\n"
SILENT = "from mutants.faults import without_header\nwithout_header(b'ngsild-tenant')()\n"
TAKES_ANY = (
    "from ldt_stack.broker.http import parameters\n"
    "parameters.allow_parameters = lambda request, names: None\n"
    "parameters.read_options = lambda request, known: frozenset(known) & {request.query_params.get('options')}\n"
)

MISSES_WARN = (
    "from ldt_stack.broker.federation.client import SourceClient\n"
    "original = SourceClient.ask\n"
    "SourceClient.ask = lambda self, *args, **named: original(self, *args, **{**named, 'absent': False})\n"
)

pytestmark = pytest.mark.timeout(120)


def judged(folder: Path, group: str, code: str = "", tenant: str | None = "ldt") -> dict[str, list[Any]]:
    """Check id -> [verdict, reason] of a group of checks, at the embedded broker as `code` makes it."""
    start = f"import sys\nsys.path.insert(0, {str(MUTANTS)!r})\n{code}{RUN}"
    with started_broker(folder, program=("-c", start)) as url:
        site = {
            "claims": {"ngsi_ld": "1.9.1", "capabilities": ["tenants"]},
            "endpoints": {"broker": {"url": url, "api": "ngsi-ld", "tenant": tenant}},
        }
        _, verdicts = run_pack(folder, url, "sandbox-write", "-k", f"test_{group.replace('-', '_')}", more=site)
    return {name: row for name, row in verdicts.items() if name.startswith(f"{group}/")}


def not_passed(verdicts: dict[str, list[Any]]) -> dict[str, str]:
    """Check id -> verdict of those that are no pass."""
    return {name: row[0] for name, row in verdicts.items() if row[0] != "pass"}


def test_the_right_broker_keeps_tenants_apart(tmp_path: Path):
    """Every check of tenants passes where the site file names one."""
    verdicts = judged(tmp_path, "tenants")
    assert len(verdicts) == 6
    assert not_passed(verdicts) == {}


def test_without_a_tenant_of_the_site_the_rest_is_judged(tmp_path: Path):
    """Where the site file names none, what needs it does not apply."""
    verdicts = judged(tmp_path, "tenants", tenant=None)
    left_out = dict.fromkeys(["tenants/header-in-answer", "tenants/not-in-default"], "not-applicable")
    assert not_passed(verdicts) == left_out


def test_a_tenant_that_is_still_to_come_is_judged_in_full(tmp_path: Path):
    """What the broker offers is found although nothing is in the tenant yet."""
    verdicts = judged(tmp_path, "distributed-retrieval")
    assert len(verdicts) == 11
    assert not_passed(verdicts) == {}


@pytest.mark.parametrize(
    ("code", "noticed"),
    [
        (
            NO_TENANTS,
            {
                "tenants/nonexistent": "warn",
                "tenants/not-deleted-elsewhere": "fail",
                "tenants/not-found-elsewhere": "fail",
                "tenants/not-in-default": "fail",
                "tenants/not-retrieved-elsewhere": "fail",
            },
        ),
        (SILENT, {"tenants/header-in-answer": "fail"}),
    ],
    ids=["tenants-are-ignored", "tenants-are-not-named"],
)
def test_a_broker_that_is_wrong_about_tenants_is_noticed(tmp_path: Path, code: str, noticed: dict[str, str]):
    """By the checks that look at what is wrong, and no others."""
    assert not_passed(judged(tmp_path, "tenants", code)) == noticed


def test_parameters_that_do_not_fit_are_a_warning(tmp_path: Path):
    """A broker that passes over them is told of it, and fails nothing."""
    assert not_passed(judged(tmp_path, "parameters", TAKES_ANY)) == dict.fromkeys(
        ["parameters/of-another-operation", "parameters/unknown", "parameters/unknown-option"], "warn"
    )


def test_a_warning_of_what_is_normal_is_a_warning(tmp_path: Path):
    """A broker that warns of a source which does not find an Entity is told of it, and fails nothing."""
    verdicts = judged(tmp_path, "distributed-retrieval", MISSES_WARN, tenant=None)
    assert len(verdicts) == 11
    assert not_passed(verdicts) == {"distributed-retrieval/not-found-is-normal": "warn"}
