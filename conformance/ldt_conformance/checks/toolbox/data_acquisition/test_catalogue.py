"""Where data is published: DCAT catalogue and portal (LDT-DA-09, -11 to -14, -17)."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.dcat import ACCEPT, Catalogue, Distribution, read_catalogue
from ldt_conformance.clients.twin import JSON, Twin, as_answer
from ldt_conformance.discovery import Answer
from ldt_conformance.discovery.signatures import openapi_document
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, not_applicable, warn

KNOWN_EXPORTS = (
    "",
    "/catalog.ttl",
    "/catalog.jsonld",
    "/api/explore/v2.1/catalog/exports/dcat",
    "/api/feed/dcat-ap/2.1.1.json",
)
LINKS = 8  # distributions and services that are asked for
REACHABLE, WITH_TERMS = 0.95, 0.9


def catalogue(twin: Twin) -> Catalogue:
    """The catalogue, read once; how the check ends where there is none says why."""
    return twin.once("catalogue", lambda: _read(twin))


def _read(twin: Twin) -> Catalogue:
    for export in [path for role, _, path in twin.files() if role == "catalogue"]:
        try:
            return read_catalogue("", export.read_bytes())
        except (OSError, ValueError) as error:
            fail("a DCAT catalogue in Turtle, RDF/XML or JSON-LD", f"{export.name}: {error}")
    roles = [role for role in ("catalogue", "portal") if (endpoint := twin.target.endpoint(role)) and endpoint.url]
    if not roles:
        not_applicable(Reason.UNCLAIMED, "ldt.yaml names no catalogue and no portal")
    seen = []
    for role in roles:
        client = twin.target.client(role)
        for path in KNOWN_EXPORTS:
            response = client.request("GET", path, headers=ACCEPT, follow_redirects=True)
            found = _parse(response)
            if isinstance(found, Catalogue) and (found.catalogues or found.datasets):
                return found
            seen.append(
                f"{role}{path or '/'}: {response.status}{f', {found}' if isinstance(found, str) and found else ''}"
            )
    return fail("RDF with a dcat:Catalog and a dcat:Dataset", listed(seen))


def _parse(response: Response) -> Catalogue | str:
    if response.status != 200:
        return ""
    try:
        return read_catalogue(response.media_type, response.content)
    except ValueError as error:
        return str(error)


@toolbox_check("catalogue/dcat", "LDT-DA-09")
def test_dcat(twin: Twin, run: RunContext) -> None:
    found = catalogue(twin)
    if not found.catalogues or not found.datasets:
        fail("a dcat:Catalog and at least one dcat:Dataset", f"{found.catalogues} and {len(found.datasets)}")
    run.note(f"{len(found.datasets)} data sets, {len(found.services)} data services")


@toolbox_check("catalogue/data-services", "LDT-DA-11")
def test_data_services(twin: Twin, run: RunContext) -> None:
    services = catalogue(twin).services
    if not services:
        fail("a dcat:DataService for the live APIs", "none")
    faults = []
    for service in services[:LINKS]:
        if not service.endpoint_urls:
            faults.append(f"{service.id} has no endpointURL")
        faults += [fault for url in service.endpoint_urls[:1] if (fault := _answers(twin, url))]
        for url in service.endpoint_descriptions[:1]:
            fetched = _fetch(twin, url)
            if fetched is None or not _describes(as_answer(url, fetched)):
                faults.append(f"{url} is no description that can be parsed")
    if faults:
        fail("endpoints that answer, with a description that parses", listed(faults))
    run.note(f"{len(services)} data services")


def _describes(answer: Answer) -> bool:
    """OpenAPI, another JSON document, or XML such as the capabilities of an OGC service; never a web page."""
    if answer.status != 200 or answer.is_html:
        return False
    xml = answer.media_type.endswith("xml") and answer.text.lstrip().startswith("<")
    return bool(openapi_document(answer)) or xml


def _answers(twin: Twin, url: str) -> str | None:
    """Why nothing is behind an endpoint URL; None where something answers (its root need not be a resource)."""
    response = _fetch(twin, url)
    if response is None:
        return f"{url} does not answer"
    return f"{url} answered {response.status}" if response.status >= 500 else None


def _fetch(twin: Twin, url: str) -> Response | None:
    if not url.startswith(("http://", "https://")):
        return None
    try:
        return twin.once(f"link {url}", lambda: twin.target.open(url).request("GET", "", follow_redirects=True))
    except CheckInconclusive:
        return None


@toolbox_check("catalogue/models", "LDT-DA-12")
def test_models(twin: Twin, run: RunContext) -> None:
    found = catalogue(twin)
    if not found.datasets:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "the catalogue has no data set")
    without = [
        dataset.title or dataset.id
        for dataset in found.datasets
        if not dataset.conforms_to and not any(entry.conforms_to for entry in dataset.distributions)
    ]
    if without:
        fail("dct:conformsTo on each data set or its distributions", f"none on {listed(without)}")
    run.note("the addresses of the models were not opened: they are other people's servers")


@toolbox_check("catalogue/distributions", "LDT-DA-13")
def test_distributions(twin: Twin, run: RunContext) -> None:
    every = [entry for dataset in catalogue(twin).datasets for entry in dataset.distributions if entry.urls]
    if not every:
        fail("distributions with an accessURL or downloadURL", "none")
    hosts = {urlsplit(endpoint.url).hostname for endpoint in twin.site.endpoints.values() if endpoint.url}
    ours = [entry for entry in every if urlsplit(entry.urls[-1]).hostname in hosts] or every
    asked = ours[:: max(1, len(ours) // LINKS)][:LINKS]
    faults = [fault for entry in asked if (fault := _distribution_fault(twin, entry))]
    run.measure("share_of_reachable_distributions", 1 - len(faults) / len(asked))
    if 1 - len(faults) / len(asked) < REACHABLE:
        fail(
            f"at least {REACHABLE:.0%} answer with the media type stated",
            f"{len(faults)} of {len(asked)}: {listed(faults, 3)}",
        )
    run.note(f"{len(asked)} of {len(every)} distributions were asked for")


def _distribution_fault(twin: Twin, entry: Distribution) -> str | None:
    url = entry.urls[-1]
    response = _fetch(twin, url)
    if response is None or not 200 <= response.status < 300:
        return f"{url} answered {response.status if response else 'nothing'}"
    if not entry.downloadable:
        return None  # an accessURL may be a page about the data (DCAT 3, 6.8.6); only a download is the file itself
    stated = entry.media_type.split("media-types/")[-1].split(";")[0].strip().lower()
    return f"{url}: {response.media_type}, stated {stated}" if stated and stated != response.media_type else None


@toolbox_check("catalogue/terms", "LDT-DA-14")
def test_terms(twin: Twin, run: RunContext) -> None:
    datasets = catalogue(twin).datasets
    if not datasets:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "the catalogue has no data set")
    terms = {
        dataset.id: [*dataset.terms, *(term for entry in dataset.distributions for term in entry.terms)]
        for dataset in datasets
    }
    addressed = [
        name for name, found in terms.items() if any(term.startswith(("http://", "https://")) for term in found)
    ]
    share = len(addressed) / len(datasets)
    run.measure("share_of_data_sets_with_terms", share)
    expected = f"a licence, access right or policy, by its address, on at least {WITH_TERMS:.0%} of the data sets"
    if share >= WITH_TERMS:
        return
    if any(terms.values()):
        warn(Reason.PARTIAL, expected, f"{share:.0%} of {len(datasets)}; others have free text or nothing")
    fail(expected, f"none of {len(datasets)}")


@toolbox_check("catalogue/portal", "LDT-DA-17")
def test_portal(twin: Twin, run: RunContext) -> None:
    for place in twin.places("ckan"):
        run.note(str(place.finding))
        return
    portal = twin.target.endpoint("portal")
    if portal is None or portal.url is None:
        not_applicable(Reason.UNCLAIMED, "no portal is declared, and no CKAN was found")
    client = twin.target.client("portal")
    seen = []
    for path, counter in (
        ("/api/explore/v2.1/catalog/datasets?limit=1", "total_count"),
        ("/api/search/v1/collections/dataset/items?limit=1", "numberMatched"),
    ):
        response = client.request("GET", path, headers=JSON)
        try:
            body = json.loads(response.content) if response.status == 200 else {}
        except ValueError:
            body = {}
        if isinstance(body, dict) and isinstance(body.get(counter), int) and body[counter] > 0:
            run.note(f"{path.split('?')[0]}: {body[counter]} data sets")
            return
        seen.append(f"{path.split('?')[0]} {response.status}")
    fail("200 and a count of data sets from CKAN, Opendatasoft or ArcGIS Hub", listed(seen))
