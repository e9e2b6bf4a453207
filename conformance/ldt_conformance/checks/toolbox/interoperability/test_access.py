"""How the twin is reached: HTTPS, certificates, access control, and what errors give away.

LDT-IO-01, -90, -91, -93, -97.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.tls import TlsFacts, look_at_tls
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, not_applicable

DAYS_LEFT = 14
LEAKS = {
    "a stack trace": re.compile(
        r"Traceback \(most recent call last\)|\bat [\w$.]+\([\w]+\.java:\d+\)|\n\s+at .+:\d+:\d+"
    ),
    "an SQL statement": re.compile(r"(?i)\b(SELECT .{1,80} FROM|INSERT INTO|UPDATE .{1,60} SET|SQLSTATE|ORA-\d{5})\b"),
    "an internal address": re.compile(r"\b(10\.\d{1,3}|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b"),
    "a file path of the server": re.compile(
        r"(/usr/(lib|local)|/home/\w+|/opt/\w+|[A-Z]:\\\\)[\w/.\\-]+\.(py|java|js|php|cs)\b"
    ),
}
EXACT_VERSION = re.compile(r"^[\w.-]+/\d+\.\d+(\.\d+)?")


def clients(twin: Twin) -> list[tuple[str, Client]]:
    """A client for each role with a URL; inconclusive where there is none."""
    found: list[tuple[str, Client]] = [
        (role, twin.target.client(role)) for role, endpoint in twin.site.endpoints.items() if endpoint.url
    ]
    if not found:
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml names no endpoint with a URL", expected="a declared endpoint")
    return found


def public_clients(twin: Twin) -> list[tuple[str, Client]]:
    """As `clients`, without what is on this machine; not applicable where everything is."""
    found = [(role, client) for role, client in clients(twin) if not client.loopback]
    if not found:
        not_applicable(Reason.LOOPBACK, "every endpoint is on this machine: transport and exposure cannot be judged")
    return found


@toolbox_check("access/https", "LDT-IO-01")
def test_https(twin: Twin, run: RunContext) -> None:
    faults = []
    for role, client in public_clients(twin):
        if not client.base_url.startswith("https://"):
            faults.append(f"{role} is declared as {client.base_url.split('/')[0]}//…")
            continue
        response, recognised = _entry(twin, role, client)
        challenged = response.status in {401, 403} and (client.authenticated or recognised == "s3")
        if response.status >= 400 and not challenged:
            faults.append(f"{role} answered {response.status}")
    if faults:
        fail("an answer over https from each declared endpoint", listed(faults))
    run.note("every declared endpoint answers over https")


def _entry(twin: Twin, role: str, client: Client) -> tuple[Response, str]:
    """An answer of the API that was found, else of the address itself; and which API it is."""
    finding = twin.detection(role).best if role in dict(twin.roles()) else None
    for place in twin.places(finding.api) if finding else []:
        if place.role == role:
            return place.get("/types" if place.finding.api == "ngsi-ld" else ""), place.finding.api
    return client.request("GET", "", follow_redirects=True), ""


@toolbox_check("access/tls", "LDT-IO-90")
def test_tls(twin: Twin, run: RunContext) -> None:
    if run.settings.plan:
        inconclusive(Reason.PRECONDITION_UNMET, "a plan opens no connection")
    hosts: dict[tuple[str, int], str] = {}
    for role, client in public_clients(twin):
        parts = urlsplit(client.base_url)
        if parts.scheme != "https":
            fail("https for each declared endpoint", f"{role} is declared with plain {parts.scheme}")
        hosts.setdefault((parts.hostname or "", parts.port or 443), role)
    for (host, port), role in hosts.items():
        endpoint = twin.target.endpoint(role)
        if endpoint is not None and endpoint.proxy:
            inconclusive(
                Reason.PRECONDITION_UNMET, f"{role} is behind a proxy: the certificate seen may be the proxy's"
            )
        ca = twin.directory / endpoint.ca if endpoint is not None and endpoint.ca else None
        _judge_tls(role, look_at_tls(host, port, ca))
    plain = [fault for (host, port), role in hosts.items() if port == 443 and (fault := _plain_http(twin, role, host))]
    if plain:
        fail("plain http is closed or leads to https", listed(plain))
    run.note(f"{len(hosts)} hosts: TLS 1.2 or newer, valid certificates")


def _judge_tls(role: str, facts: TlsFacts) -> None:
    if facts.problem:
        fail("a TLS connection with a valid certificate", f"{role}: {facts.problem}")
    if facts.version not in {"TLSv1.2", "TLSv1.3"}:
        fail("TLS 1.2 or newer", f"{role} speaks {facts.version}")
    if facts.weak_accepted:
        fail("nothing older than TLS 1.2 is accepted", f"{role} also accepts {facts.weak_accepted}")
    if facts.days_left < DAYS_LEFT:
        fail(f"a certificate with at least {DAYS_LEFT} days left", f"{role}: {facts.days_left} days")


def _plain_http(twin: Twin, role: str, host: str) -> str | None:
    """What is wrong with the plain-http side of a host; None where it is closed or redirects."""
    try:
        response = twin.target.open(f"http://{host}").request("GET", "/")
    except CheckInconclusive:
        return None
    location = response.headers.get("location", "")
    if response.status in {301, 302, 307, 308} and location.startswith("https://"):
        return None
    return None if response.status in {400, 403, 404, 426} else f"{role}: http://{host}/ answered {response.status}"


@toolbox_check("access/anonymous-refused", "LDT-IO-91")
def test_anonymous_refused(twin: Twin, run: RunContext) -> None:
    protected = [(role, client) for role, client in clients(twin) if client.authenticated]
    if not protected:
        not_applicable(Reason.UNCLAIMED, "no endpoint of ldt.yaml is declared as protected (auth)")
    faults = []
    for role, client in protected:
        root, path = _protected_resource(twin, role, client)
        response = client.request("GET", root + path, auth=False)
        if response.status not in {401, 403}:
            faults.append(f"{role}: {path or '/'} answered {response.status} without credentials")
        elif response.status == 401 and "www-authenticate" not in response.headers:
            run.note(f"{role}: 401 without WWW-Authenticate (RFC 9110 section 15.5.2 wants it)")
    if faults:
        fail("401 or 403 to a request without credentials", listed(faults))


def _protected_resource(twin: Twin, role: str, client: Client) -> tuple[str, str]:
    """An address that is certainly part of the protected API: what the detector recognised it by."""
    listing = {"ngsi-ld": "/types", "ngsi-v2": "/entities?limit=1", "ogc-features": "/collections"}
    for place in twin.places(*listing, "kserve-v2", "s3", "sta", "openapi", "dcat"):
        if place.role == role:
            return place.url, listing.get(place.finding.api, "")
    return client.base_url, ""


@toolbox_check("access/openid-provider", "LDT-IO-93")
def test_openid_provider(twin: Twin, run: RunContext) -> None:
    issuers = {
        str(endpoint.auth.issuer).rstrip("/")
        for endpoint in twin.site.endpoints.values()
        if endpoint.auth.kind == "oidc"
    }
    identity = twin.target.endpoint("identity")
    if identity is not None and identity.url is not None:
        issuers.add(twin.target.client("identity").base_url.removesuffix("/.well-known/openid-configuration"))
    if not issuers:
        not_applicable(Reason.UNCLAIMED, "ldt.yaml names neither an identity endpoint nor an oidc issuer")
    for issuer in sorted(issuers):
        _judge_provider(twin, issuer)
    run.note(f"{len(issuers)} issuer(s)")


def _judge_provider(twin: Twin, issuer: str) -> None:
    client = twin.target.open(issuer)
    response = client.request("GET", "/.well-known/openid-configuration", follow_redirects=True)
    found = response.json() if response.status == 200 else None
    if not isinstance(found, dict):
        fail("200 with OpenID provider metadata", f"{issuer} answered {response.status}")
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        fail(f"issuer {issuer} (OpenID Connect Discovery 1.0 section 4.3)", f"issuer {found.get('issuer')!r}")
    token_endpoint = str(found.get("token_endpoint", ""))
    if not token_endpoint.startswith("https://") and not client.loopback:
        fail("an https token_endpoint", token_endpoint or "none")
    keys_url = str(found.get("jwks_uri", ""))
    keys = twin.target.open(keys_url).request("GET", "").json() if keys_url.startswith("http") else None
    if not isinstance(keys, dict) or not keys.get("keys"):
        fail("at least one key at jwks_uri", f"{keys_url or 'no jwks_uri'}: none")


@toolbox_check("access/no-leaks", "LDT-IO-97")
def test_no_leaks(twin: Twin, run: RunContext) -> None:
    looked = 0
    faults = []
    for role, _ in twin.roles():
        if twin.detection(role).obstacle == "unreachable":
            continue
        client = twin.target.client(role)
        response = client.request("GET", "/ldt-check-no-such-thing?limit=-1&q=%28%28")
        looked += 1
        faults += [f"{role}: {leak}" for leak in leaks(response, loopback=client.loopback)]
    if not looked:
        inconclusive(Reason.UNREACHABLE, "no endpoint answered", expected="an error answer to look at")
    if faults:
        fail("errors that show no stack trace, SQL, internal address or exact server version", listed(faults))
    run.note(f"{looked} error answers were looked at")


def leaks(response: Response, *, loopback: bool) -> list[str]:
    """What an error answer gives away, by body and headers."""
    found = [what for what, pattern in LEAKS.items() if pattern.search(response.text[:20_000])]
    if loopback and "an internal address" in found:
        found.remove("an internal address")
    for name in ("server", "x-powered-by", "x-aspnet-version"):
        value = response.headers.get(name, "")
        if EXACT_VERSION.match(value) or (name != "server" and value):
            found.append(f"{name}: {value}")
    return found
