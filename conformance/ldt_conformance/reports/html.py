"""The report as one HTML page: the first screen for the city manager, every verdict below it for the engineer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import Report, check_run, run_results
from ldt_conformance.reports import page
from ldt_conformance.reports.evidence import Evidence
from ldt_conformance.reports.load_summary import Second, read_summaries
from ldt_conformance.reports.templating import render_page
from ldt_conformance.wording.words import VERDICTS


def render_html(
    report: Report,
    catalogue: Mapping[str, Requirement],
    *,
    digest: str | None = None,
    public: bool = False,
    evidence: Evidence | None = None,
) -> str:
    """The whole page as one self-contained document.

    Args:
        report: The raw report; already reduced where `public`.
        catalogue: Titles, sources and remedies of requirements.
        digest: `sha256:…` of report.json, shown in the box of trust; None leaves it out.
        public: Whether the page says that it is the public edition.
        evidence: Exchanges to show with the verdicts that cite them; None: their ids alone.
    """
    loads, problems = read_summaries(report.load)
    return render_page(
        "report.html.j2",
        name=report.target.name,
        target=report.target,
        suite=report.suite,
        run=check_run(report),
        sentence=page.sentence(report),
        enough=report.rollup is not None and report.rollup.enough_evidence,
        levels=page.level_ladder(report),
        profiles=page.profile_ladder(report),
        overall=page.overall(report),
        layers=page.strip(report),
        steps=page.steps(report, catalogue),
        changes=report.rollup.changes if report.rollup else [],
        trust=page.trust(report),
        unseen=page.not_looked_at(report),
        requirements=page.requirements(report, catalogue),
        groups=page.groups(report),
        packs=sorted({result.pack for result in run_results(report)}),
        known={state.id for state in report.rollup.requirements} if report.rollup else set(),
        anchor_of=page.requirement_anchor,
        exchanges=evidence.exchanges if evidence else {},
        evidence_problem=evidence.problem if evidence else None,
        highest=_highest,
        loads=loads,
        load_problems=problems,
        legend=VERDICTS.values(),
        digest=digest,
        public=public,
    )


def _highest(series: Sequence[Second]) -> float:
    return max((point.p95_ms or 0.0 for point in series), default=0.0)
