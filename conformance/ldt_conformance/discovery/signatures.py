"""How each API is recognised: what to ask, and pure functions from the answer to a finding.

A recogniser accepts only an API's own words (names that its standard fixes); a bare 200 recognises nothing, because
single-page applications and gateways answer 200 to everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ldt_conformance.discovery.answers import Answer, Confidence, Finding

JSON = {"Accept": "application/json"}
NGSI_LD_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
OGC_CLASSES = {
    "ogcapi-features-1/1.0/conf/core": "ogc-features",
    "ogcapi-processes-1/1.0/conf/core": "ogc-processes",
    "ogcapi-records-1/1.0/conf/": "ogc-records",
    "ogcapi-tiles-1/1.0/conf/core": "ogc-tiles",
}
Recogniser = Callable[[Answer], list[Finding]]


@dataclass(frozen=True, slots=True)
class Signature:
    """One request and what its answer may mean.

    Attributes:
        apis: What it can recognise.
        stop: Further signatures of the same group are not asked once this one recognised something.
    """

    group: str
    apis: tuple[str, ...]
    path: str
    recognise: Recogniser
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def _object(answer: Answer) -> dict[str, Any]:
    body = answer.json if answer.status == 200 else None
    return body if isinstance(body, dict) else {}


def is_ngsi_ld_problem(answer: Answer) -> bool:
    """Whether this is an error in NGSI-LD's own words (CIM 009 V1.9.1 clause 5.5.2)."""
    body = answer.json if answer.status >= 400 else None
    return isinstance(body, dict) and str(body.get("type", "")).startswith(NGSI_LD_ERRORS)


def ngsi_ld_types(answer: Answer) -> list[Finding]:
    """NGSI-LD by its list of entity types (clauses 5.7.5 and 6.25)."""
    where = "/ngsi-ld/v1"
    body = answer.json
    if answer.status == 200 and isinstance(body, dict) and _has_type_list(body):
        return [Finding("ngsi-ld", Confidence.CERTAIN, where, f"GET {answer.path} answered an EntityTypeList")]
    if answer.status == 200 and isinstance(body, list) and body and all(_is_entity_type(entry) for entry in body):
        said = f"GET {answer.path} answered a list of {len(body)} entity types"
        return [Finding("ngsi-ld", Confidence.CERTAIN, where, said)]
    if is_ngsi_ld_problem(answer):
        kind = str(body["type"]).removeprefix(NGSI_LD_ERRORS)
        return [
            Finding(
                "ngsi-ld",
                Confidence.CERTAIN,
                where,
                f"GET {answer.path} answered {answer.status} with the NGSI-LD error {kind}",
                partial=True,
            )
        ]
    return []


def _has_type_list(body: Mapping[str, Any]) -> bool:
    names = {str(name).rsplit("/", 1)[-1] for name in body}
    return "EntityTypeList" in str(body.get("type", body.get("@type", ""))) or "typeList" in names


def _is_entity_type(entry: Any) -> bool:
    return isinstance(entry, str) or (
        isinstance(entry, dict) and ("typeName" in entry or "EntityType" in str(entry.get("type", "")))
    )


def ngsi_ld_entities(answer: Answer) -> list[Finding]:
    """NGSI-LD by its entities, for brokers (or gateways) without the list of types."""
    body = answer.json
    if answer.status == 200 and isinstance(body, list) and all(_is_entity(entry) for entry in body):
        sure = Confidence.CERTAIN if body else Confidence.LIKELY
        said = f"GET {answer.path} answered {len(body)} entities, but /types is missing"
        return [Finding("ngsi-ld", sure, "/ngsi-ld/v1", said, partial=True)]
    return []


def _is_entity(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), str) and "type" in entry


def slash_v2(answer: Answer) -> list[Finding]:
    """What answers at /v2: NGSIv2 (its entry point) or the Open Inference Protocol (its server metadata)."""
    body = _object(answer)
    if str(body.get("entities_url", "")).startswith("/v2"):
        return [Finding("ngsi-v2", Confidence.CERTAIN, "/v2", "GET /v2 answered NGSIv2's entry point (entities_url)")]
    if isinstance(body.get("name"), str) and isinstance(body.get("version"), str) and "extensions" in body:
        said = f"GET /v2 answered the server metadata of {body['name']} {body['version']}"
        return [Finding("kserve-v2", Confidence.CERTAIN, "/v2", said, "2")]
    return []


