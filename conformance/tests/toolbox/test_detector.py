"""The detector: each API by its own words, nothing by a bare 200, and no answer that upsets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.clients.dcat import read_catalogue
from ldt_conformance.discovery import Answer, Ask, Detection, detect, root_and_path
from ldt_conformance.discovery.ngsi_ld_version import estimate
from ldt_conformance.discovery.signatures import AT_ROOT, SIGNATURES

HTML = "text/html"
PAGE = "<!doctype html><html><title>City</title><body>entities_url Things openapi dcat:Catalog</body></html>"
NGSI_LD_TYPES = {"id": "urn:x", "type": "EntityTypeList", "typeList": ["T"]}
CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
STA = {
    "value": [{"name": name, "url": name} for name in ("Things", "Datastreams", "Observations")],
    "serverSettings": {"conformance": ["http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel"]},
}
S3 = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><RequestId>1</RequestId></Error>'
TURTLE = "@prefix dcat: <http://www.w3.org/ns/dcat#> . <urn:c> a dcat:Catalog ."


def server(table: Mapping[str, tuple[int, str, Any]], default: tuple[int, str, Any] = (404, "", "")) -> Ask:
    """Answers by path: status, media type, body (text, or what becomes JSON)."""

    def ask(path: str, headers: Mapping[str, str]) -> Answer:
        assert headers
        status, media_type, body = table.get(path, default)
        text = body if isinstance(body, str) else json.dumps(body)
        return Answer(path, status, media_type or "application/json", {}, text)

    return ask


KNOWN: list[tuple[str, str, tuple[int, str, Any]]] = [
    ("ngsi-ld", "/ngsi-ld/v1/types", (200, "", NGSI_LD_TYPES)),
    ("ngsi-ld", "/ngsi-ld/v1/entities?local=true&limit=1", (200, "", [{"id": "urn:a", "type": "T"}])),
    ("ngsi-v2", "/v2", (200, "", {"entities_url": "/v2/entities", "types_url": "/v2/types"})),
    ("kserve-v2", "/v2", (200, "", {"name": "mlserver", "version": "1.3", "extensions": []})),
    ("kserve-v2", "/v2/health/live", (200, "", {"live": True})),
    ("ogc-features", "/conformance", (200, "", {"conformsTo": [CORE]})),
    ("sta", "/v1.1", (200, "", STA)),
    ("openapi", "/openapi.json", (200, "", {"openapi": "3.1.0", "info": {"title": "City"}, "paths": {}})),
    ("openapi", "/openapi.json", (200, "text/yaml", "openapi: 3.0.3\ninfo: {title: x}\npaths: {}\n")),
    ("s3", "", (403, "application/xml", S3)),
    ("dcat", "/catalog.ttl", (200, "text/turtle", TURTLE)),
    ("ckan", "/api/3/action/package_search?rows=1", (200, "", {"success": True, "result": {"count": 3}})),
    ("oidc", "/.well-known/openid-configuration", (200, "", {"issuer": "https://i", "jwks_uri": "https://i/k"})),
]


@pytest.mark.parametrize(("api", "path", "answer"), KNOWN)
def test_each_api_is_recognised_by_its_own_words(api: str, path: str, answer: tuple[int, str, Any]):
    """An API that answers is found whether or not the site file names it, and nothing else is."""
    for expected in (None, api):
        found = detect(server({path: answer}), expected=expected)
        assert [finding.api for finding in found.findings] == [api]
        assert found.obstacle is None
        assert found.findings[0].evidence


def test_a_wrong_declaration_does_not_hide_what_is_there():
    """Where the declared API does not answer, the others are still looked for."""
    found = detect(server({"/v1.1": (200, "", STA)}), expected="ngsi-ld")
    assert [finding.api for finding in found.findings] == ["sta"]


@pytest.mark.parametrize("path", sorted({path for _, path, _ in KNOWN}))
def test_the_same_words_in_a_web_page_are_no_api(path: str):
    """A page that quotes an API is a page."""
    found = detect(server({path: (200, HTML, PAGE)}))
    assert found.findings == ()


def test_one_page_for_every_address_is_a_web_page():
    """A single-page application answers 200 to everything, and is no API."""
    found = detect(server({}, default=(200, HTML, PAGE)))
    assert found.findings == ()
    assert found.obstacle == "web-page"


def test_one_json_for_every_address_is_no_broker():
    """A gateway that answers [] to everything is no NGSI-LD broker."""
    found = detect(server({}, default=(200, "", [])))
    assert found.findings == ()


@pytest.mark.parametrize(
    ("default", "obstacle"),
    [
        ((200, HTML, "<html><input type='password'></html>"), "login-page"),
        ((401, "", {"error": "unauthorised"}), "refused"),
        ((403, "", {}), "refused"),
        ((404, "", {"message": "no route"}), "nothing-known"),
        ((0, "", ""), "unreachable"),
    ],
)
def test_what_is_in_the_way_is_named(default: tuple[int, str, Any], obstacle: str):
    """Login, refusal, emptiness and silence are told apart."""
    found = detect(server({}, default=default))
    assert found.findings == ()
    assert found.obstacle == obstacle


def test_nobody_is_asked_twice():
    """No address is asked for twice, and an expected API that answers ends the questions."""
    asked: list[str] = []
    inner = server({"/ngsi-ld/v1/types": (200, "", NGSI_LD_TYPES)})

    def ask(path: str, headers: Mapping[str, str]) -> Answer:
        asked.append(path)
        return inner(path, headers)

    assert detect(ask).asked == len(asked) == len(set(asked))
    asked.clear()
    detect(ask, expected="ngsi-ld")
    assert asked == ["/ngsi-ld/v1/types"]


@pytest.mark.parametrize(
    ("url", "split"),
    [
        ("https://h/x/ngsi-ld/v1", ("https://h/x", "/ngsi-ld/v1")),
        ("https://h/ngsi-ld/v1/entities?limit=1", ("https://h", "/ngsi-ld/v1/entities?limit=1")),
        ("https://h:1/frost/v1.1/", ("https://h:1/frost", "/v1.1")),
        ("https://h/openapi.json", ("https://h", "/openapi.json")),
        ("https://h/a/", ("https://h/a", "")),
    ],
)
def test_the_root_below_an_api_is_found(url: str, split: tuple[str, str]):
    """The addresses of APIs lead back to the server's root."""
    assert root_and_path(url) == split


