"""NGSI-LD on the twin's own data, read-only (LDT-IO-21 to -40). Clause by clause it is judged by the NGSI-LD pack."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.toolbox import ngsi_ld_trials as trials
from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.trials import judge, members
from ldt_conformance.clients.reading import NOT_ATTRIBUTES, short
from ldt_conformance.clients.sample import Batch
from ldt_conformance.clients.twin import JSON, Place, Twin
from ldt_conformance.engine.declare import Clause
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, info, not_applicable, warn

LD_JSON = {"Accept": "application/ld+json"}
DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
URN = re.compile(r"^urn:ngsi-ld:[A-Za-z][\w-]*:.+")
SHARE = 0.95
RELATIONSHIPS = 10
RESOLVING = 0.9
EXPLAINED = 0.95


def clause(number: str, quote_: str = "") -> Clause:
    """A clause of ETSI GS CIM 009 V1.9.1."""
    return Clause("CIM 009", "1.9.1", number, quote_)


def a_batch(twin: Twin) -> Batch:
    """The batch with most entities; inconclusive where there is none."""
    twin.place("ngsi-ld")
    batches = trials.batches_of(twin)
    if not batches:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no entity of any type was found", expected="entities to look at")
    return max(batches, key=lambda batch: len(batch.items))


def broker(twin: Twin) -> Place:
    """Where NGSI-LD answers."""
    return twin.place("ngsi-ld")


def headers(twin: Twin, accept: dict[str, str] | None = None) -> dict[str, str]:
    """The asked media type, and the site's own @context."""
    return (accept or JSON) | twin.context_headers()


