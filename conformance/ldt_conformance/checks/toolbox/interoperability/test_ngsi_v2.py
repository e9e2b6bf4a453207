"""NGSIv2 on the twin's own data, read-only (LDT-IO-51, -53)."""

from ldt_conformance.checks.toolbox import other_trials as trials
from ldt_conformance.checks.toolbox.declared import toolbox_check
from ldt_conformance.checks.toolbox.trials import judge_all
from ldt_conformance.clients.reading import Item
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive

UNTYPED = {"Text", "None", "none", ""}


def items(twin: Twin) -> list[Item]:
    """The sampled NGSIv2 entities; inconclusive where there are none."""
    twin.place("ngsi-v2")
    found = [item for batch in take_sample(twin).of("ngsi-v2") for item in batch.items]
    if not found:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "NGSIv2 gave no entity", expected="entities to look at")
    return found


@toolbox_check("ngsi-v2/queries", "LDT-IO-51")
def test_queries(twin: Twin, run: RunContext) -> None:
    items(twin)
    tried = {
        "list and count": trials.v2_by_page(twin),
        "q": trials.v2_by_attribute(twin),
        "georel=near": trials.v2_by_place(twin),
    }
    judge_all(tried, run)


@toolbox_check("ngsi-v2/typed-attributes", "LDT-IO-53")
def test_typed_attributes(twin: Twin, run: RunContext) -> None:
    found = [entry for item in items(twin) for entry in _attributes(item)]
    if not found:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "the entities have no normalized attribute")
    typed = [entry for entry in found if str(entry.get("type", "")) not in UNTYPED]
    values = [value for item in items(twin) for value in item.values]
    for name, share in {
        "share_of_typed_attributes": len(typed) / len(found),
        "share_with_time": sum(bool(value.times) for value in values) / len(values),
        "share_with_unit": sum(value.unit is not None for value in values) / len(values),
    }.items():
        run.measure(name, share)
    numbers_as_text = [
        str(entry["value"])[:20]
        for entry in found
        if entry.get("type") == "Text" and _looks_like_a_number(entry["value"])
    ]
    if not typed:
        fail("attributes with types such as Number, DateTime, geo:json", f"all {len(found)} are Text")
    if numbers_as_text:
        fail("numbers with the type Number", f"{len(numbers_as_text)} numbers are Text, e.g. {numbers_as_text[0]}")


def _attributes(item: Item) -> list[dict[str, object]]:
    return [entry for entry in item.raw.values() if isinstance(entry, dict) and "value" in entry]


def _looks_like_a_number(value: object) -> bool:
    try:
        float(str(value)) if isinstance(value, str) else None
    except ValueError:
        return False
    return isinstance(value, str)
