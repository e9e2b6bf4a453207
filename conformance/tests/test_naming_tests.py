"""Any tests can be named on one command line."""

import os
import subprocess
import sys
from pathlib import Path

from ldt_conformance.commands.check_run import PLUGINS

TESTS = Path(__file__).parent


def test_a_test_beside_a_folder_may_be_named_between_two_of_the_folder() -> None:
    """Both of the folder find the fixtures of its conftest."""
    named = ["engine/test_auth.py", "test_notice.py", "engine/test_journal_and_cleanup.py"]
    command = [sys.executable, "-m", "pytest", "--setup-plan", *(part for name in PLUGINS for part in ("-p", name))]
    around = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    done = subprocess.run([*command, *named], cwd=TESTS, env=around, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "broker" in done.stdout