def orion_version(answer: Answer) -> list[Finding]:
    """Orion and Orion-LD by their /version."""
    orion = _object(answer).get("orion", _object(answer).get("orionld version"))
    if isinstance(orion, dict) and "version" in orion:
        said = f"GET /version answered Orion {orion['version']}"
        return [Finding("ngsi-v2", Confidence.LIKELY, "/v2", said)]
    return []


def kserve_ready(answer: Answer) -> list[Finding]:
    """The Open Inference Protocol by its health resource, where the server's metadata is not offered."""
    body = _object(answer)
    if body.get("live") is True or body.get("ready") is True:
        said = f"GET {answer.path} answered {answer.text[:40]}"
        return [Finding("kserve-v2", Confidence.LIKELY, "/v2", said, "2")]
    return []


def ogc_conformance(answer: Answer) -> list[Finding]:
    """OGC APIs by the conformance classes that they declare."""
    declared = _object(answer).get("conformsTo")
    classes = [entry for entry in declared if isinstance(entry, str)] if isinstance(declared, list) else []
    found = []
    for part, api in OGC_CLASSES.items():
        match = next((entry for entry in classes if part in entry), None)
        if match:
            found.append(Finding(api, Confidence.CERTAIN, "", f"/conformance lists {match}", "1.0"))
    return found


def ogc_landing(answer: Answer) -> list[Finding]:
    """An OGC API by the links of its landing page, where /conformance is not offered."""
    links = _object(answer).get("links")
    relations = (
        {str(link.get("rel", "")) for link in links if isinstance(link, dict)} if isinstance(links, list) else set()
    )
    ends = {relation.rsplit("/", 1)[-1] for relation in relations}
    if {"conformance", "data"} <= ends:
        said = "the landing page links to conformance and data"
        return [Finding("ogc-features", Confidence.LIKELY, "", said, partial=True)]
    return []


def sensorthings(answer: Answer) -> list[Finding]:
    """SensorThings by the list of its entity sets (OGC 18-088 section 9.2.1)."""
    body = _object(answer)
    value = body.get("value")
    names = {str(entry.get("name")) for entry in value if isinstance(entry, dict)} if isinstance(value, list) else set()
    if {"Things", "Datastreams", "Observations"} <= names:
        version = re.search(r"v(1\.\d)", answer.path)
        settings = body.get("serverSettings")
        complete = isinstance(settings, dict) and bool(settings.get("conformance"))
        said = f"GET {answer.path} lists Things, Datastreams and Observations"
        path = answer.path.split("?")[0]
        return [Finding("sta", Confidence.CERTAIN, path, said, version and version[1], partial=not complete)]
    return []


def openapi(answer: Answer) -> list[Finding]:
    """An OpenAPI (or Swagger 2.0) document, in JSON or YAML."""
    document = openapi_document(answer)
    version = document.get("openapi", document.get("swagger"))
    if isinstance(version, str) and isinstance(document.get("paths"), dict):
        info = document.get("info")
        title = str(info.get("title", "")) if isinstance(info, dict) else ""
        said = f"GET {answer.path} answered an OpenAPI {version} document{f' ({title})' if title else ''}"
        return [Finding("openapi", Confidence.CERTAIN, answer.path, said, version)]
    return []


def openapi_document(answer: Answer) -> dict[str, Any]:
    """The parsed description, or {} where the answer is none."""
    if answer.status != 200 or answer.is_html:
        return {}
    body = answer.json
    if body is None and re.search(r"(?m)^(openapi|swagger)\s*:", answer.text[:5000]):
        try:
            body = yaml.safe_load(answer.text)
        except (yaml.YAMLError, ValueError, RecursionError):
            return {}
    return body if isinstance(body, dict) else {}


def s3(answer: Answer) -> list[Finding]:
    """S3 by its XML: a list of buckets, a list of objects, or one of its errors with a request id."""
    text = answer.text[:4000]
    listing = re.search(r"<(ListAllMyBucketsResult|ListBucketResult)\b", text)
    if answer.status == 200 and listing:
        return [Finding("s3", Confidence.CERTAIN, "", f"GET {answer.path or '/'} answered {listing[1]}")]
    code = re.search(r"<Error>.*?<Code>(\w+)</Code>", text, re.DOTALL)
    if code and answer.status >= 400 and ("x-amz-request-id" in answer.headers or "<RequestId>" in text):
        return [
            Finding(
                "s3",
                Confidence.CERTAIN,
                "",
                f"GET {answer.path or '/'} answered {answer.status} with S3's error {code[1]}",
            )
        ]
    return []


