"""How the interface is described: OpenAPI, models, version, health, examples (LDT-IO-02, -04, -11, -12, -15)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.trials import members
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import JSON, Twin, as_answer
from ldt_conformance.discovery import root_and_path
from ldt_conformance.discovery.signatures import openapi_document
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, warn

PATHS = ("/openapi.json", "/api", "/v3/api-docs", "/swagger.json", "/openapi.yaml")
HEALTH_PATHS = ("/health", "/status", "/q/health", "/actuator/health", "/version", "/v2/health/ready")
HEALTH_WORDS = re.compile(r"(?i)^(status|state|health|healthy|ready|live|version|uptime|orion.*)$")
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
ROOTS = 3  # servers that are asked for a description
ENOUGH = 0.5  # of the operations with an example (LDT-IO-15)


@dataclass(frozen=True, slots=True)
class Description:
    """An OpenAPI document and where it was found."""

    document: Mapping[str, Any]
    version: str
    where: str


def description(twin: Twin) -> Description | None:
    """The formal description of the twin's interface, looked for once; None where none was found.

    Where no endpoint could be asked, the check is inconclusive: what nobody looked for is not missing.
    """
    return twin.once("openapi", lambda: _find(twin))


def _find(twin: Twin) -> Description | None:
    declared = twin.site.samples.links.get("openapi")
    if declared and declared.startswith(("http://", "https://")):
        return _read(twin.target.open(declared), declared)
    for client, root in _reachable(twin):
        for path in [declared] if declared else [*_linked(twin, root), *PATHS]:
            found = _read(client, path if path.startswith("http") else root + path)
            if found is not None:
                return found
    return None


def _roots(twin: Twin) -> list[tuple[Client, str]]:
    """The servers behind which APIs were found, each once; the file-like ones last."""
    found: dict[str, Client] = {}
    ordered = sorted(twin.roles(), key=lambda entry: entry[0] in {"objects", "identity", "catalogue", "portal"})
    for role, _ in ordered:
        if twin.detection(role).obstacle != "unreachable":
            client = twin.target.client(role)
            found.setdefault(root_and_path(client.base_url)[0], client)
    return [(client, root) for root, client in list(found.items())[:ROOTS]]


def _reachable(twin: Twin) -> list[tuple[Client, str]]:
    return _roots(twin) or inconclusive(
        Reason.UNREACHABLE, listed(twin.blocked()) or "no endpoint to ask", expected="an endpoint to ask"
    )


def _linked(twin: Twin, root: str) -> list[str]:
    """What an OGC landing page names as its description (rel=service-desc)."""
    for place in twin.places("ogc-features", "ogc-processes"):
        if place.root == root:
            links = members(place.get("/", headers=JSON), "links") or []
            same = [str(link.get("href")) for link in links if link.get("rel") == "service-desc"]
            return [link for link in same if link.startswith((root, "/"))]
    return []


def _read(client: Client, url: str) -> Description | None:
    accept = {"Accept": "application/vnd.oai.openapi+json, application/json, application/yaml;q=0.8"}
    try:
        path = "" if url == client.base_url else url
        response = client.request("GET", path, headers=accept, follow_redirects=True)
    except CheckInconclusive:
        return None
    document = openapi_document(as_answer(url, response))
    version = document.get("openapi", document.get("swagger"))
    if not isinstance(version, str) or not isinstance(document.get("paths"), dict):
        return None
    return Description(document, version, url)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every operation of an OpenAPI document, as `GET /path` and its object."""
    for path, entry in document["paths"].items():
        for method, operation in entry.items() if isinstance(entry, dict) else ():
            if method in METHODS and isinstance(operation, dict):
                yield f"{method.upper()} {path}", operation


@toolbox_check("description/openapi", "LDT-IO-02")
def test_openapi(twin: Twin, run: RunContext) -> None:
    found = description(twin)
    expected = "an OpenAPI 3.1 document at the declared address (samples.links.openapi) or at a usual one"
    if found is None:
        fail(expected, f"none at {', '.join(PATHS)}")
    count = len(list(operations(found.document)))
    if not count:
        fail(expected, f"{found.where} describes no operation")
    if not found.version.startswith("3.1"):
        warn(Reason.PARTIAL, expected, f"{found.where} is OpenAPI {found.version} with {count} operations")
    run.note(f"{found.where}: OpenAPI {found.version}, {count} operations")


