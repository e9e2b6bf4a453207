"""What models write: told apart from observations, readable, current, with provenance (LDT-KN-10, -11, -12, -14)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.times import instant
from ldt_conformance.clients.reading import Item, short
from ldt_conformance.clients.sample import Batch, take_sample
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, not_applicable

GENERATED = re.compile(r"(?i)(forecast|prediction|predicted|simulat|scenario|synthetic|estimation)")
ISSUED = re.compile(
    r"(?i)^(dateIssued|issuedAt|issueTime|dateIssue|generatedAtTime|referenceTime|dateRetrieved|runTime)$"
)
VALID = re.compile(r"(?i)^(validFrom|validTo|validity|validAt|forecastTime|dateValid|endsAt|predictedFor)$")
MODEL = re.compile(r"(?i)(model|wasGeneratedBy|wasAttributedTo|algorithm)")
VERSION = re.compile(r"(?i)version")
INPUT = re.compile(r"(?i)(wasDerivedFrom|inputWindow|input|source|used$|derivedFrom|trainingData)")


def output_types(twin: Twin) -> set[str]:
    """Short names of the types that models write, as declared; not applicable where no AI is declared."""
    if not twin.site.ai:
        if twin.site.ai is None and not twin.places("kserve-v2", "ogc-processes"):
            not_applicable(Reason.UNCLAIMED, "no AI is declared, and no model server was found")
        if twin.site.ai == ():
            not_applicable(Reason.UNCLAIMED, "the site declares that it uses no AI")
    return {short(name) for model in twin.site.ai or () for name in model.output_types}


def outputs(twin: Twin) -> tuple[list[Batch], list[Batch]]:
    """The batches that models wrote (declared, or so named), and the others."""
    declared = output_types(twin)
    made: list[Batch] = []
    observed: list[Batch] = []
    for batch in take_sample(twin).batches:
        if batch.items:
            (made if batch.type in declared or GENERATED.search(batch.type) else observed).append(batch)
    return made, observed


def _names(item: Item) -> set[str]:
    """Names of the attributes of an item and of what they say besides their values."""
    return {value.name for value in item.values} | {member for value in item.values for member in value.members}


def _marked(item: Item) -> bool:
    """Whether an item says by itself that it was generated: by datasetId, scenario, validity or issue time."""
    named = any(GENERATED.search(name) or VALID.match(name) or ISSUED.match(name) for name in _names(item))
    return named or any(value.dataset and GENERATED.search(value.dataset) for value in item.values)


@toolbox_check("knowledge/told-apart", "LDT-KN-10")
def test_told_apart(twin: Twin, run: RunContext) -> None:
    made, observed = outputs(twin)
    if not made:
        marked = [batch.type for batch in observed if any(_marked(item) for item in batch.items)]
        if not marked:
            inconclusive(
                Reason.INSUFFICIENT_EVIDENCE, _not_seen(twin), expected="forecast or simulated data to look at"
            )
        run.note(f"generated values are marked in {listed(marked)}")
        return
    unmarked = [
        f"{batch.type}: {item.id}"
        for batch in made
        for item in batch.items
        if not _marked(item) and not GENERATED.search(batch.type)
    ]
    if unmarked:
        fail(
            "generated data told apart by type, datasetId, scenario or validity", f"nothing marks {listed(unmarked, 3)}"
        )
    run.note(
        f"generated: {listed([batch.type for batch in made])}; observed: {listed([batch.type for batch in observed])}"
    )


def _not_seen(twin: Twin) -> str:
    declared = sorted(output_types(twin))
    return (
        f"the declared output types {listed(declared)} gave nothing"
        if declared
        else "no output type is declared or seen"
    )


@toolbox_check("knowledge/readable-outputs", "LDT-KN-11")
def test_readable_outputs(twin: Twin, run: RunContext) -> None:
    declared = output_types(twin)
    inputs = {short(name) for model in twin.site.ai or () for name in model.input_types}
    if not declared:
        inconclusive(Reason.NOT_DECLARED, "no model of ldt.yaml names output_types", expected="declared output types")
    sample = take_sample(twin)
    readable = {batch.type for batch in sample.batches if batch.items}
    listed_types = {short(name) for names in sample.types.values() for name in names}
    missing = sorted((declared | inputs) - readable - listed_types)
    if missing:
        fail("inputs and outputs of models can be queried like other data", f"not found: {listed(missing)}")
    run.note(f"outputs {listed(sorted(declared))}" + (f", inputs {listed(sorted(inputs))}" if inputs else ""))


@toolbox_check("knowledge/current-forecasts", "LDT-KN-12")
def test_current_forecasts(twin: Twin, run: RunContext) -> None:
    made = [batch for batch in outputs(twin)[0] if any(_times(item, VALID) for item in batch.items)]
    if not made:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, _not_seen(twin), expected="forecasts with a validity time")
    now = datetime.now(UTC)
    for batch in made:
        issued = [moment for item in batch.items for moment in _times(item, ISSUED)]
        valid = [moment for item in batch.items for moment in _times(item, VALID)]
        if not issued:
            fail("forecasts with their time of issue", f"{batch.type} has none")
        if max(issued) > now and (max(issued) - now).total_seconds() > 60:
            fail("times of issue that are not in the future", f"{batch.type}: {max(issued)}")
        late = [item.id for item in batch.items if _looks_back(item)]
        if late:
            fail("valid times after the time of issue", f"{batch.type}: {listed(list(map(str, late)), 3)}")
        if max(valid) <= now:
            fail("forecasts for times to come", f"{batch.type}: the last one was for {max(valid):%Y-%m-%dT%H:%M:%SZ}")
        run.measure(f"newest_issue_age_seconds {batch.type}", (now - max(issued)).total_seconds())
        run.measure(f"horizon_seconds {batch.type}", (max(valid) - max(issued)).total_seconds())


def _times(item: Item, names: re.Pattern[str]) -> list[datetime]:
    return [moment for value in item.values if names.match(value.name) and (moment := instant(value.value)) is not None]


def _looks_back(item: Item) -> bool:
    """Whether everything that an item forecasts lay before its time of issue."""
    issued, valid = _times(item, ISSUED), _times(item, VALID)
    return bool(issued and valid) and max(valid) <= min(issued)


@toolbox_check("knowledge/provenance", "LDT-KN-14")
def test_provenance(twin: Twin, run: RunContext) -> None:
    made, _ = outputs(twin)
    if not made:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, _not_seen(twin), expected="outputs of a model to look at")
    faults = []
    for batch in made:
        item = batch.items[0]
        wanted: dict[str, Any] = {"the model": MODEL, "its version": VERSION, "its input": INPUT}
        lacks = [what for what, names in wanted.items() if not any(names.search(name) for name in _names(item))]
        if not any(ISSUED.match(name) for name in _names(item)):
            lacks.append("the time of the run")
        if lacks:
            faults.append(f"{batch.type} does not say {', '.join(lacks)}")
    if faults:
        fail(
            "model, version, input and run time with each output (PROV-O terms or declared attributes)", listed(faults)
        )
    run.note(listed([batch.type for batch in made]))
