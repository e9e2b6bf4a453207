"""The site file says what runs, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from ldt_conformance.engine.site.model import Site
from ldt_stack.objects.s3 import Credentials
from ldt_stack.supervisor.options import PARTS
from ldt_stack.supervisor.parts import make_plan
from ldt_stack.supervisor.site_file import write_site_file
from ldt_stack.supervisor.workspace import open_workspace

SUBSETS = [("broker", *more) for size in range(len(PARTS)) for more in combinations(PARTS[1:], size)]


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_every_combination_of_parts(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Whatever parts run, the file fits the suite's model and names no part that does not run."""
    workspace = open_workspace(tmp_path)
    ports = {name: 20_000 + index for index, name in enumerate(PARTS)}
    clock = (datetime(2026, 11, 23, tzinfo=UTC), 1.0)
    plan = make_plan(names, "127.0.0.1", ports, workspace, Credentials("key", "canary-secret"), clock)
    path = write_site_file(plan, workspace.run, "1" if "forecaster" in names else None)
    text = path.read_text(encoding="utf-8")
    site = Site.model_validate(yaml.safe_load(text))
    running = {f":{ports[part.name]}" for part in plan.parts}
    assert all(any(port in (endpoint.url or "") for port in running) for endpoint in site.endpoints.values())
    assert not [port for name, port in ports.items() if f":{port}" not in running and f":{port}" in text]
    assert "canary-secret" not in text
    assert (site.data_sources is not None) == ("city" in names)
    assert bool(site.ai) == ("forecaster" in names)
    workspace.release(())
