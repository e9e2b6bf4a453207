"""What the data says about itself: units, times, freshness, ids, places (LDT-DS-04 to -07, -09, -11)."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.geometry import geometry_fault, inside, inside_if_swapped
from ldt_conformance.checks.toolbox.times import instant, time_fault
from ldt_conformance.clients.reading import Item, Value, read_ngsi_ld, read_ngsi_v2, short, times_of
from ldt_conformance.clients.sample import ITEMS, Batch, sample_with_items
from ldt_conformance.clients.twin import JSON, Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive

SHARE = 0.95  # of the numbers that have to carry a unit (LDT-DS-04)
UNIT_CODE = re.compile(r"^[A-Z0-9]{2,3}$")  # form of a common code of UN/CEFACT Recommendation 20
NOT_MEASURED = re.compile(r"(?i)(id|code|number|index|level|rank|count|year|version|lanes?|capacity|floors?)$")
PAGES = 3


def measured(items: list[Item]) -> list[Value]:
    """The measured numbers: those with a time; where none has one, all that are not named like a label."""
    numbers = [value for item in items for value in item.numbers() if item.form == "normalized"]
    timed = [value for value in numbers if value.times]
    return timed or [value for value in numbers if value.unit or not NOT_MEASURED.search(value.name)]


@toolbox_check("data-sources/units", "LDT-DS-04")
def test_units(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    numbers = [(batch.api, value) for batch in sample.batches for value in measured(list(batch.items))]
    if not numbers:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE,
            f"no measured number in {sample.source()}; key-values and GeoJSON have no place for units",
            expected="measured numbers in a form that has units",
        )
    bad = Counter(f"{value.name} ({value.unit or 'no unit'})" for api, value in numbers if not _has_unit(api, value))
    share = 1 - sum(bad.values()) / len(numbers)
    run.measure("share_of_numbers_with_unit", share)
    if share < SHARE:
        fail(
            f"a unit (NGSI: a UN/CEFACT code) on at least {SHARE:.0%} of the measured numbers",
            f"{share:.0%} of {len(numbers)} numbers; without: {listed([name for name, _ in bad.most_common()])}",
        )
    run.note(f"{share:.0%} of {len(numbers)} measured numbers have a unit")


def _has_unit(api: str, value: Value) -> bool:
    if value.unit is None:
        return False
    return api == "sta" or bool(UNIT_CODE.match(value.unit))


@toolbox_check("data-sources/times", "LDT-DS-05")
def test_times(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    checked = 0
    faults: list[str] = []
    for batch in sample.batches:
        for item in batch.items:
            for name, value in times_of(item):
                checked += 1
                fault = time_fault(name, value, utc=batch.api == "ngsi-ld" and name.endswith("observedAt"))
                if fault:
                    faults.append(f"{batch.name}: {fault}")
    if not checked:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"no time stamp in {sample.source()}", expected="time stamps")
    if faults:
        fail("ISO 8601 times with a zone", f"{len(faults)} of {checked}: {listed(sorted(set(faults)))}")
    run.note(f"{checked} times were looked at")


@toolbox_check("data-sources/freshness", "LDT-DS-06")
def test_freshness(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    now = datetime.now(UTC)
    ages = {batch.type: found for batch in sample.batches if (found := _newest_age(batch, now)) is not None}
    if not ages:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"no time stamp in {sample.source()}", expected="time stamps")
    for name, age in ages.items():
        run.measure(f"newest_age_seconds {name}", age.total_seconds())
    limits = _intervals(twin)
    judged = {name: age for name, age in ages.items() if name in limits}
    shown = ", ".join(f"{name}: {_spoken(age)}" for name, age in sorted(ages.items()))
    if not judged:
        inconclusive(
            Reason.NOT_DECLARED, f"measured ages: {shown}", expected="interval_seconds and types of a data source"
        )
    late = [f"{name} is {_spoken(age)} old" for name, age in judged.items() if age > 2 * limits[name]]
    if late:
        fail("the newest value at most twice the declared interval old", listed(late))
    run.note(f"ages: {shown}")


def _newest_age(batch: Batch, now: datetime) -> timedelta | None:
    """Age of the newest time that is not in the future (forecasts are valid in the future)."""
    moments = [moment for item in batch.items for _, value in times_of(item) if (moment := instant(value)) is not None]
    past = [moment for moment in moments if moment <= now + timedelta(minutes=5)]
    return now - max(past) if past else None


def _intervals(twin: Twin) -> dict[str, timedelta]:
    found: dict[str, timedelta] = {}
    for source in twin.site.data_sources or ():
        if source.interval_seconds is not None:
            found |= dict.fromkeys(map(short, source.types), timedelta(seconds=source.interval_seconds))
    return found


def _spoken(age: timedelta) -> str:
    seconds = age.total_seconds()
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@toolbox_check("data-sources/unique-ids", "LDT-DS-07")
def test_unique_ids(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    faults = []
    for batch in sample.batches:
        ids = [item.id for item in _more_pages(batch, twin)]
        nameless = sum(identifier is None or identifier == "" for identifier in ids)
        if nameless:
            faults.append(f"{batch.name}: {nameless} of {len(ids)} items have no id")
        twice = [str(name) for name, count in Counter(map(str, ids)).items() if count > 1 and name != "None"]
        if twice:
            faults.append(f"{batch.name}: {listed(twice, 3)} came more than once")
        if batch.api == "ngsi-ld":
            relative = [str(name) for name in ids if not re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:.", str(name))]
            faults += [f"{batch.name}: {name} is no absolute URI" for name in relative[:3]]
    if faults:
        fail("one unique id for each entity", listed(faults))
    run.note(sample.source())


def _more_pages(batch: Batch, twin: Twin) -> list[Item]:
    """The batch, and for the first type with a full page also the pages behind it: where duplicates show."""
    items = list(batch.items)
    read = {"ngsi-ld": read_ngsi_ld, "ngsi-v2": read_ngsi_v2}.get(batch.api)
    if read is None or batch.place is None or len(items) < ITEMS:
        return items
    chosen: str = twin.once("type to page through", lambda: batch.name)
    for page in range(1, PAGES if chosen == batch.name else 1):
        response = batch.place.get(
            "/entities",
            params={"type": batch.name, "limit": ITEMS, "offset": page * ITEMS},
            headers=JSON | twin.context_headers(),
        )
        body = json.loads(response.content) if response.status == 200 else []
        found = [read(entity) for entity in body if isinstance(entity, dict)] if isinstance(body, list) else []
        items += found
        if len(found) < ITEMS:
            break
    return items


@toolbox_check("data-sources/places", "LDT-DS-09")
def test_places(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    located = [item for item in sample.items if item.geometry is not None]
    if not located:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE, f"nothing with a place in {sample.source()}", expected="located items"
        )
    bbox = twin.site.site.bbox
    faults = []
    for item in located:
        fault = geometry_fault(item.geometry)
        if fault is None and bbox is not None and not inside(item.geometry, bbox):
            fault = "outside the site's bounding box"
            if inside_if_swapped(item.geometry, bbox):
                fault += ", inside with the axes swapped: GeoJSON has longitude first"
        if fault:
            faults.append(f"{item.id}: {fault}")
    if faults:
        fail("valid GeoJSON inside the site's bounding box", f"{len(faults)} of {len(located)}: {listed(faults, 3)}")
    where = "" if bbox else "; the site file states no bbox, so the area was not judged"
    run.note(f"{len(located)} places are valid{where}")


PERSONAL_NAMES = re.compile(
    r"(?i)^(e-?mail.*|telephone|phone.*|mobile|fax.*|firstName|lastName|givenName|familyName|additionalName|surname|birthDate"
    r"|dateOfBirth|ssn|nationalId|passport.*|licen[cs]ePlate.*|vehiclePlateIdentifier|macAddress|iban|socialSecurity.*)$"
)
PERSONAL_VALUES = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "a phone number": re.compile(r"(?<![\d:.])\+\d[\d ()/-]{8,}\d"),
    "a MAC address": re.compile(r"\b([0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", re.IGNORECASE),
    "an IBAN": re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{4}\d{7}[A-Z0-9]{0,16}\b"),
}


@toolbox_check("data-sources/no-personal-data", "LDT-DS-11")
def test_no_personal_data(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    hits: set[str] = set()
    refused = 0
    for batch in sample.batches:
        content: Any = [item.raw for item in batch.items]
        if batch.place is not None and batch.place.client.authenticated:
            content = _as_anonymous(batch)
            refused += content is None
        hits |= {f"{batch.name}: {hit}" for hit in personal_data(content)}
    if hits:
        inconclusive(
            Reason.REVIEW,
            f"anonymous callers see what may be personal data; a person has to look: {listed(sorted(hits))}",
            expected="nothing that looks like personal data",
        )
    beside = f"; {refused} types are refused to anonymous callers" if refused else ""
    run.note(f"nothing that looks like personal data in {sample.source()}{beside}")


def _as_anonymous(batch: Batch) -> Any:
    """What an anonymous caller gets for the same request; None where that is refused."""
    if batch.place is None or batch.response is None:
        return None
    try:
        response = batch.place.client.request("GET", batch.response.url, headers=JSON, auth=False)
        return json.loads(response.content) if response.status == 200 else None
    except (CheckInconclusive, ValueError):
        return None


def personal_data(content: Any) -> set[str]:
    """What in a JSON value looks like personal data, by name and by form."""
    if isinstance(content, list):
        return {hit for member in content for hit in personal_data(member)}
    if isinstance(content, dict):
        named = {
            f"an attribute named {name}" for name, value in content.items() if PERSONAL_NAMES.match(name) and value
        }
        return named | {hit for value in content.values() for hit in personal_data(value)}
    if isinstance(content, str):
        return {what for what, pattern in PERSONAL_VALUES.items() if pattern.search(content)}
    return set()
