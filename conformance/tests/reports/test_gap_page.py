"""The gap page: layer by layer the question, the answer, what was found or said, what is missing."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path

import pytest

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.verdicts import Layer
from ldt_conformance.gap import complete
from ldt_conformance.gap.questions import QUESTIONS
from ldt_conformance.gap.said import with_declared_rollup
from ldt_conformance.reports.gap_page import LayerPage, layer_pages
from ldt_conformance.reports.interface import Format, render

from .declared_site import declared_report, declared_site
from .sample import sample_report


def _layers(page: str) -> dict[str, str]:
    """The sections of the page by layer."""
    parts = re.split(r'<section class="layer" id="layer-([a-z-]+)"', unescape(page))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def declared() -> dict[str, LayerPage]:
    """The layers of the site that was never probed."""
    catalogue = load_catalogue()
    shown = with_declared_rollup(declared_report(), catalogue)
    return {layer.slug: layer for layer in layer_pages(shown, catalogue)}


def test_seven_layers_from_the_sources_up_each_with_its_question() -> None:
    """Six quoted questions and our own for services, in the order of the Toolbox picture, bottom first."""
    assert [question.layer for question in QUESTIONS] == list(Layer)
    assert [question.layer for question in QUESTIONS if not question.quoted] == [Layer.SERVICES]
    page = render(declared_report(), Format.GAP)
    assert list(_layers(page)) == [layer.value for layer in Layer]
    for question in QUESTIONS:
        section = _layers(page)[question.layer.value]
        assert question.text in section
        assert question.why in section
        assert question.outcome in section


@pytest.mark.reference
def test_the_quoted_questions_are_the_pages_own() -> None:
    """Each quoted question stands in CitCom.ai's page word for word; why and outcome are not copied from it."""
    text = " ".join(Path(os.environ["LDT_REFERENCE_DIR"], "citcom-ldt-page.md").read_text(encoding="utf-8").split())
    for question in QUESTIONS:
        assert (question.text in text) == question.quoted
        for own in (question.why, question.outcome):
            assert not any(sentence in text for sentence in own.split(". "))


def test_the_sites_own_answers_stand_beside_the_questions() -> None:
    """What the owner wrote is found again, word for word; an unanswered layer says how to answer."""
    sections = _layers(render(declared_report(), Format.GAP))
    for key, answer in declared_site().answers.items():
        assert " ".join(answer.split()) in " ".join(sections[key.replace("_", "-")].split())
    assert "answers: {services: …}" in sections["services"]


def test_declarations_are_shown_where_they_belong(declared: dict[str, LayerPage]) -> None:
    """Sources, pipelines, models, views and endpoints stand in their own layers."""
    assert any("simulation engines" in line for line in declared["data-sources"].declared)
    assert any("Redpanda Connect" in line for line in declared["orchestration"].declared)
    assert any("demand forecast" in line for line in declared["knowledge"].declared)
    assert any("Mapbox" in line for line in declared["visualization"].declared)
    assert any("dtdl" in line for line in declared["interoperability"].declared)


def test_another_way_is_told_from_missing(declared: dict[str, LayerPage]) -> None:
    """DTDL in place of NGSI-LD is a gap with what was said and a remedy, and is not called missing."""
    gaps = {gap.item.state.id: gap for gap in declared["interoperability"].gaps}
    assert gaps["LDT-IO-20"].word.name == "solved another way"
    assert "DTDL" in gaps["LDT-IO-20"].said
    assert gaps["LDT-IO-20"].item.remedy
    assert gaps["LDT-IO-02"].word.name == "declared in part"


def test_a_part_that_the_twin_does_not_have_is_shown_apart(declared: dict[str, LayerPage]) -> None:
    """No catalogue is declared, so none is asked for; what the file says about it is told all the same."""
    assert "LDT-DA-09" in [entry.item.state.id for entry in declared["data-acquisition"].later]
    assert declared["data-acquisition"].count.missing == 0


def test_what_the_wanted_level_needs_is_a_gap_though_the_profile_is_not_the_sites(
    declared: dict[str, LayerPage],
) -> None:
    """The site wants level 1: NGSI-LD is its gap although it has no NGSI-LD endpoint."""
    assert "LDT-IO-20" in [gap.item.state.id for gap in declared["interoperability"].gaps]


def test_the_page_says_that_nothing_was_probed() -> None:
    """No declaration is called found, no level is called reached, and the page says on what it rests."""
    page = unescape(render(declared_report(), Format.GAP))
    assert "Nothing was sent to the twin for this page" in page
    assert "By its own account, and before anything was probed" in page
    assert "Found in place" not in page
    assert "(reached)" not in page
    assert "Level 0 is in reach by what is said" in page


def test_declarations_never_become_evidence() -> None:
    """The roll-up made for showing stays out of the report, and the badge of such a set is unknown."""
    report = declared_report()
    assert report.rollup is None
    assert report.results == []
    assert complete(report) == report
    assert "unknown" in render(report, Format.BADGE)


def test_a_checked_site_shows_what_was_seen_beside_what_was_said() -> None:
    """After a check the page speaks of what was found, and keeps the sentences of the site file."""
    before = complete(sample_report(20, name=declared_site().site.name))
    report = declared_report(before)
    assert report.rollup == before.rollup
    page = _layers(render(report, Format.GAP))
    assert "Seen: unitCode on 41 of 118 sampled numbers" in page["data-sources"]
    assert "Said: No unit is named for the measured numbers." in page["data-sources"]
    assert "Found in place" in page["data-sources"]


def test_what_is_in_reach_is_said_only_before_a_check_told_it() -> None:
    before = declared_report()
    reach = before.inventory["outlook"][0]
    after = sample_report()
    after.inventory["outlook"] = before.inventory["outlook"]
    assert reach in unescape(render(before, Format.GAP))
    assert reach not in unescape(render(after, Format.GAP))


def test_another_sites_run_set_is_not_mixed_in() -> None:
    """Adding an analysis to another site's folder is refused, and the message names both."""
    with pytest.raises(SiteError, match=r"Harbour City.*Lux TEF.*--out"):
        declared_report(sample_report(0))


def test_every_gap_names_remedy_owner_and_effort(declared: dict[str, LayerPage]) -> None:
    """No gap is listed without what helps, who acts and how much work we think it is."""
    gaps = [gap for layer in declared.values() for gap in layer.gaps]
    assert len(gaps) > 5
    assert all(gap.item.remedy and gap.item.owner and gap.item.effort for gap in gaps)
    assert all(layer.steps for layer in declared.values() if layer.gaps)


def test_a_foreign_inventory_does_not_break_the_page() -> None:
    """Whatever stands in the inventory, the page is written."""
    report = declared_report()
    for broken in (None, 3, "x", [1, {"requirement": 3}], [{"requirement": "LDT-DS-01", "standing": "new-word"}]):
        inventory = {"declared": broken, "declarations": broken, "outlook": broken, "profiles": broken}
        assert "<h1" in render(report.model_copy(update={"inventory": inventory}), Format.GAP)
