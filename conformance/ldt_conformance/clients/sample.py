"""A small sample of the twin's data, taken once a run: a page of a few types from every data API that was found.

Politeness decides the numbers: at most 8 types or 4 collections an API, 20 items each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ldt_conformance.clients.reading import (
    Item,
    read_datastream,
    read_feature,
    read_ngsi_ld,
    read_ngsi_v2,
    read_plain,
    short,
)
from ldt_conformance.clients.twin import DATA_APIS, JSON, Place, Twin, as_answer
from ldt_conformance.discovery.signatures import openapi_document
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, inconclusive

TYPES = 8
COLLECTIONS = 4
OPERATIONS = 3
ITEMS = 20
GEOJSON = {"Accept": "application/geo+json, application/json"}
DATASTREAMS = (
    f"/Datastreams?$top={ITEMS}&$expand=ObservedProperty,Thing($expand=Locations),"
    "Observations($top=1;$orderby=phenomenonTime desc)"
)


@dataclass(frozen=True)
class Batch:
    """Items of one type or collection from one API.

    Attributes:
        name: As it was asked for (a type name or IRI, a collection id, an operation's path).
        api: Word of the detector, or `file`.
        exchange: Its id in the evidence; "" for a file.
    """

    name: str
    api: str
    role: str
    items: tuple[Item, ...]
    exchange: str = ""
    place: Place | None = None
    response: Response | None = None

    @property
    def type(self) -> str:
        """The short name of the type."""
        return short(self.name)


@dataclass(frozen=True)
class Sample:
    """What was fetched.

    Attributes:
        types: All type or collection names that the APIs listed, sampled or not, by API.
        notes: What could not be fetched, one sentence each.
    """

    batches: tuple[Batch, ...]
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def items(self) -> list[Item]:
        """Every item of every batch."""
        return [item for batch in self.batches for item in batch.items]

    def of(self, *apis: str) -> list[Batch]:
        """The non-empty batches from these APIs."""
        return [batch for batch in self.batches if batch.api in apis and batch.items]

    def source(self) -> str:
        """Where it is from, for the verdict: `40 items of 3 types (ngsi-ld at broker)`."""
        places = sorted({f"{batch.api} at {batch.role}" for batch in self.batches if batch.items})
        kinds = len([batch for batch in self.batches if batch.items])
        return f"{len(self.items)} items of {kinds} types ({', '.join(places) or 'nothing'})"


def take_sample(twin: Twin) -> Sample:
    """The sample of this run; taken when first asked for."""
    return twin.once("sample", lambda: _take(twin))


def sample_with_items(twin: Twin) -> Sample:
    """The sample; the check is inconclusive where it is empty, because nothing is proven by an empty answer."""
    sample = take_sample(twin)
    if not sample.items:
        blocked = "; ".join([*twin.blocked(), *sample.notes])
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE,
            f"no data to look at{f': {blocked}' if blocked else ''}",
            expected="at least one item from a data API (or a role with a file)",
        )
    return sample


def _take(twin: Twin) -> Sample:
    takers = {
        "ngsi-ld": _ngsi_ld,
        "ngsi-v2": _ngsi_v2,
        "ogc-features": _features,
        "sta": _sensorthings,
        "openapi": _plain,
    }
    batches: list[Batch] = []
    notes: list[str] = []
    types: dict[str, tuple[str, ...]] = {}
    for api in DATA_APIS:
        if api == "openapi" and batches:
            continue  # the description of an API that was already sampled in its own words
        for place in twin.places(api):
            if place.role == "history" and api == "ngsi-ld" and batches:
                continue
            try:
                names, taken = takers[api](twin, place)
            except CheckInconclusive as outcome:
                notes.append(f"{place.role}: {outcome.observed}")
                continue
            types[api] = tuple(dict.fromkeys([*types.get(api, ()), *names]))
            batches += taken
    return Sample((*batches, *_from_files(twin)), types, tuple(notes))


Taken = tuple[list[str], list[Batch]]


def _batch(place: Place, name: str, response: Response, items: list[Item]) -> Batch:
    return Batch(name, place.finding.api, place.role, tuple(items), response.exchange, place, response)


def _members(response: Response) -> list[dict[str, Any]]:
    """The objects of a JSON array; [] for anything else."""
    try:
        body = json.loads(response.content) if response.status == 200 else None
    except ValueError:
        return []
    return [entry for entry in body if isinstance(entry, dict)] if isinstance(body, list) else []


def _object(response: Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content) if response.status == 200 else None
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def declared_first(declared: list[str], listed: list[str]) -> list[str]:
    """Every type once, those of the site file first, each by the name under which the API lists it."""
    by_short = {short(name): name for name in listed}
    return list(dict.fromkeys([*(by_short.get(short(name), name) for name in declared), *listed]))


def _ngsi_ld(twin: Twin, place: Place) -> Taken:
    listed = twin.listed_types(place)
    names = declared_first(twin.declared_types(), listed)
    batches = []
    for name in names[:TYPES]:
        response = place.get("/entities", params={"type": name, "limit": ITEMS}, headers=JSON | twin.context_headers())
        batches.append(_batch(place, name, response, [read_ngsi_ld(entity) for entity in _members(response)]))
    return listed, batches


def _ngsi_v2(twin: Twin, place: Place) -> Taken:
    response = place.get("/types", params={"limit": 50}, headers=JSON)
    listed = [str(entry["type"]) for entry in _members(response) if isinstance(entry.get("type"), str)]
    names = declared_first(twin.declared_types(), listed)
    batches = []
    for name in names[:TYPES]:
        answer = place.get("/entities", params={"type": name, "limit": ITEMS, "options": "count"}, headers=JSON)
        batches.append(_batch(place, name, answer, [read_ngsi_v2(entity) for entity in _members(answer)]))
    return listed, batches


def _features(twin: Twin, place: Place) -> Taken:
    collections = _object(place.get("/collections", headers=JSON)).get("collections")
    entries = [entry for entry in collections if isinstance(entry, dict)] if isinstance(collections, list) else []
    listed = [str(entry["id"]) for entry in entries if isinstance(entry.get("id"), str)]
    names = [name for name in twin.site.samples.collections if name in listed] or listed
    batches = []
    for name in names[:COLLECTIONS]:
        response = place.get(f"/collections/{name}/items", params={"limit": ITEMS}, headers=GEOJSON)
        found = _object(response).get("features")
        features = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        batches.append(_batch(place, name, response, [read_feature(feature, name) for feature in features]))
    return listed, batches


def _sensorthings(_twin: Twin, place: Place) -> Taken:
    response = place.get(DATASTREAMS, headers=JSON)
    value = _object(response).get("value")
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return ["Datastream"], [_batch(place, "Datastreams", response, [read_datastream(entry) for entry in entries])]


def _plain(_twin: Twin, place: Place) -> Taken:
    document = openapi_document(as_answer(place.finding.path, place.get()))
    names = list(list_operations(document))
    batches = []
    for name in names[:OPERATIONS]:
        response = place.get_at_root(server_path(document) + name, headers=JSON)
        items = [read_plain(entry, name.strip("/")) for entry in list_in(response)]
        batches.append(_batch(place, name, response, items))
    return names, batches


def server_path(document: Mapping[str, Any]) -> str:
    """The path part of the first server of an OpenAPI document (or `basePath` of Swagger 2.0)."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    path = urlsplit(str(first.get("url", document.get("basePath", "")))).path
    return "" if "{" in path else path.rstrip("/")


def list_operations(document: Mapping[str, Any]) -> Iterator[str]:
    """Paths of GET operations that need no parameter: they can be called as they are."""
    paths = document.get("paths")
    for path, entry in paths.items() if isinstance(paths, dict) else ():
        operation = entry.get("get") if isinstance(entry, dict) else None
        if not isinstance(operation, dict) or "{" in str(path):
            continue
        parameters = [*_dicts(entry.get("parameters")), *_dicts(operation.get("parameters"))]
        if not any(parameter.get("required") is True or "$ref" in parameter for parameter in parameters):
            yield str(path)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def list_in(response: Response) -> list[dict[str, Any]]:
    """The objects of a JSON array, or of the first array in an envelope."""
    members = _members(response)
    if members:
        return members
    for value in _object(response).values():
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            return list(value)
    return []


def _from_files(twin: Twin) -> list[Batch]:
    """What roles with a file hold, where it is data: NGSI-LD or NGSIv2 entities, or GeoJSON."""
    batches = []
    for role, endpoint, path in twin.files():
        if path.suffix not in {".json", ".jsonld", ".geojson"} or role == "model":
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # the checks of that role say what is wrong with it
        items = _items_of(content, endpoint.api or "", path.stem)
        if items:
            batches.append(Batch(path.name, "file", role, tuple(items)))
    return batches


def _items_of(content: Any, api: str, name: str) -> list[Item]:
    if isinstance(content, dict) and isinstance(content.get("features"), list):
        return [read_feature(entry, name) for entry in _dicts(content["features"])[:ITEMS]]
    entities = [entry for entry in _dicts(content) if "id" in entry and "type" in entry][:ITEMS]
    return [read_ngsi_v2(entity) if api == "ngsi-v2" else read_ngsi_ld(entity) for entity in entities]
