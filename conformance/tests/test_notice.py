"""NOTICE names every shipped work of others, with licence, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("reference-stack/ldt_stack", "conformance/ldt_conformance", "load/ldt_load")
CODE = {".py", ".pyc", ".md", ".typed", ".so"}
# Data files that were written here. A new file belongs into this list or into NOTICE.
OUR_OWN = {
    "ldt_conformance/checks/pytest.ini", "ldt_conformance/reports/templates",
    "ldt_conformance/requirements/cim013/unchecked.yaml", "ldt_conformance/requirements/ngsi_ld.yaml",
    "ldt_conformance/requirements/toolbox.yaml", "ldt_stack/forecaster/openapi.json",
    "ldt_stack/forecaster/sample_request.json",
    *(f"ldt_stack/ui/static/{name}" for name in ("api.js", "app.css", "index.html", "main.js", "map.js", "series.js")),
}  # fmt: skip
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")


def shipped() -> list[str]:
    """Every data file of the packages, by its place in the wheel."""
    return sorted(
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in CODE and "__pycache__" not in path.parts
    )


def test_every_data_file_is_ours_or_named_in_notice() -> None:
    """The file, or the folder it lies in, stands in NOTICE; or it is on the list of what was written here."""
    named = set(re.findall(r"[\w./-]*ldt_(?:stack|conformance|load)/[\w./-]+", NOTICE))
    places = {place[place.index("ldt_") :].rstrip("/.") for place in named}
    nowhere = [
        file for file in shipped()
        if not any(file == place or file.startswith(f"{place}/") for place in places | OUR_OWN)
    ]  # fmt: skip
    assert nowhere == []


def test_notice_and_list_name_nothing_that_is_not_there() -> None:
    """Every place that NOTICE or the list names exists."""
    named = re.findall(r"(?:[\w-]+/)?(ldt_(?:stack|conformance|load)/[\w./-]*\w/?)", NOTICE)
    roots = {package.rpartition("/")[2]: (ROOT / package).parent for package in PACKAGES}
    missing = [place for place in [*named, *OUR_OWN] if not (roots[place.split("/")[0]] / place).exists()]
    assert missing == []


@pytest.mark.parametrize("file", [file for file in shipped() if "/city/data/" in file or "/vendor/" in file])
def test_each_series_and_library_has_its_line(file: str) -> None:
    """The README beside it says of each file what it is, where it is from and under which licence."""
    folder = (ROOT / "reference-stack" / file).parent
    table = next(
        text.read_text(encoding="utf-8")
        for place in (folder, folder.parent)
        for text in (place / "ATTRIBUTION.md", place / "README.md")
        if text.is_file()
    )
    name = Path(file).name
    rows = [row for row in table.splitlines() if f"`{name}`" in row or f"`{name.split('.')[0]}`" in row]
    rows += [row for row in table.splitlines() if f"`{folder.name}/`" in row]
    assert rows, name
    assert re.search(r"CC BY 4\.0|ODbL|BSD-3-Clause|MIT", rows[0]), name