def body_of(response: Response) -> Any:
    """The JSON body, None where there is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return None


@toolbox_check("ngsi-ld/types", "LDT-IO-21", clause=[clause("5.7.5"), clause("5.7.6"), clause("5.7.8")])
def test_types(twin: Twin, run: RunContext) -> None:
    place = broker(twin)
    sampled = {batch.type for batch in trials.batches_of(twin)}
    details = place.get("/types", params={"details": True}, headers=headers(twin))
    entries = members(details)
    if entries is None:
        fail("200 with a list of types", f"/types?details=true answered {details.status}")
    names = {short(str(entry.get("typeName", entry.get("id", "")))) for entry in entries}
    if not names and not sampled:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no type, and no entity", expected="entities to look at")
    if sampled - names:
        fail("every type that has entities", f"missing: {listed(sorted(sampled - names))}")
    attributes = place.get("/attributes", headers=headers(twin))
    if attributes.status != 200 or body_of(attributes) is None:
        fail("200 with the list of attributes", f"/attributes answered {attributes.status}")
    run.note(f"{len(names)} types")


@toolbox_check("ngsi-ld/query-by-type", "LDT-IO-22", clause=clause("5.7.2"))
def test_query_by_type(twin: Twin, run: RunContext) -> None:
    batch = a_batch(twin)
    faults = [
        f"{item.id}: type {list(item.types)}"
        for item in batch.items
        if not isinstance(item.id, str) or batch.type not in map(short, item.types)
    ]
    if faults:
        fail(f"entities with an id and the type {batch.type}", listed(faults))
    run.note(f"{len(batch.items)} entities of type {batch.type}")


@toolbox_check("ngsi-ld/retrieve", "LDT-IO-23", clause=clause("5.7.1"))
def test_retrieve(twin: Twin, run: RunContext) -> None:
    batch = a_batch(twin)
    item = batch.items[0]
    response = broker(twin).get(f"/entities/{quote(str(item.id), safe='')}", headers=headers(twin))
    found = body_of(response)
    if response.status != 200 or not isinstance(found, dict):
        fail(f"200 and the entity {item.id}", f"{response.status} {response.text[:120]}")
    if found.get("id") != item.id or short(_first(found.get("type"))) not in map(short, item.types):
        fail(f"id {item.id}, type {list(item.types)}", f"id {found.get('id')}, type {found.get('type')}")
    run.note(str(item.id))


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)


@toolbox_check("ngsi-ld/context-in-answers", "LDT-IO-24", clause=clause("6.3.6"))
def test_context_in_answers(twin: Twin, run: RunContext) -> None:
    item = a_batch(twin).items[0]
    path = f"/entities/{quote(str(item.id), safe='')}"
    plain = broker(twin).get(path, headers=headers(twin))
    linked = broker(twin).get(path, headers=headers(twin, LD_JSON))
    if plain.status != 200 or linked.status != 200:
        inconclusive(Reason.PRECONDITION_UNMET, f"{path} answered {plain.status} and {linked.status}")
    found = body_of(linked)
    if linked.media_type != "application/ld+json" or not isinstance(found, dict) or "@context" not in found:
        fail("application/ld+json with an @context in the body", f"{linked.media_type}, {linked.text[:100]}")
    link = plain.headers.get("link", "")
    if "@context" in (body_of(plain) or {}):
        fail("application/json without @context in the body", f"{plain.text[:100]}")
    if "http://www.w3.org/ns/json-ld#context" not in link:
        fail("a Link header with the relation json-ld#context", link[:120] or "no Link header")


@toolbox_check("ngsi-ld/count", "LDT-IO-26", clause=clause("6.3.13"))
def test_count(twin: Twin, run: RunContext) -> None:
    batch = a_batch(twin)
    counted = broker(twin).get(
        "/entities", params={"type": batch.name, "count": True, "limit": 0}, headers=headers(twin)
    )
    total = counted.headers.get("ngsild-results-count", "")
    if counted.status != 200 or body_of(counted) != [] or not total.isdigit():
        fail("200, [] and NGSILD-Results-Count", f"{counted.status}, {counted.text[:60]}, count {total or 'missing'}")
    if int(total) < len(batch.items):
        fail(f"at least {len(batch.items)}", f"NGSILD-Results-Count: {total}")
    alone = broker(twin).get("/entities", params={"type": batch.name, "limit": 0}, headers=headers(twin))
    if alone.status != 400:
        fail("400 for limit=0 without count", str(alone.status))
    run.note(f"{total} entities of type {batch.type}")


@toolbox_check("ngsi-ld/paging", "LDT-IO-27", clause=[clause("5.5.9"), clause("6.3.10")])
def test_paging(twin: Twin, run: RunContext) -> None:
    broker(twin)
    judge(trials.by_page(twin), run)


@toolbox_check("ngsi-ld/attribute-filter", "LDT-IO-28", clause=clause("4.9"))
def test_attribute_filter(twin: Twin, run: RunContext) -> None:
    broker(twin)
    judge(trials.by_attribute(twin), run)


@toolbox_check("ngsi-ld/geo-query", "LDT-IO-29", clause=clause("4.10"))
def test_geo_query(twin: Twin, run: RunContext) -> None:
    broker(twin)
    judge(trials.by_place(twin), run)


@toolbox_check("ngsi-ld/geojson", "LDT-IO-30", clause=clause("6.3.15"))
def test_geojson(twin: Twin, run: RunContext) -> None:
    located = [batch for batch in trials.batches_of(twin) if any(item.geometry for item in batch.items)]
    broker(twin)
    if not located:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no entity with a place", expected="located entities")
    fault, count = trials.geojson_fault(twin, located[0])
    if fault:
        fail("a GeoJSON FeatureCollection (RFC 7946) with the entity type in properties", fault)
    run.note(f"{count} features of type {located[0].type}")


@toolbox_check("ngsi-ld/simplified", "LDT-IO-31", clause=clause("4.5.4"))
def test_simplified(twin: Twin, run: RunContext) -> None:
    item = a_batch(twin).items[0]
    response = broker(twin).get(
        f"/entities/{quote(str(item.id), safe='')}", params={"options": "keyValues"}, headers=headers(twin)
    )
    found = body_of(response)
    if response.status != 200 or not isinstance(found, dict):
        fail("200 and the simplified entity", f"{response.status} {response.text[:100]}")
    wrapped = [
        name
        for name, value in found.items()
        if name not in NOT_ATTRIBUTES and isinstance(value, dict) and value.get("type") in {"Property", "Relationship"}
    ]
    if wrapped:
        fail("plain values", f"still normalized: {listed(wrapped)}")
    names = {name for name in item.raw if name not in NOT_ATTRIBUTES}
    lost = names - set(found)
    if lost:
        fail("every attribute of the normalized form", f"missing: {listed(sorted(lost))}")


@toolbox_check("ngsi-ld/too-wide", "LDT-IO-33", clause=clause("5.7.2.4"))
def test_too_wide(twin: Twin, run: RunContext) -> None:
    response = broker(twin).get("/entities", params={"limit": 1}, headers=headers(twin))
    if response.status == 200:
        warn(Reason.PARTIAL, "400 BadRequestData for a query without any selector", "200: executed, a risk of overload")
    if response.status != 400:
        fail("400 BadRequestData for a query without any selector", f"{response.status} {response.text[:100]}")


@toolbox_check("ngsi-ld/errors", "LDT-IO-34", clause=[clause("6.3.2"), clause("6.3.3"), clause("6.3.4")])
def test_errors(twin: Twin, run: RunContext) -> None:
    place = broker(twin)
    batch = a_batch(twin)
    path = f"/entities/{quote(str(batch.items[0].id), safe='')}"
    unknown = place.get("/entities/urn:ngsi-ld:LdtCheck:none", headers=headers(twin))
    refused = place.get(path, headers=headers(twin, {"Accept": "text/plain"}))
    broken = place.get("/entities", params={"type": batch.name, "q": "((a=="}, headers=headers(twin))
    faults = []
    kind = str((body_of(unknown) or {}).get("type", "")) if isinstance(body_of(unknown), dict) else ""
    if unknown.status != 404 or kind != f"{ERRORS}ResourceNotFound":
        faults.append(f"unknown id: {unknown.status} {kind or 'without type'}, expected 404 ResourceNotFound")
    if refused.status != 406:
        faults.append(f"Accept text/plain: {refused.status}, expected 406")
    if broken.status != 400:
        faults.append(f"malformed q: {broken.status}, expected 400")
    if faults:
        fail("the errors of the specification", "; ".join(faults))


@toolbox_check("ngsi-ld/tenants", "LDT-IO-35", clause=clause("6.3.14"))
def test_tenants(twin: Twin, run: RunContext) -> None:
    place = broker(twin)
    name = "ldtchecknosuchtenant"
    batch = a_batch(twin)
    response = place.get(
        "/entities", params={"type": batch.name, "limit": 1}, headers=headers(twin) | {"NGSILD-Tenant": name}
    )
    kind = body_of(response).get("type", "") if isinstance(body_of(response), dict) else ""
    if response.status == 404 and str(kind).endswith("NonexistentTenant"):
        if place.client.tenant:
            own = batch.response.headers.get("ngsild-tenant") if batch.response else None
            if own != place.client.tenant:
                fail(f"the header NGSILD-Tenant: {place.client.tenant} in the answer", str(own))
        run.note("an unknown tenant is refused")
        return
    if str(kind).endswith("NoMultiTenantSupport"):
        not_applicable(Reason.UNCLAIMED, "the broker says that it has no tenants (NoMultiTenantSupport)")
    if response.status == 200 and body_of(response) == []:
        warn(
            Reason.PARTIAL,
            "404 NonexistentTenant for an unknown tenant",
            "200 with an empty list: separate, not refused",
        )
    fail("404 NonexistentTenant for an unknown tenant", f"{response.status} {response.text[:100]}")


@toolbox_check("ngsi-ld/relationships", "LDT-IO-38")
def test_relationships(twin: Twin, run: RunContext) -> None:
    a_batch(twin)
    targets = [
        target
        for batch in trials.batches_of(twin)
        for item in batch.items
        for value in item.values
        if value.kind == "relationship"
        for target in (value.value if isinstance(value.value, list) else [value.value])
    ]
    chosen = list(dict.fromkeys(map(str, targets)))[:RELATIONSHIPS]
    if not chosen:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no relationship in the sample", expected="relationships to follow")
    lost = [
        target
        for target in chosen
        if broker(twin).get(f"/entities/{quote(target, safe='')}", headers=JSON).status != 200
    ]
    share = 1 - len(lost) / len(chosen)
    run.measure("share_of_relationships_that_resolve", share)
    if share < RESOLVING:
        fail(f"at least {RESOLVING:.0%} of the targets exist", f"{share:.0%} of {len(chosen)}; not: {listed(lost, 3)}")


@toolbox_check("ngsi-ld/urn-ids", "LDT-IO-39")
def test_urn_ids(twin: Twin, run: RunContext) -> None:
    a_batch(twin)
    ids = [str(item.id) for batch in trials.batches_of(twin) for item in batch.items]
    others = [name for name in ids if not URN.match(name)]
    if len(others) <= (1 - SHARE) * len(ids):
        return
    expected = f"urn:ngsi-ld:Type:id for at least {SHARE:.0%}"
    if all(re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:.", name) for name in others):
        warn(Reason.PARTIAL, expected, f"{len(others)} of {len(ids)} are other absolute URIs, e.g. {others[0]}")
    fail(expected, f"{len(others)} of {len(ids)} are not, e.g. {others[0]}")


@toolbox_check("ngsi-ld/registrations", "LDT-IO-40", clause=clause("5.10.2"))
def test_registrations(twin: Twin, run: RunContext) -> None:
    batch = a_batch(twin)
    response = broker(twin).get("/csourceRegistrations", params={"type": batch.name}, headers=headers(twin))
    if response.status in {401, 403} and broker(twin).client.authenticated:
        info(f"{response.status}: protected, as declared", reason=Reason.OBSERVED)
    if response.status != 200 or not isinstance(body_of(response), list):
        fail("200 with a list of registrations", f"{response.status} {response.text[:100]}")
    run.note(f"{len(body_of(response))} registrations for {batch.type}")


@toolbox_check("ngsi-ld/context-meaning", "LDT-IO-25", clause=clause("5.5.7"))
def test_context_meaning(twin: Twin, run: RunContext) -> None:
    """Judged without the site's @context: a broker then gives every name that is mapped as its IRI."""
    place = broker(twin)
    batch = a_batch(twin)
    path = f"/entities/{quote(str(batch.items[0].id), safe='')}"
    response = place.get(path, headers=JSON)
    found = body_of(response)
    if response.status != 200 or not isinstance(found, dict):
        inconclusive(Reason.PRECONDITION_UNMET, f"{path} answered {response.status}")
    names = [name for name in [*found, _first(found.get("type"))] if name not in NOT_ATTRIBUTES]
    core = {"location", "observationSpace", "operationSpace"}
    unmapped = [name for name in names if name not in core and ("://" not in name or name.startswith(DEFAULT_CONTEXT))]
    share = 1 - len(unmapped) / len(names)
    run.measure("share_of_mapped_terms", share)
    if share < EXPLAINED:
        fail(
            f"type and at least {EXPLAINED:.0%} of the attributes map to IRIs outside the default vocabulary",
            f"{share:.0%} of {len(names)}; without meaning: {listed(unmapped)}",
        )
    _context_resolves(twin, run)


def _context_resolves(twin: Twin, run: RunContext) -> None:
    url = twin.site.samples.links.get("context")
    if url is None:
        inconclusive(
            Reason.NOT_DECLARED,
            "terms are mapped, but ldt.yaml names no @context (samples.links.context) to fetch",
            expected="the address of the site's @context",
        )
    response = twin.target.open(url).request("GET", "", headers=LD_JSON, follow_redirects=True)
    found = body_of(response)
    if response.status != 200 or not isinstance(found, dict) or "@context" not in found:
        fail("200 with a JSON-LD @context", f"{url} answered {response.status} {response.media_type}")
    run.note(f"{url} can be fetched")
