"""The one sentence for the city manager."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.report import LayerCount, Report, Rollup
from ldt_conformance.engine.verdicts import Layer
from ldt_conformance.gap.headline import headline

from .sample import NOW, sample_report


def _with(report: Report, **rollup: object) -> Report:
    assert report.rollup is not None
    return report.model_copy(update={"rollup": report.rollup.model_copy(update=rollup)})


def test_level_and_claim_are_both_named() -> None:
    """A site that claims more than was proven reads both numbers in one sentence."""
    said = headline(_with(sample_report(0), citcom_level=0, citcom_level_claimed=1, enough_evidence=True))
    assert "level 0" in said
    assert "less than the level 1 that it claims" in said


def test_no_level_without_enough_evidence() -> None:
    """Where fewer than half of the MUST requirements were decided no level is named as reached."""
    said = headline(_with(sample_report(0), citcom_level=2, citcom_level_claimed=2, enough_evidence=False))
    assert "not enough evidence" in said
    assert "reaches" not in said


def test_nothing_decided_says_the_root_cause() -> None:
    """A run that decided nothing says why, and claims nothing."""
    report = sample_report(0)
    runs = [run.model_copy(update={"root_cause": "The broker refused the token."}) for run in report.runs]
    unseen = [LayerCount(layer=layer, not_looked_at=3) for layer in Layer]
    said = headline(_with(report.model_copy(update={"runs": runs}), layers=unseen))
    assert said == "Nothing can be said about Harbour City mobility twin yet: The broker refused the token."


def test_no_run_is_said_plainly() -> None:
    """A report without a check run says that there is none."""
    assert "has not been checked yet" in headline(sample_report(0).model_copy(update={"rollup": None}))


_counts = st.builds(
    LayerCount,
    layer=st.sampled_from(list(Layer)),
    in_place=st.integers(0, 30),
    missing=st.integers(0, 30),
    not_looked_at=st.integers(0, 30),
)


@given(
    layers=st.lists(_counts, max_size=7),
    reached=st.none() | st.integers(0, 2),
    claimed=st.none() | st.integers(0, 2),
    enough=st.booleans(),
    name=st.text(min_size=1, max_size=120),
)
def test_always_one_line_with_the_true_numbers(
    layers: list[LayerCount], reached: int | None, claimed: int | None, enough: bool, name: str
) -> None:
    """Whatever the roll-up: one line, one full stop at its end, and the sums of the layers in it."""
    report = sample_report(0, name=name)
    rollup = Rollup(
        run=NOW,
        exit_code=1,
        headline="",
        layers=layers,
        citcom_level=reached,
        citcom_level_claimed=claimed,
        enough_evidence=enough,
    )
    said = headline(report.model_copy(update={"rollup": rollup}))
    assert "\n" not in said
    assert said.endswith(".")
    in_place, missing = sum(one.in_place for one in layers), sum(one.missing for one in layers)
    unseen = sum(one.not_looked_at for one in layers)
    if in_place + missing:
        numbers = [int(found) for found in re.findall(r"\d+", said.rsplit(": of ", 1)[1])]
        assert numbers == [in_place + missing + unseen, in_place, missing, unseen]
    else:
        assert "reaches" not in said
