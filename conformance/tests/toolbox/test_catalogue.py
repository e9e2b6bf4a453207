"""The catalogue of requirements: complete, counted, and held together with the checks."""

from __future__ import annotations

from collections import Counter

import pytest

from ldt_conformance.engine.catalogue import Requirement, load_catalogue
from ldt_conformance.engine.judging.levels import DERIVED
from ldt_conformance.register import declared_checks

# Second part of the id -> number of MUST, SHOULD, MAY.
COUNTS = {
    "DS": (5, 7, 3),
    "IO": (27, 42, 15),
    "DA": (6, 21, 9),
    "KN": (6, 11, 5),
    "OR": (2, 15, 8),
    "VI": (1, 6, 8),
}
LAYERS = {
    "DS": "data-sources",
    "IO": "interoperability",
    "DA": "data-acquisition",
    "KN": "knowledge",
    "OR": "orchestration",
    "VI": "visualization",
}
SERVICES = {"LDT-OR-11", "LDT-OR-12"}


def toolbox() -> dict[str, Requirement]:
    return {name: row for name, row in load_catalogue().items() if row.pack == "toolbox"}


def decided() -> set[str]:
    """Requirements that a check, or the roll-up itself, gives a result for."""
    return {name for check in declared_checks().values() for name in check.requirements} | set(DERIVED)


def test_there_are_197_toolbox_requirements():
    """The catalogue has every row of the toolbox."""
    assert len(toolbox()) == 197


@pytest.mark.parametrize("group", COUNTS)
def test_counts_by_level(group: str):
    """Each layer has as many MUST, SHOULD and MAY as its sources ask for."""
    found = Counter(row.level.value for name, row in toolbox().items() if name.split("-")[1] == group)
    assert tuple(found[level] for level in ("MUST", "SHOULD", "MAY")) == COUNTS[group]
    assert sum(found.values()) == sum(COUNTS[group])


def test_layer_follows_from_the_id():
    """The id tells the layer; of orchestration and services, two rows are services."""
    layers = {name: row.layer.value for name, row in toolbox().items()}
    wanted = {name: "services" if name in SERVICES else LAYERS[name.split("-")[1]] for name in layers}
    assert layers == wanted
    assert set(layers) >= SERVICES


def test_every_requirement_has_a_check_or_a_reason():
    """No requirement of any pack is silently left out."""
    without = {name for name, row in load_catalogue().items() if not row.unchecked} - decided()
    assert without == set()


def test_no_requirement_has_both_a_check_and_a_reason_for_none():
    """A reason goes when a check comes."""
    assert {name for name, row in load_catalogue().items() if row.unchecked} & decided() == set()


def test_every_requirement_that_a_check_names_exists():
    """A check decides only what the catalogue asks."""
    assert decided() - set(load_catalogue()) == set()


def test_a_toolbox_check_takes_level_and_layer_from_its_requirement():
    """What a check says of its level is what its requirement says."""
    rows = toolbox()
    checks = [check for check in declared_checks().values() if check.pack == "toolbox"]
    assert checks
    for check in checks:
        row = rows[check.requirements[0]]
        assert (check.level, check.layer) == (row.level, row.layer), check.id


def test_steps_before_a_remedy_exist():
    """A remedy builds only on requirements of the catalogue."""
    known = load_catalogue()
    assert {name for row in known.values() for name in row.remedy.after} - set(known) == set()