@toolbox_check("description/data-models", "LDT-IO-04")
def test_data_models(twin: Twin, run: RunContext) -> None:
    for batch in take_sample(twin).of("ngsi-ld"):
        link = batch.response.headers.get("link", "") if batch.response else ""
        if "json-ld#context" in link or "describedby" in link:
            run.note(f"{batch.type}: the answer links to its @context")
            return
    found = description(twin)
    if found is None:
        fail("a schema for each response, or a link to the model in the answers", "no OpenAPI document, no such link")
    named = [
        (name, _has_schema(operation)) for name, operation in operations(found.document) if name.startswith("GET ")
    ]
    without = [name for name, has in named if not has]
    if named and not without:
        run.note(f"all {len(named)} GET operations name their schema")
        return
    expected = "a schema for the response of each GET operation"
    if named and len(without) < len(named):
        warn(Reason.PARTIAL, expected, f"none for {listed(without)}")
    fail(expected, f"{found.where}: none of {len(named)}")


def _has_schema(operation: Mapping[str, Any]) -> bool:
    responses = operation.get("responses")
    good = (
        [entry for code, entry in responses.items() if str(code).startswith(("2", "default"))]
        if isinstance(responses, dict)
        else []
    )
    for response in good:
        if not isinstance(response, dict):
            continue
        if "$ref" in response or "schema" in response:
            return True
        content = response.get("content")
        media = list(content.values()) if isinstance(content, dict) else []
        if any(isinstance(entry, dict) and entry.get("schema") for entry in media):
            return True
        if not content and any(str(code) == "204" for code in responses or {}):
            return True
    return False


@toolbox_check("description/version", "LDT-IO-11")
def test_version(twin: Twin, run: RunContext) -> None:
    for place in twin.places("ngsi-ld", "ngsi-v2", "sta", "kserve-v2"):
        if not place.finding.partial:
            run.note(f"{place.finding.api}: the version is in the path {place.finding.path}")
            return
    for role in [role for role, _ in twin.roles() if any(not one.partial for one in twin.detection(role).findings)]:
        if re.search(r"/v\d+(\.\d+)*(/|$)", twin.target.client(role).base_url):
            run.note(f"{role}: the version is in the path")
            return
    found = description(twin)
    info = found.document.get("info") if found else None
    if not isinstance(info, dict) or not info.get("version"):
        fail("a version in the path or in info.version of the description", "neither was found")
    run.note(f"info.version is {info['version']}")


@toolbox_check("description/health", "LDT-IO-12")
def test_health(twin: Twin, run: RunContext) -> None:
    roots = _reachable(twin)
    declared = twin.site.samples.links.get("health")
    seen = []
    for client, root in roots:
        for path in [declared] if declared else HEALTH_PATHS:
            url = path if path.startswith("http") else root + path
            target = client if url.startswith(root) else twin.target.open(url)
            response = target.request("GET", url, headers=JSON)
            if response.status == 200 and says_health(response.content):
                run.note(f"GET {path} answers {response.text[:80]}")
                return
            seen.append(f"{path} {response.status}")
    fail("200 and JSON with a status from the declared (samples.links.health) or a usual path", listed(seen, 8))


def says_health(content: bytes) -> bool:
    """Whether a body is a JSON object with a member that is named like a state."""
    try:
        body = json.loads(content)
    except ValueError:
        return False
    return isinstance(body, dict) and any(HEALTH_WORDS.match(str(name)) for name in body)


@toolbox_check("description/examples", "LDT-IO-15")
def test_examples(twin: Twin, run: RunContext) -> None:
    declared = twin.site.samples.links.get("examples")
    if declared and declared.startswith("http"):
        response = twin.target.open(declared).request("GET", "", follow_redirects=True)
        if response.status == 200:
            run.note(f"{declared} answers 200")
            return
        fail("200 from the declared collection of examples", f"{declared} answered {response.status}")
    found = description(twin)
    if found is None:
        fail("an OpenAPI document with examples, or a declared collection (samples.links.examples)", "neither")
    every = list(operations(found.document))
    with_example = [name for name, operation in every if _mentions_example(operation)]
    share = len(with_example) / len(every) if every else 0.0
    run.measure("share_of_operations_with_example", share)
    if share < ENOUGH:
        fail(f"an example on at least {ENOUGH:.0%} of the operations", f"{share:.0%} of {len(every)}")
    run.note(f"{share:.0%} of {len(every)} operations have an example")


def _mentions_example(value: Any) -> bool:
    if isinstance(value, dict):
        return any(name in {"example", "examples"} and entry for name, entry in value.items()) or any(
            map(_mentions_example, value.values())
        )
    return isinstance(value, list) and any(map(_mentions_example, value))