def sparql(answer: Answer) -> list[Finding]:
    """SPARQL 1.1 by the answer to ASK {}."""
    body = _object(answer)
    if isinstance(body.get("boolean"), bool) and "head" in body:
        where = answer.path.split("?")[0]
        return [Finding("sparql", Confidence.CERTAIN, where, f"ASK {{}} at {where or '/'} answered a boolean", "1.1")]
    return []


def ckan(answer: Answer) -> list[Finding]:
    """CKAN by its action API."""
    body = _object(answer)
    result = body.get("result")
    if body.get("success") is True and isinstance(result, dict) and "count" in result:
        said = f"GET {answer.path} answered {result['count']} data sets"
        return [Finding("ckan", Confidence.CERTAIN, "/api/3/action", said, "3")]
    return []


def dcat(answer: Answer) -> list[Finding]:
    """A DCAT catalogue by its vocabulary: a namespace alone is not enough, there has to be a Catalog."""
    if answer.status != 200 or answer.is_html:
        return []
    text = answer.text[:200_000]
    known = "http://www.w3.org/ns/dcat#" in text
    catalogue = re.search(r"dcat:Catalog\b|http://www\.w3\.org/ns/dcat#Catalog\b|[\"']Catalog[\"']", text)
    if known and catalogue:
        return [Finding("dcat", Confidence.CERTAIN, answer.path, f"GET {answer.path or '/'} answered a dcat:Catalog")]
    return []


def wfs(answer: Answer) -> list[Finding]:
    """A Web Feature Service by its capabilities."""
    match = re.search(r"<(?:wfs:)?WFS_Capabilities\b[^>]*?\bversion=[\"']([\d.]+)", answer.text[:8000], re.DOTALL)
    if answer.status == 200 and match:
        where = answer.path.split("?")[0]
        return [
            Finding("wfs", Confidence.CERTAIN, where, f"GetCapabilities at {where} answered WFS {match[1]}", match[1])
        ]
    return []


def oidc(answer: Answer) -> list[Finding]:
    """An OpenID provider by its discovery document (OpenID Connect Discovery 1.0 section 4)."""
    body = _object(answer)
    if isinstance(body.get("issuer"), str) and isinstance(body.get("jwks_uri"), str):
        return [Finding("oidc", Confidence.CERTAIN, "", f"{answer.path} names the issuer {body['issuer']}")]
    return []


CAPABILITIES = "?service=WFS&request=GetCapabilities"
ASK = "?query=ASK%20%7B%7D"
SPARQL_JSON = {"Accept": "application/sparql-results+json"}
RDF = {"Accept": "text/turtle, application/ld+json;q=0.9"}

SIGNATURES: tuple[Signature, ...] = (
    Signature("ngsi-ld", ("ngsi-ld",), "/ngsi-ld/v1/types", ngsi_ld_types),
    Signature("ngsi-ld", ("ngsi-ld",), "/ngsi-ld/v1/entities?local=true&limit=1", ngsi_ld_entities),
    Signature("v2", ("ngsi-v2", "kserve-v2"), "/v2", slash_v2),
    Signature("v2", ("ngsi-v2",), "/version", orion_version),
    Signature("v2", ("kserve-v2",), "/v2/health/live", kserve_ready),
    Signature("ogc", ("ogc-features", "ogc-processes", "ogc-records", "ogc-tiles"), "/conformance", ogc_conformance),
    Signature("sta", ("sta",), "/v1.1", sensorthings),
    Signature("openapi", ("openapi",), "/openapi.json", openapi, {"Accept": "application/json, */*;q=0.5"}),
    Signature(
        "openapi", ("openapi",), "/api", openapi, {"Accept": "application/vnd.oai.openapi+json, application/json"}
    ),
    Signature("openapi", ("openapi",), "/v3/api-docs", openapi),
    Signature("openapi", ("openapi",), "/swagger.json", openapi),
    Signature("ckan", ("ckan",), "/api/3/action/package_search?rows=1", ckan),
    Signature("dcat", ("dcat",), "/catalog.ttl", dcat, RDF),
    Signature("sparql", ("sparql",), f"/sparql{ASK}", sparql, SPARQL_JSON),
    Signature("wfs", ("wfs",), f"/geoserver/ows{CAPABILITIES}", wfs, {"Accept": "application/xml, text/xml"}),
    Signature("oidc", ("oidc",), "/.well-known/openid-configuration", oidc),
)
# What the answer at the URL itself may already be, before anything else is asked.
AT_ROOT: tuple[Recogniser, ...] = (s3, openapi, dcat, ogc_landing, sensorthings, sparql, wfs)
