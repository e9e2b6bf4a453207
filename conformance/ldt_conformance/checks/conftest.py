"""The checks need a target; without one, pytest is told so once instead of failing in every check."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Refuse a run that names no target."""
    if not config.getoption("--ldt-site", default=None):
        raise pytest.UsageError("the checks need a target: pytest --pyargs ldt_conformance.checks --ldt-site ldt.yaml")
