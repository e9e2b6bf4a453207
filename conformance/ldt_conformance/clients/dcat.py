"""Reading a DCAT catalogue (W3C DCAT 3): data sets, distributions and data services, from Turtle, RDF/XML or JSON-LD.

JSON-LD is walked by the last part of its names, without fetching any @context from the internet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rdflib
from rdflib.namespace import DCAT, DCTERMS, RDF

ACCEPT = {"Accept": "application/ld+json, text/turtle;q=0.9, application/rdf+xml;q=0.8, application/json;q=0.5"}
TURTLE = frozenset({"text/turtle", "application/x-turtle", "application/n-triples", "text/n3"})
ODRL_POLICY = rdflib.URIRef("http://www.w3.org/ns/odrl/2/hasPolicy")


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a data set can be had.

    Attributes:
        urls: Access addresses, then download addresses.
        downloadable: Whether the last of them is a download address, that is, the file itself.
    """

    urls: tuple[str, ...] = ()
    media_type: str = ""
    terms: tuple[str, ...] = ()
    conforms_to: tuple[str, ...] = ()
    downloadable: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        terms: Licences, access rights and policies, of the data set itself.
        conforms_to: Addresses of models or standards.
    """

    id: str
    title: str = ""
    terms: tuple[str, ...] = ()
    conforms_to: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()


@dataclass(frozen=True, slots=True)
class DataService:
    """An API that serves data sets."""

    id: str
    endpoint_urls: tuple[str, ...] = ()
    endpoint_descriptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a catalogue says.

    Attributes:
        catalogues: Number of `dcat:Catalog`.
        terms: Of the catalogue itself.
    """

    catalogues: int
    datasets: tuple[Dataset, ...]
    services: tuple[DataService, ...]


def read_catalogue(media_type: str, content: bytes) -> Catalogue:
    """The catalogue in a body.

    Raises:
        ValueError: It is neither RDF nor JSON-LD that can be parsed.
    """
    begin = content.lstrip()[:1]
    if media_type in TURTLE or begin == b"@" or content.lstrip()[:6].lower() == b"prefix":
        return _from_graph(_parse(content, "turtle"))
    if media_type.endswith(("rdf+xml", "/xml")) or begin == b"<":
        return _from_graph(_parse(content, "xml"))
    try:
        return _from_json(json.loads(content))
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _parse(content: bytes, syntax: str) -> rdflib.Graph:
    graph = rdflib.Graph()
    try:
        graph.parse(data=content, format=syntax)
    except Exception as error:  # the parsers of rdflib raise many kinds of their own
        raise ValueError(f"no {syntax}: {str(error)[:120]}") from error
    return graph


def _from_graph(graph: rdflib.Graph) -> Catalogue:
    def texts(subject: Any, *predicates: Any) -> tuple[str, ...]:
        return tuple(str(value) for predicate in predicates for value in graph.objects(subject, predicate))

    def distribution(node: Any) -> Distribution:
        return Distribution(
            texts(node, DCAT.accessURL, DCAT.downloadURL),
            next(iter(texts(node, DCAT.mediaType)), ""),
            texts(node, DCTERMS.license, DCTERMS.accessRights, DCTERMS.rights, ODRL_POLICY),
            texts(node, DCTERMS.conformsTo),
            bool(texts(node, DCAT.downloadURL)),
        )

    datasets = tuple(
        Dataset(
            str(node),
            next(iter(texts(node, DCTERMS.title)), ""),
            texts(node, DCTERMS.license, DCTERMS.accessRights, DCTERMS.rights, ODRL_POLICY),
            texts(node, DCTERMS.conformsTo),
            tuple(distribution(member) for member in graph.objects(node, DCAT.distribution)),
        )
        for node in graph.subjects(RDF.type, DCAT.Dataset)
    )
    services = tuple(
        DataService(str(node), texts(node, DCAT.endpointURL), texts(node, DCAT.endpointDescription))
        for node in graph.subjects(RDF.type, DCAT.DataService)
    )
    return Catalogue(len(set(graph.subjects(RDF.type, DCAT.Catalog))), datasets, services)


def _from_json(document: Any) -> Catalogue:
    nodes = list(_nodes(document))
    by_id = {node["id"]: node for node in nodes if isinstance(node.get("id"), str)}

    def distribution(value: Any) -> Distribution:
        node = by_id.get(_text(value), _named(value) if isinstance(value, dict) else {})
        return Distribution(
            _texts(node, "accessURL", "downloadURL"),
            next(iter(_texts(node, "mediaType")), ""),
            _texts(node, "license", "accessRights", "rights", "hasPolicy"),
            _texts(node, "conformsTo"),
            bool(_texts(node, "downloadURL")),
        )

    datasets = tuple(
        Dataset(
            str(node.get("id", "")),
            next(iter(_texts(node, "title")), ""),
            _texts(node, "license", "accessRights", "rights", "hasPolicy"),
            _texts(node, "conformsTo"),
            tuple(map(distribution, _list(node.get("distribution")))),
        )
        for node in nodes
        if "Dataset" in node["types"]
    )
    services = tuple(
        DataService(str(node.get("id", "")), _texts(node, "endpointURL"), _texts(node, "endpointDescription"))
        for node in nodes
        if "DataService" in node["types"]
    )
    return Catalogue(sum("Catalog" in node["types"] for node in nodes), datasets, services)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON-LD document that has a type, with short names."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending += reversed(current)
        elif isinstance(current, dict):
            node = _named(current)
            if node["types"]:
                yield node
            pending += [member for name, member in reversed(current.items()) if name != "@context"]


def _named(node: Mapping[str, Any]) -> dict[str, Any]:
    short = {_local(name): value for name, value in node.items() if name != "@context"}
    types = _list(node.get("@type", node.get("type")))
    return short | {"id": node.get("@id", node.get("id")), "types": [_local(str(kind)) for kind in types]}


def _local(name: str) -> str:
    """`dcat:Dataset`, `http://www.w3.org/ns/dcat#Dataset` and `Dataset` are one name here."""
    for separator in ("#", "/", ":"):
        name = name.rsplit(separator, 1)[-1]
    return name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("@id", value.get("@value", value.get("id", "")))
    return value if isinstance(value, str) else ""


def _texts(node: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(text for name in names for value in _list(node.get(name)) if (text := _text(value)))
