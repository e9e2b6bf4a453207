"""Views for people: reachable, built for everyone, safe, open to maps of others (LDT-VI-01, -05, -06, -09, -10)."""

from __future__ import annotations

import re

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.healthy import declared_client, expect_healthy
from ldt_conformance.checks.toolbox.ngsi_ld_trials import geojson_fault
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import Twin
from ldt_conformance.discovery import Answer
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, not_applicable

LANGUAGE = re.compile(r"<html\b[^>]*\blang\s*=\s*[\"']?[a-zA-Z]{2}", re.IGNORECASE)
VIEWPORT = re.compile(r"<meta\b[^>]*name\s*=\s*[\"']?viewport", re.IGNORECASE)
MIXED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"']http://", re.IGNORECASE)
HEALTH = ("/api/health", "/health", "/api/status")  # Grafana, Superset and others, Kibana
SIZE_CAP = 5_000_000  # bytes of a layer that a browser takes at once


def addresses(twin: Twin) -> dict[str, tuple[str, bool]]:
    """Declared views: name -> address and whether a login page is expected; inconclusive where none is declared."""
    found = {view.name: (view.url, view.access == "restricted") for view in twin.site.visualisations or () if view.url}
    role = twin.target.endpoint("visualisation")
    if role is not None and role.url is not None and not any(url == role.url for url, _ in found.values()):
        found["visualisation"] = (role.url, False)
    if not found:
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml gives no address of a visualisation", expected="a declared view")
    return found


def pages(twin: Twin) -> dict[str, Response]:
    """The declared pages that could be fetched; fetched once."""
    return twin.once("pages", lambda: _fetch(twin))


def _fetch(twin: Twin) -> dict[str, Response]:
    found = {}
    for name, (url, _) in addresses(twin).items():
        try:
            found[name] = twin.target.open(url, "visualisation").request(
                "GET", "", headers={"Accept": "text/html, */*;q=0.5"}, follow_redirects=True
            )
        except CheckInconclusive:
            continue
    return found


def as_page(response: Response) -> Answer:
    """The page as the detector sees pages."""
    return Answer("", response.status, response.media_type, {}, response.text)


def html_pages(twin: Twin) -> dict[str, Response]:
    """The declared pages that are HTML; inconclusive where there is none."""
    found = {name: page for name, page in pages(twin).items() if page.status == 200 and as_page(page).is_html}
    if not found:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no declared view answered with HTML", expected="a page to look at")
    return found


@toolbox_check("visualization/reachable", "LDT-VI-01")
def test_reachable(twin: Twin, run: RunContext) -> None:
    fetched = pages(twin)
    seen = []
    for name, (url, restricted) in addresses(twin).items():
        page = fetched.get(name)
        if page is None:
            seen.append(f"{name}: {url} does not answer")
            continue
        answer = as_page(page)
        if restricted and (answer.is_login or page.status in {401, 403}):
            run.note(f"{name}: a login stands before it, as declared")
            return
        if page.status == 200 and answer.is_html and answer.title and not answer.is_login:
            run.note(f"{name}: {answer.title}")
            return
        said = "a login page" if answer.is_login else f"title {answer.title or 'missing'}"
        seen.append(f"{name}: {page.status} {page.media_type}, {said}")
    expected = "200 and an HTML page with a title from one declared view"
    if not fetched:
        inconclusive(Reason.UNREACHABLE, listed(seen), expected=expected)
    fail(expected, listed(seen))


@toolbox_check("visualization/map-layer", "LDT-VI-05")
def test_map_layer(twin: Twin, run: RunContext) -> None:
    located = [
        batch for batch in take_sample(twin).batches if any(item.geometry for item in batch.items) and batch.response
    ]
    usable = [batch for batch in located if batch.api in {"ngsi-ld", "ogc-features"}]
    if not usable:
        not_applicable(Reason.UNCLAIMED, "no API that was found offers located data as GeoJSON")
    batch = usable[0]
    if batch.api == "ngsi-ld":
        fault, count = geojson_fault(twin, batch)
        if fault:
            fail("twin data as GeoJSON", fault)
    else:
        count = len(batch.items)
    size = len(batch.response.content) if batch.response else 0
    if size > SIZE_CAP:
        fail(f"a page of a layer below {SIZE_CAP} bytes", f"{size} bytes for {len(batch.items)} items")
    if batch.place is None:
        return
    shared = batch.place.client.request(
        "GET",
        batch.response.url if batch.response else "",
        headers={"Accept": "application/geo+json", "Origin": "https://map.example"},
    )
    allowed = shared.headers.get("access-control-allow-origin")
    if allowed not in {"*", "https://map.example"}:
        fail("Access-Control-Allow-Origin, so that maps of others can load the layer", allowed or "no such header")
    run.note(f"{count} features of {batch.type}")


@toolbox_check("visualization/dashboard-health", "LDT-VI-06")
def test_dashboard_health(twin: Twin, run: RunContext) -> None:
    client = declared_client(twin, "visualisation")
    wanted = "a health address of Grafana, Superset, Kibana or /health"
    expect_healthy(client, HEALTH, run, service="dashboard", wanted=wanted)


@toolbox_check("visualization/language-and-screen", "LDT-VI-09")
def test_language_and_screen(twin: Twin, run: RunContext) -> None:
    faults = []
    for name, page in html_pages(twin).items():
        lacks = [what for what, mark in {"lang": LANGUAGE, "viewport": VIEWPORT}.items() if not mark.search(page.text)]
        faults += [f"{name} lacks {', '.join(lacks)}"] if lacks else []
    if faults:
        fail("lang on the html element and a viewport meta element", listed(faults))


@toolbox_check("visualization/served-safely", "LDT-VI-10")
def test_served_safely(twin: Twin, run: RunContext) -> None:
    faults = []
    for name, page in html_pages(twin).items():
        if page.url.startswith("https://"):
            faults += [f"{name} loads parts over plain http"] if MIXED.search(page.text) else []
            cookies = page.headers.get_list("set-cookie")
            faults += [f"{name} sets a cookie without Secure" for cookie in cookies if "secure" not in cookie.lower()][
                :1
            ]
        elif not twin.target.open(page.url, "visualisation").loopback:
            faults.append(f"{name} is served over plain http")
        if not page.headers.get("content-security-policy") and not page.headers.get("x-frame-options"):
            faults.append(f"{name} has neither a content security policy nor a frame policy")
    if faults:
        fail("https, no mixed content, a content security or frame policy, secure cookies", listed(faults))
