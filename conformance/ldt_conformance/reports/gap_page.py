"""The gap analysis as one page: layer by layer the question, the site's answer, what was found, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import LayerCount, Report, Result, Rollup, check_run, run_results
from ldt_conformance.engine.verdicts import Layer, Level, Verdict
from ldt_conformance.gap.questions import QUESTIONS, SOURCE, Question
from ldt_conformance.gap.said import WORDS, Declaration, declarations, outlook, with_declared_rollup
from ldt_conformance.gap.steps import next_steps
from ldt_conformance.reports import page
from ldt_conformance.reports.templating import render_page
from ldt_conformance.wording.text import one_line
from ldt_conformance.wording.words import LAYERS, Word, plural, reason_text

_STORING = ("database", "time series", "storage", "data lake", "warehouse")
LISTED = 8  # requirements of one kind that one layer lists; the rest are counted
STEPS = 3  # next steps a layer
_DECLARED: dict[str, Layer] = {  # key of inventory["declared"] -> the layer that it belongs to
    "data_sources": Layer.DATA_SOURCES,
    "pipelines": Layer.ORCHESTRATION,
    "services": Layer.SERVICES,
    "ai": Layer.KNOWLEDGE,
    "models": Layer.KNOWLEDGE,
    "visualisations": Layer.VISUALIZATION,
}
_ROLES: dict[str, Layer] = {  # role of an endpoint -> its layer; every other role is Interoperability
    "history": Layer.DATA_ACQUISITION,
    "objects": Layer.DATA_ACQUISITION,
    "catalogue": Layer.DATA_ACQUISITION,
    "portal": Layer.DATA_ACQUISITION,
    "connector": Layer.DATA_ACQUISITION,
    "forecaster": Layer.KNOWLEDGE,
    "processes": Layer.KNOWLEDGE,
    "pipelines": Layer.ORCHESTRATION,
    "scenarios": Layer.ORCHESTRATION,
    "monitoring": Layer.ORCHESTRATION,
    "visualisation": Layer.VISUALIZATION,
    "tiles": Layer.VISUALIZATION,
}


_TOLD: dict[str, str] = {  # what is shown of a declared entry, in this order; the rest is in report.json
    "kind": "{}",
    "domain": "{}",
    "purpose": "for {}",
    "format": "{}",
    "api": "{}",
    "engine": "by {}",
    "source": "from {}",
    "steps": "{}",
    "target": "to {}",
    "schedule": "{}",
    "interval_seconds": "every {} s",
    "types": "types {}",
    "licence": "licence {}",
    "status": "{}",
    "access": "access {}",
    "url": "{}",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A requirement, what a check saw of it, and what the site file says of it."""

    item: page.RequirementView
    word: Word
    seen: str
    said: str


@dataclass(frozen=True, slots=True)
class LayerPage:
    """Everything the page says of one layer."""

    name: str
    slug: str
    question: Question
    count: LayerCount
    answer: str
    answers: list[tuple[str, str]]  # requirement id, answer
    declared: list[str]
    found: list[Found]
    more_found: int
    gaps: list[Found]
    more_gaps: int
    undecided: list[str]
    later: list[Found]  # of parts that this twin neither has nor claims
    steps: list[page.StepView]


def render_gap(
    report: Report, catalogue: Mapping[str, Requirement], *, digest: str | None = None, public: bool = False
) -> str:
    """The gap analysis as one self-contained HTML document; arguments as for the report's page."""
    report = report if report.rollup else with_declared_rollup(report, catalogue)
    run = check_run(report)
    return render_page(
        "gap.html.j2",
        name=report.target.name,
        target=report.target,
        suite=report.suite,
        run=run,
        probed=_probed(report),
        sentence=page.sentence(report),
        outlook=[] if _probed(report) else outlook(report),
        strip=page.strip(report),
        levels=page.level_ladder(report),
        profiles=page.profile_ladder(report),
        steps=page.steps(report, catalogue),
        layers=layer_pages(report, catalogue),
        trust=page.trust(report),
        source=SOURCE,
        digest=digest,
        public=public,
    )


def _probed(report: Report) -> bool:
    run = check_run(report)
    return run is not None and run.kind == "check"


def layer_pages(report: Report, catalogue: Mapping[str, Requirement]) -> list[LayerPage]:
    """One for each of the seven layers, from data sources up to visualisation."""
    items = {slug: list(found) for _, slug, found in page.requirements(report, catalogue)}
    counts = {view.slug: view.count for view in page.strip(report)}
    results = {result.check: result for result in run_results(report)}
    steps = (
        _steps_by_layer(report.rollup, catalogue, report.target.target_level, _probed(report)) if report.rollup else {}
    )
    known = _Known(report, catalogue, counts, items, results, steps, declarations(report), _probed(report))
    return [_layer(question, known) for question in QUESTIONS]


@dataclass(frozen=True, slots=True)
class _Known:
    """What all layers draw from."""

    report: Report
    catalogue: Mapping[str, Requirement]
    counts: Mapping[str, LayerCount]
    items: Mapping[str, list[page.RequirementView]]
    results: Mapping[str, Result]
    steps: Mapping[Layer, list[page.StepView]]
    said: Mapping[str, Declaration]
    probed: bool


def _layer(question: Question, known: _Known) -> LayerPage:
    layer = question.layer
    own = known.items.get(layer.value, [])
    found = [_found(item, known) for item in own if item.state.state in {"met", "met-with-findings"}]
    gaps = [_found(item, known) for item in own if item.state.state == "not-met" and item.state.level is not Level.MAY]
    answers = _answers(known.report, layer, known.catalogue)
    return LayerPage(
        name=LAYERS[layer],
        slug=layer.value,
        question=question,
        count=known.counts[layer.value],
        answer=answers.pop("", ""),
        answers=sorted(answers.items()),
        declared=_declared(known.report, layer),
        found=found[:LISTED],
        more_found=max(0, len(found) - LISTED),
        gaps=gaps[:LISTED],
        more_gaps=max(0, len(gaps) - LISTED),
        undecided=_undecided(own, known.probed),
        later=_later(own, known),
        steps=known.steps.get(layer, [])[:STEPS],
    )


