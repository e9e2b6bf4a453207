"""Purges are asked for only where nothing but what is ours could be taken."""

from pathlib import Path

import httpx
import pytest

from .test_pack import run_pack, started_broker

CHOSEN = ("-k", "test_purge or test_snapshots_deleted")
THEIRS = {"id": "urn:ngsi-ld:Vehicle:theirs", "type": "Vehicle"}

pytestmark = pytest.mark.timeout(120)


def purges(verdicts: dict[str, list[object]]) -> list[list[object]]:
    """Verdict and reason of every check that purges; there are some."""
    found = [row for name, row in verdicts.items() if name.startswith(("purge/", "snapshots-purged/"))]
    assert len(found) > 15
    return found


def test_no_purge_where_there_is_anything_else(tmp_path: Path):
    """With an Entity of somebody else at the broker every check that purges is inconclusive, and the Entity stays."""
    with started_broker(tmp_path) as url:
        assert httpx.post(f"{url}/ngsi-ld/v1/entities", json=THEIRS).status_code == 201
        _, verdicts = run_pack(tmp_path, url, "disruptive", *CHOSEN)
        left = httpx.get(f"{url}/ngsi-ld/v1/entities", params={"local": "true"}).json()
    assert {tuple(row) for row in purges(verdicts)} == {("inconclusive", "PRECONDITION_UNMET")}
    assert [item["id"] for item in left] == [THEIRS["id"]]


def test_no_purge_unless_the_broker_may_be_disturbed(tmp_path: Path):
    """In sandbox-write no check that purges is run."""
    with started_broker(tmp_path) as url:
        _, verdicts = run_pack(tmp_path, url, "sandbox-write", *CHOSEN)
    assert {tuple(row) for row in purges(verdicts)} == {("not-run", "DISRUPTIVE")}
