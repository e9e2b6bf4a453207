"""Which models the data follows: named, fulfilled, extended, and DTDL (LDT-IO-60, -61, -62, -68)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.dtdl import interfaces_in, judge_interfaces
from ldt_conformance.clients.reading import NOT_ATTRIBUTES, Item, short
from ldt_conformance.clients.sample import Batch, Sample, sample_with_items
from ldt_conformance.clients.twin import Twin, load_file
from ldt_conformance.discovery.detector import canonical
from ldt_conformance.engine.run_context import MARKER, RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, not_applicable, warn
from ldt_conformance.models import smart_data_model, subjects_of

ENOUGH, PART = 0.95, 0.5  # shares of the sample that validate (LDT-IO-61)
RDF = ("http://www.w3.org/ns/shacl#", "http://www.w3.org/2002/07/owl#", "http://www.w3.org/2001/XMLSchema")
SMART_DATA_MODELS = "smartdatamodels.org"


def typed_batches(sample: Sample) -> list[Batch]:
    """The batches of APIs that have entity types or collections."""
    return sample.of("ngsi-ld", "ngsi-v2", "ogc-features", "file")


def declared_schemas(twin: Twin) -> dict[str, str]:
    """Type -> address of its schema, as the data sources name it."""
    return {
        short(name): source.schema_url
        for source in twin.site.data_sources or ()
        if source.schema_url
        for name in source.types
    }


def schema_of(twin: Twin, url: str) -> Mapping[str, Any] | str:
    """A declared schema: the document of a JSON Schema, the name of another kind, or (raised) why it is none."""
    return twin.once(f"schema {url}", lambda: _fetch_schema(twin, url))


def _fetch_schema(twin: Twin, url: str) -> Mapping[str, Any] | str:
    response = twin.target.open(url).request("GET", "", follow_redirects=True)
    if response.status != 200:
        inconclusive(Reason.PRECONDITION_UNMET, f"{url} answered {response.status}", expected="200 with a schema")
    kind = _kind_of_schema(response)
    if kind is None:
        inconclusive(Reason.PRECONDITION_UNMET, f"{url} is no schema ({response.media_type})", expected="a schema")
    return kind


def _kind_of_schema(response: Response) -> Mapping[str, Any] | str | None:
    try:
        body = json.loads(response.content)
    except ValueError:
        return "RDF or XML Schema" if any(name in response.text for name in RDF) else None
    if interfaces_in(body):
        return "DTDL"
    if isinstance(body, dict) and ({"$schema", "properties", "allOf", "$defs", "definitions"} & set(body)):
        try:
            jsonschema.Draft202012Validator.check_schema(body)
        except SchemaError:
            return None
        return body
    return "RDF" if any(name in response.text for name in RDF) else None


@toolbox_check("models/named", "LDT-IO-60")
def test_models_named(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    names = _all_types(sample)
    if not names:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "the API has no types or collections to name a model for")
    schemas = declared_schemas(twin)
    without = []
    for name in names:
        problem = _model_problem(twin, name, schemas.get(short(name)))
        if problem:
            without.append(f"{short(name)} ({problem})")
    expected = "for each exposed type a machine-readable model: schema_url of its data source, or a Smart Data Model"
    if len(without) == len(names):
        fail(expected, f"none of {len(names)}: {listed(without)}")
    if without:
        warn(Reason.PARTIAL, expected, f"{len(names) - len(without)} of {len(names)}; not {listed(without)}")
    run.note(f"{len(names)} types have a model")


def _all_types(sample: Sample) -> list[str]:
    """Types with entities, and those that an API merely lists; each once by its short name."""
    sampled = [batch.name for batch in typed_batches(sample) if batch.api != "file"]
    others = [name for api in ("ngsi-ld", "ngsi-v2", "ogc-features") for name in sample.types.get(api, ())]
    return list({short(name): name for name in [*others, *sampled] if MARKER not in name}.values())


def _model_problem(twin: Twin, name: str, url: str | None) -> str | None:
    """Why a type has no machine-readable model; None where it has one."""
    if url is not None:
        try:
            schema_of(twin, url)
        except CheckInconclusive as outcome:
            if not subjects_of(short(name)):
                return outcome.observed
        else:
            return None
    if SMART_DATA_MODELS in name or subjects_of(short(name)):
        return None
    return "no schema_url, no Smart Data Model of this name"


@toolbox_check("models/valid-payloads", "LDT-IO-61")
def test_valid_payloads(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    batches = typed_batches(sample)
    judged = {batch.name: faults for batch in batches if (faults := _faults(twin, batch)) is not None}
    expected = f"at least {ENOUGH:.0%} of the sampled entities validate against their model, Smart Data Models first"
    if not judged:
        names = [batch.type for batch in batches]
        if not names:
            inconclusive(Reason.NOT_DECLARED, f"no types in {sample.source()}", expected=expected)
        fail(expected, f"no type has a model to validate against: {listed(names)}")
    every = [fault for faults in judged.values() for fault in faults]
    valid = sum(fault is None for fault in every) / len(every)
    covered = len(every) / sum(len(batch.items) for batch in batches)
    run.measure("share_of_valid_entities", valid)
    run.measure("share_of_entities_with_a_model", covered)
    top = Counter(f"{short(name)}: {fault}" for name, faults in judged.items() for fault in faults if fault)
    said = f"{valid:.0%} of {len(every)} entities of {listed([short(name) for name in judged])}"
    errors = listed([f"{fault} ({count})" for fault, count in top.most_common(5)], 5)
    if valid >= ENOUGH and covered >= PART:
        run.note(said)
        return
    if valid >= PART:
        warn(Reason.PARTIAL, expected, f"{said}; {covered:.0%} of the sample has a model; {errors}")
    fail(expected, f"{said}; {errors}")


def _faults(twin: Twin, batch: Batch) -> list[str | None] | None:
    """For each item what is wrong with it by its model; None where the type has none."""
    schema = _json_schema(twin, batch)
    if schema is None:
        return None
    validator = jsonschema.Draft202012Validator(schema)
    return [_fault(validator, item) for item in batch.items]


def _json_schema(twin: Twin, batch: Batch) -> Mapping[str, Any] | None:
    model = smart_data_model(batch.type)
    if model is not None and batch.api != "ogc-features":
        return model.json_schema()
    url = declared_schemas(twin).get(batch.type)
    if url is None:
        return None
    try:
        schema = schema_of(twin, url)
    except CheckInconclusive:
        return None
    return schema if isinstance(schema, Mapping) else None


def _fault(validator: jsonschema.Draft202012Validator, item: Item) -> str | None:
    error = next(
        iter(sorted(validator.iter_errors(key_values(item)), key=lambda error: list(map(str, error.path)))), None
    )
    if error is None:
        return None
    where = ".".join(map(str, error.path))
    return f"{where}: {error.message}"[:120] if where else error.message[:120]


def key_values(item: Item) -> dict[str, Any]:
    """The simplified form of an item, by short names; of several instances the default one counts."""
    simple: dict[str, Any] = {"id": item.id, "type": item.type}
    for value in item.values:
        if value.dataset is None or value.name not in simple:
            simple[value.name] = value.value
    if item.geometry is not None:
        simple.setdefault("location", item.geometry)
    return simple


@toolbox_check("models/documented-extensions", "LDT-IO-62")
def test_documented_extensions(twin: Twin, run: RunContext) -> None:
    sample = sample_with_items(twin)
    known = _terms(twin)
    undocumented: dict[str, str] = {}
    looked = 0
    for batch in typed_batches(sample):
        model = smart_data_model(batch.type)
        if model is None:
            continue
        looked += 1
        names = {value.name for item in batch.items for value in item.values} - set(model.properties) - NOT_ATTRIBUTES
        for name in sorted(names - known):
            meant = get_close_matches(name, model.properties, n=1, cutoff=0.75)
            undocumented[f"{batch.type}.{name}"] = f" (did you mean {meant[0]}?)" if meant else ""
    if not looked:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no type with a model to compare with", expected="such a type")
    if undocumented:
        fail(
            "extra attributes in the site's @context or schema",
            listed([f"{name}{hint}" for name, hint in undocumented.items()]),
        )
    run.note(f"{looked} types; every extra attribute is in the site's @context or schema")


def _terms(twin: Twin) -> set[str]:
    """The terms of the site's own @context and the properties of its schemas."""
    found: set[str] = set()
    url = twin.site.samples.links.get("context")
    if url is not None:
        response = twin.once(f"context {url}", lambda: twin.target.open(url).request("GET", "", follow_redirects=True))
        try:
            document = json.loads(response.content)
        except ValueError:
            document = {}
        found |= set(_context_terms(document.get("@context") if isinstance(document, dict) else None))
    for schema_url in declared_schemas(twin).values():
        try:
            schema = schema_of(twin, schema_url)
        except CheckInconclusive:
            continue
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        found |= set(properties) if isinstance(properties, Mapping) else set()
    return found


