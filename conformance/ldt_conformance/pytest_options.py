"""The options of the suite for plain pytest; does nothing at all in a pytest run without `--ldt-site`.

Registered as a pytest plugin by the entry point, because `pytest --pyargs` reads no conftest of a package before
it parses its options. It imports none of the suite until the option is given.
"""

from __future__ import annotations

import pytest

PLUGIN = "ldt_conformance.plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run; `ldt check` sets the same ones."""
    group = parser.getgroup("ldt", "Local Digital Twin conformance suite")
    group.addoption("--ldt-site", metavar="FILE_OR_URL", help="site file, or URL of an NGSI-LD broker, to check")
    group.addoption(
        "--ldt-mode", help="safety mode: probe, sandbox-write, load or disruptive (default: the site file's)"
    )
    group.addoption("--ldt-pack", action="append", default=[], help="pack of checks: ngsi-ld or toolbox (repeatable)")
    group.addoption("--ldt-claims", help="NGSI-LD version to judge by (default: the site file's, else 1.8.1)")
    group.addoption("--ldt-public-host", help="host name or address where the target can reach this machine")
    group.addoption("--ldt-out", default="ldt-report", help="folder of the run set (default: ldt-report)")
    group.addoption("--ldt-plan", action="store_true", help="list the requests instead of sending them")
    group.addoption(
        "--ldt-started", action="store_true", help="the target was started for this run: writing is allowed"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring the suite in where it is asked for."""
    if config.getoption("--ldt-site", default=None) and not config.pluginmanager.has_plugin(PLUGIN):
        config.pluginmanager.import_plugin(PLUGIN)