def _found(item: page.RequirementView, known: _Known) -> Found:
    """A requirement with what a check saw, else with what the site file says of it."""
    said = known.said.get(item.state.id)
    seen = _seen(item, known.results)
    word = WORDS[said.standing] if said and not known.probed else item.word
    return Found(item, word, seen, said.sentence if said else "")


def _later(own: list[page.RequirementView], known: _Known) -> list[Found]:
    """What is not asked because the twin neither has nor claims the part, but of which its file says something."""
    aside = [item for item in own if item.state.state == "not-applicable" and item.state.level is not Level.MAY]
    told = [found for item in aside if (found := _found(item, known)).said]
    return told[:LISTED]


def _answers(report: Report, layer: Layer, catalogue: Mapping[str, Requirement]) -> dict[str, str]:
    """The layer's answer under "", and answers to single requirements of the layer under their ids."""
    found: dict[str, str] = {}
    for key, text in report.answers.items():
        if key.replace("_", "-") == layer.value:
            found[""] = text
        elif key in catalogue and catalogue[key].layer is layer:
            found[key] = text
    return found


def _seen(item: page.RequirementView, results: Mapping[str, Result]) -> str:
    """What the check that decided a requirement saw: the first pass where it is in place, else the first failure."""
    deciding = {Verdict.FAIL, Verdict.WAIVED, Verdict.WARN} if item.state.state == "not-met" else {Verdict.PASS}
    for check in item.state.checks:
        result = results.get(check)
        if result and result.verdict in deciding and (result.observed or result.note):
            return one_line(result.observed or result.note or "", 200)
    return ""


def _undecided(own: list[page.RequirementView], probed: bool) -> list[str]:
    reasons = Counter(
        (item.state.level, (reason_text(item.state.reason) or "no reason recorded") if probed else "nothing was probed")
        for item in own
        if item.state.state == "not-tested" and item.state.level is not Level.MAY
    )
    ordered = sorted(reasons.items(), key=lambda pair: (pair[0][0] is not Level.MUST, -pair[1], pair[0][1]))
    return [f"{plural(count, f'{level} requirement')}: {reason}" for (level, reason), count in ordered]


def _declared(report: Report, layer: Layer) -> list[str]:
    """What the site file names for this layer, one line each: endpoints, data sources, pipelines, models, views."""
    lines = [
        line
        for line in page.endpoint_lines(report)
        if _ROLES.get(line.partition(":")[0], Layer.INTEROPERABILITY) is layer
    ]
    if layer is Layer.INTEROPERABILITY:
        lines += [f"claims {claim}" for claim in _claims(report.target.claims)]
    declared = report.inventory.get("declared")
    if isinstance(declared, Mapping):
        for key, entries in declared.items():
            if isinstance(entries, list | tuple):
                lines += [_entry(entry) for entry in entries if _layer_of(key, entry) is layer]
    return lines


def _claims(claims: Mapping[str, Any]) -> list[str]:
    """Each claim in words; a table such as `standards` one by one."""
    words = {"ngsi_ld": "NGSI-LD", "citcom_level": "CitCom.ai level", "edic_profile": "EDIC profile"}
    told = []
    for key, value in sorted(claims.items()):
        if isinstance(value, Mapping):
            told += [one_line(f"{name} {version}", 120) for name, version in sorted(value.items())]
        elif value not in (None, "", [], ()):
            told.append(one_line(f"{words.get(key, key.replace('_', ' '))} {_value(value)}", 120))
    return told


def _layer_of(key: str, entry: Any) -> Layer | None:
    """The layer that a declared entry belongs to; a component's by its role, else by whether it is said to store."""
    if key != "components" or not isinstance(entry, Mapping):
        return _DECLARED.get(key)
    role = entry.get("role")
    if isinstance(role, str):
        return _ROLES.get(role, Layer.INTEROPERABILITY)
    said = str(entry.get("description", "")).lower()
    return Layer.DATA_ACQUISITION if any(word in said for word in _STORING) else Layer.INTEROPERABILITY


def _entry(entry: Any) -> str:
    """One declared source, pipeline, model, service or view on one line: its name and what says most."""
    if not isinstance(entry, Mapping):
        return one_line(str(entry), 200)
    name = one_line(str(entry.get("name", "")), 80)
    told = [
        one_line(form.format(_value(entry[key])), 100)
        for key, form in _TOLD.items()
        if entry.get(key) not in (None, "", [], ())
    ]
    if entry.get("published") is False:
        told.append("not published")
    if len(told) < 2 and entry.get("description"):
        told.append(one_line(str(entry["description"]), 160))
    return f"{name}: {', '.join(told)}" if told else name


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " → ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _steps_by_layer(
    rollup: Rollup, catalogue: Mapping[str, Requirement], target_level: int | None, probed: bool
) -> dict[Layer, list[page.StepView]]:
    """Every open step in its overall order, under each layer whose requirements it closes or decides."""
    found: dict[Layer, list[page.StepView]] = {layer: [] for layer in Layer}
    for step in next_steps(rollup, catalogue, target_level=target_level, limit=len(catalogue), probed=probed):
        view = page.step_view(step, catalogue)
        touched = [step.requirement] if view.closes else step.unlocks
        for layer in {catalogue[id_].layer for id_ in touched if id_ in catalogue}:
            found[layer].append(view)
    return found
