"""Every check says what it can falsify, in words that stand in the standard."""

import os
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.site.model import NGSI_LD_VERSIONS
from ldt_conformance.engine.verdicts import Level, Mode
from ldt_conformance.register import declared_checks

SPEC = os.environ.get("LDT_SPEC_DIR")
REPOSITORY = Path(__file__).parents[3]


def pack() -> dict[str, CheckDeclaration]:
    return {name: check for name, check in declared_checks().items() if check.pack == "ngsi-ld"}


def test_every_requirement_named_is_in_the_catalogue():
    """No check names a requirement that does not exist, and none that the catalogue calls unchecked."""
    catalogue = load_catalogue()
    named = {name for check in pack().values() for name in check.requirements}
    assert named <= set(catalogue)
    assert [name for name in named if catalogue[name].unchecked] == []


def test_every_requirement_has_a_check_or_a_reason():
    """A requirement of the pack without a check says why, and remedies only point to requirements that exist."""
    catalogue = load_catalogue()
    named = {name for check in pack().values() for name in check.requirements}
    mine = {name: found for name, found in catalogue.items() if found.pack == "ngsi-ld"}
    assert [name for name, found in mine.items() if name not in named and not found.unchecked] == []
    assert [step for found in mine.values() for step in found.remedy.after if step not in catalogue] == []


def requirement_file(name: str) -> str:
    return files("ldt_conformance").joinpath(f"requirements/{name}").read_text(encoding="utf-8")


def test_every_test_purpose_exists():
    """Test purposes are official keys of GS CIM 013 V3.1.1."""
    keys = set(requirement_file("cim013_test_purposes.txt").split())
    assert len(keys) == 693
    assert {key for check in pack().values() for key in check.test_purposes} <= keys


def test_every_test_purpose_has_a_check_or_a_reason():
    """Each of the official test purposes is covered by a check, or a reason says why it is not; never both."""
    keys = set(requirement_file("cim013_test_purposes.txt").split())
    covered = {key for check in pack().values() for key in check.test_purposes}
    groups = yaml.safe_load(requirement_file("cim013/unchecked.yaml"))
    unchecked = [key for group in groups for key in group["test_purposes"]]
    assert all(len(group["reason"]) > 40 for group in groups)
    assert len(unchecked) == len(set(unchecked))
    assert set(unchecked) <= keys - covered
    assert sorted(keys - covered - set(unchecked)) == []


def test_every_check_cites_a_clause_with_a_quote():
    """Each check rests on at least one clause of CIM 009 V1.9.1 and quotes it in a few words."""
    for check in pack().values():
        assert check.clauses, check.id
        for clause in check.clauses:
            assert (clause.document, clause.edition) == ("CIM 009", "1.9.1"), check.id
            assert 8 <= len(clause.quote) <= 240, check.id


def test_the_worked_example_is_the_check_as_it_stands():
    """Whoever follows CONTRIBUTING.md writes what is there: each of its Python blocks stands in the file it is for."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    folder = REPOSITORY / "conformance"
    homes = [
        folder / "ldt_conformance/checks/ngsi_ld/provision/test_delete_entity.py",
        folder / "tests/mutants/mutants.py",
    ]
    written = "".join(home.read_text(encoding="utf-8") for home in homes)
    assert len(blocks) == 3
    assert [block for block in blocks if block not in written] == []


def test_versions_are_known_and_ordered():
    """since and until are published versions, since not after until."""
    for check in pack().values():
        assert check.since in NGSI_LD_VERSIONS, check.id
        if check.until is not None:
            assert NGSI_LD_VERSIONS.index(check.since) <= NGSI_LD_VERSIONS.index(check.until), check.id


def test_there_is_enough_to_read():
    """A site in probe mode gets a useful set of MUST checks, and the pack is no smaller than promised."""
    checks = pack().values()
    assert sum(1 for check in checks if check.mode is Mode.PROBE and check.level is Level.MUST) >= 40
    assert len(checks) >= 400


@pytest.mark.spec
def test_every_quote_stands_in_its_clause():
    """Each quote is found, white space aside, in the text of the clause it cites."""
    wrong = [
        f"{check.id}: {clause.number}: {clause.quote}"
        for check in pack().values()
        for clause in check.clauses
        if _plain(clause.quote) not in _plain(_clause_text(clause.number))
    ]
    assert wrong == []


def _clause_text(number: str) -> str:
    return (Path(str(SPEC)) / number.split(".")[0] / f"{number}.md").read_text(encoding="utf-8")


def _plain(text: str) -> str:
    """One line, bullets dropped, words that a line end cut at a hyphen joined again."""
    return " ".join(text.replace("•", " ").split()).replace("- ", "-")
