"""Which steps come next, and in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.catalogue import Effort, Owner, Remedy, Requirement, SourceStatus, load_catalogue
from ldt_conformance.engine.report import NextStep, RequirementState, Rollup
from ldt_conformance.engine.verdicts import Layer, Level, Reason
from ldt_conformance.gap.steps import next_steps


def _requirement(
    id_: str, level: Level = Level.MUST, effort: Effort = Effort.DAYS, after: tuple[str, ...] = ()
) -> Requirement:
    return Requirement(
        id=id_,
        pack="toolbox",
        layer=Layer.KNOWLEDGE,
        level=level,
        title=f"title of {id_}",
        source="OWN",
        source_status=SourceStatus.OURS,
        remedy=Remedy(text=f"do {id_}", owner=Owner.DATA, effort=effort, after=after),
    )


def _state(requirement: Requirement, state: str = "not-met", reason: Reason | None = None) -> RequirementState:
    fields: dict[str, Any] = {"layer": requirement.layer, "level": requirement.level, "state": state, "reason": reason}
    return RequirementState(id=requirement.id, **fields)


def _steps(rows: list[tuple[Requirement, str, Reason | None]], limit: int = 5, **rollup: Any) -> list[NextStep]:
    states = [_state(*row) for row in rows]
    whole = Rollup(run="check-1", exit_code=1, headline="", requirements=states, **({"citcom_level": 2} | rollup))
    return next_steps(whole, {row[0].id: row[0] for row in rows}, limit=limit)


def _ids(steps: list[NextStep]) -> list[str]:
    return [step.requirement for step in steps]


def test_must_before_should_and_little_effort_first() -> None:
    """A missing MUST comes before a missing SHOULD; of two equal ones the easier."""
    rows = [
        (_requirement("A", Level.SHOULD, Effort.HOURS), "not-met", None),
        (_requirement("B", effort=Effort.MONTHS), "not-met", None),
        (_requirement("C", effort=Effort.HOURS), "not-met", None),
    ]
    assert _ids(_steps(rows)) == ["C", "B", "A"]


def test_what_others_wait_for_comes_before_them() -> None:
    """A prerequisite is as urgent as what depends on it, even if it is only a SHOULD."""
    rows = [
        (_requirement("A", effort=Effort.HOURS, after=("Z",)), "not-met", None),
        (_requirement("B", effort=Effort.DAYS), "not-met", None),
        (_requirement("Z", Level.SHOULD, Effort.MONTHS), "not-met", None),
    ]
    steps = _steps(rows)
    assert _ids(steps) == ["Z", "A", "B"]
    assert steps[0].unlocks == ["A"]
    assert steps[1].after == ["Z"]


def test_a_prerequisite_that_is_in_place_is_not_named() -> None:
    """Only open prerequisites hold a step up."""
    rows = [(_requirement("A", after=("Z",)), "not-met", None), (_requirement("Z"), "met", None)]
    assert [(step.requirement, step.after) for step in _steps(rows)] == [("A", [])]


def test_a_circle_of_prerequisites_still_ends() -> None:
    """Two remedies that name each other are both listed, once."""
    rows = [(_requirement("A", after=("B",)), "not-met", None), (_requirement("B", after=("A",)), "not-met", None)]
    assert sorted(_ids(_steps(rows))) == ["A", "B"]


def test_undecided_requirements_become_one_act() -> None:
    """Ten requirements that wait for the sandbox mode are one step, which names how many wait."""
    rows = [(_requirement(f"A{number}"), "not-tested", Reason.MODE) for number in range(10)]
    (step,) = _steps(rows)
    assert "sandbox" in step.title
    assert len(step.unlocks) == 10
    assert "10 requirements wait" in step.text


def test_credentials_come_first_where_they_hide_much() -> None:
    """A refused token that hides most of the twin is the first step, whatever else is missing."""
    hidden = [(_requirement(f"H{number}"), "not-tested", Reason.AUTH) for number in range(5)]
    steps = _steps([*hidden, (_requirement("A", effort=Effort.HOURS), "not-met", None)])
    assert "credentials" in steps[0].title


def test_what_is_open_because_of_us_is_no_step() -> None:
    """A missing check, our own error, and what would put the twin at risk ask nothing of the site."""
    rows = [
        (_requirement("P"), "not-tested", Reason.DISRUPTIVE),
        (_requirement("A"), "not-tested", Reason.NO_CHECK),
        (_requirement("B"), "not-tested", Reason.HARNESS),
        (_requirement("C", Level.MAY), "not-met", None),
        (_requirement("D"), "met", None),
    ]
    assert _steps(rows) == []


def test_an_option_that_the_wanted_level_needs_is_a_step() -> None:
    """A site that wants level 1 is told to offer NGSI-LD, though nobody asked that of it as it is."""
    catalogue = load_catalogue()
    rows = [
        (catalogue["LDT-IO-20"], "not-applicable", Reason.UNCLAIMED),
        (catalogue["LDT-DS-12"], "not-met", None),
        (catalogue["LDT-DA-30"], "not-applicable", Reason.UNCLAIMED),
    ]
    steps = _steps(rows, citcom_level=0, citcom_level_claimed=None)
    assert _ids(steps) == ["LDT-IO-20", "LDT-DS-12"]
    assert "CitCom.ai level 1" in steps[0].unlocks


_names = st.lists(st.sampled_from([f"R{number}" for number in range(12)]), unique=True, min_size=1)


@given(data=st.data(), names=_names)
def test_no_step_comes_before_what_it_depends_on(data: st.DataObject, names: list[str]) -> None:
    """For any catalogue without circles: every step's prerequisites stand before it, and each step stands once."""
    rows: list[tuple[Requirement, str, Reason | None]] = []
    for index, name in enumerate(names):
        after = tuple(data.draw(st.lists(st.sampled_from(names[:index]), unique=True))) if index else ()
        level, effort = data.draw(st.sampled_from([Level.MUST, Level.SHOULD])), data.draw(st.sampled_from(list(Effort)))
        rows.append((_requirement(name, level, effort, after), "not-met", None))
    steps = _steps(data.draw(st.permutations(rows)), limit=100)
    place = {step.requirement: index for index, step in enumerate(steps)}
    assert sorted(place) == sorted(names)
    assert all(place[before] < place[step.requirement] for step in steps for before in step.after)


def test_every_remedy_of_the_catalogue_can_be_a_step() -> None:
    """With the whole toolbox catalogue missing, every MUST and SHOULD is listed, prerequisites first."""
    catalogue = load_catalogue()
    states = [_state(requirement) for requirement in catalogue.values()]
    steps = next_steps(Rollup(run="r", exit_code=1, headline="", requirements=states), catalogue, limit=1000)
    place = {step.requirement: index for index, step in enumerate(steps)}
    expected = {id_ for id_, requirement in catalogue.items() if requirement.level is not Level.MAY}
    assert set(place) == expected
    assert all(place[before] < place[step.requirement] for step in steps for before in step.after)