def _context_terms(context: Any) -> list[str]:
    if isinstance(context, list):
        return [term for member in context for term in _context_terms(member)]
    return list(context) if isinstance(context, dict) else []


@toolbox_check("models/dtdl", "LDT-IO-68")
def test_dtdl(twin: Twin, run: RunContext) -> None:
    documents = []
    for role, endpoint, path in twin.files():
        if role == "model" or (canonical(endpoint.api) or "").startswith("dtdl"):
            documents.append((f"{role} (file {path.name})", load_file(path)))
    model = twin.target.endpoint("model")
    if model is not None and model.url is not None:
        documents.append(("model", twin.target.client("model").request("GET", "", follow_redirects=True).json()))
    if not documents:
        not_applicable(Reason.UNCLAIMED, "ldt.yaml names no DTDL model (endpoints.model with file: or url:)")
    interfaces = [entry for _, document in documents for entry in interfaces_in(document)]
    where = ", ".join(name for name, _ in documents)
    if not interfaces:
        fail("DTDL interfaces (an @context of dtmi:dtdl:context)", f"none in {where}")
    faults, mapped = judge_interfaces(interfaces)
    if faults:
        fail("DTDL interfaces whose ids are DTMIs and whose references resolve", f"{where}: {listed(faults)}")
    if len(mapped) < len(interfaces):
        names = [str(entry.get("@id")) for entry in interfaces if entry.get("@id") not in mapped]
        warn(Reason.PARTIAL, "a mapping to a Smart Data Model for each interface", f"{where}: none for {listed(names)}")
    run.note(f"{where}: {len(interfaces)} interfaces")
