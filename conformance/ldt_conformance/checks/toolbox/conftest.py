"""What every toolbox check gets: the twin, looked at once a run and a process."""

from __future__ import annotations

import pytest

from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.transport.target import Target

TWIN = pytest.StashKey[Twin]()


@pytest.fixture
def twin(request: pytest.FixtureRequest, target: Target) -> Twin:
    """The twin under test: what was found where, and a sample of its data."""
    stash = request.config.stash
    if TWIN not in stash:
        stash[TWIN] = Twin(target)
    return stash[TWIN]