def test_no_entity_to_try_with_is_said():
    """A version is not put down to what an empty list does not show."""
    path = "/ngsi-ld/v1/entities?type=T&limit=1&options=concise"
    contexts = "/ngsi-ld/v1/jsonldContexts"
    table = {path: (200, "", []), contexts: (200, "", []), f"{contexts}?details=false": (200, "", [])}
    version, evidence = estimate(server(table, default=(200, "", [])), "T")
    assert version == "1.5.1"
    assert "no T to try more with" in evidence


NAMES = [
    "type",
    "value",
    "name",
    "conformsTo",
    "links",
    "rel",
    "openapi",
    "paths",
    "info",
    "result",
    "orion",
    "@graph",
    "@type",
    "@id",
    "id",
    "distribution",
    "typeList",
    "success",
    "version",
    "title",
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = JSON_VALUES.map(json.dumps) | st.text(max_size=200) | st.just("[" * 20000)


@given(BODIES, st.sampled_from([0, 200, 204, 301, 401, 404, 500]), st.sampled_from(["application/json", HTML, ""]))
def test_no_body_upsets_the_detector(body: str, status: int, media_type: str):
    """Whatever a server sends, the detector comes to an end with findings or an obstacle."""
    assert isinstance(detect(server({}, default=(status, media_type, body))), Detection)
    answer = Answer("/x", status, media_type, {}, body)
    for recognise in (*AT_ROOT, *(signature.recognise for signature in SIGNATURES)):
        assert isinstance(recognise(answer), list)


@given(BODIES, st.sampled_from(["application/ld+json", "text/turtle", "application/rdf+xml", ""]))
def test_no_body_upsets_the_reader_of_catalogues(body: str, media_type: str):
    """A body is a catalogue or a ValueError."""
    try:
        found = read_catalogue(media_type, body.encode("utf-8", "replace"))
    except ValueError:
        return
    assert found.catalogues >= 0


DCAT_TURTLE = b"""@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
<urn:c> a dcat:Catalog . <urn:s> a dcat:DataService ; dcat:endpointURL <https://h/api> .
<urn:d> a dcat:Dataset ; dct:title "Air" ; dct:license <https://l> ; dcat:distribution
 [ dcat:accessURL <https://h/p> ; dcat:downloadURL <https://h/f> ; dcat:mediaType "text/csv" ] ."""
DCAT_JSON = {
    "@context": {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"},
    "@graph": [
        {"@id": "urn:c", "@type": "dcat:Catalog"},
        {"@id": "urn:s", "@type": ["dcat:DataService"], "dcat:endpointURL": {"@id": "https://h/api"}},
        {
            "@id": "urn:d", "@type": "dcat:Dataset", "dct:title": {"@value": "Air"}, "dct:license": "https://l",
            "dcat:distribution": {"@id": "urn:f"},
        },
        {
            "@id": "urn:f", "@type": "dcat:Distribution", "dcat:accessURL": "https://h/p",
            "dcat:downloadURL": "https://h/f", "dcat:mediaType": "text/csv",
        },
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("media_type", "content"), [("text/turtle", DCAT_TURTLE), ("application/ld+json", json.dumps(DCAT_JSON).encode())]
)
def test_a_catalogue_says_the_same_in_every_syntax(media_type: str, content: bytes):
    """Turtle and JSON-LD of one catalogue are read alike."""
    found = read_catalogue(media_type, content)
    assert found.catalogues == 1
    assert [service.endpoint_urls for service in found.services] == [("https://h/api",)]
    (dataset,) = found.datasets
    assert (dataset.title, dataset.terms) == ("Air", ("https://l",))
    (entry,) = dataset.distributions
    assert (entry.urls, entry.media_type, entry.downloadable) == (("https://h/p", "https://h/f"), "text/csv", True)
