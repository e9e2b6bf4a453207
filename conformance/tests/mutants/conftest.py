"""Every broker that a test asks for, run once."""

from typing import Any

import pytest

from .choices import chosen
from .running import run_all

RUN_SECONDS = 540.0  # the first test waits for all of them; about a minute on an idle machine


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each mutant and variant that is asked for (`-k`) against the checks chosen for it; all together, as many wait."""
    calls = [call for item in request.session.items if (call := getattr(item, "callspec", None)) is not None]
    names = {call.params[kind] for call in calls for kind in ("mutant", "variant") if kind in call.params}
    return run_all(tmp_path_factory.mktemp("judged"), chosen(names), RUN_SECONDS)
