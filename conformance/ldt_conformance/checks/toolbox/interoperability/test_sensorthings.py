"""SensorThings on the twin's own data, read-only (LDT-IO-81, -82)."""

from ldt_conformance.checks.toolbox import other_trials as trials
from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.trials import judge_all
from ldt_conformance.clients.reading import Item
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive


def datastreams(twin: Twin) -> list[Item]:
    """The sampled datastreams; inconclusive where there are none."""
    twin.place("sta")
    found = [item for batch in take_sample(twin).of("sta") for item in batch.items]
    if not found:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no datastream was found", expected="datastreams to look at")
    return found


@toolbox_check("sensorthings/queries", "LDT-IO-81")
def test_queries(twin: Twin, run: RunContext) -> None:
    datastreams(twin)
    tried = {
        "$filter": trials.sta_by_attribute(twin),
        "$orderby": trials.sta_by_time(twin),
        "$top and nextLink": trials.sta_by_page(twin),
    }
    judge_all(tried, run)


@toolbox_check("sensorthings/definitions", "LDT-IO-82")
def test_definitions(twin: Twin, run: RunContext) -> None:
    faults = []
    for item in datastreams(twin):
        unit = item.raw.get("unitOfMeasurement")
        observed = item.raw.get("ObservedProperty")
        definition = observed.get("definition") if isinstance(observed, dict) else None
        lacks = [] if isinstance(unit, dict) and (unit.get("symbol") or unit.get("name")) else ["a unit of measurement"]
        if not str(definition or "").startswith(("http://", "https://")):
            lacks.append("an ObservedProperty.definition that is an address")
        if lacks:
            faults.append(f"{item.raw.get('name')} lacks {' and '.join(lacks)}")
    if faults:
        fail("a unit and a definition for each datastream", listed(faults))
    run.note(f"{len(datastreams(twin))} datastreams; definitions were not opened")
