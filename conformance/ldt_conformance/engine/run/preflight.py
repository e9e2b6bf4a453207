"""One look at every endpoint before the checks: does anything there answer, and does it answer us?

A dead address, a wrong token, a web page in place of an API and a broken certificate are each one root cause with one
sentence, instead of a failure in every check.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import httpx

from ldt_conformance.engine.judging.standing import RootCause, Standing
from ldt_conformance.engine.transport.auth import TokenError
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import CheckInconclusive, Outcome, Reason

PREFLIGHT = "preflight"  # stands for the check in the evidence
TIMEOUT_SECONDS = 4.0
HTML = frozenset({"text/html", "application/xhtml+xml"})
REFUSED = frozenset({401, 403})
NGSI_LD_LOOKS = ("/types", "/entities?type=LdtCheckNoSuchType&limit=1")

# Optional capabilities of NGSI-LD and the read that only a broker with that capability answers.
CAPABILITY_LOOKS = {
    "temporal": ("history", "/temporal/entities?type=LdtCheckNoSuchType&timerel=before&timeAt=2020-01-01T00:00:00Z"),
    "subscriptions": ("broker", "/subscriptions?limit=1"),
    "registrations": ("broker", "/csourceRegistrations?type=LdtCheckNoSuchType&limit=1"),
    "registration-subscriptions": ("broker", "/csourceSubscriptions?limit=1"),
    "contexts": ("broker", "/jsonldContexts"),
}
# Where a capability has nothing that can be read without an id: by an id that is no URI, BadRequestData (5.14.1.4,
# 5.16.3.4), which a broker must not say of every path.
RESOURCE_LOOKS = {"entity-maps": "/entityMaps/LdtCheckNoUri", "snapshots": "/snapshots/LdtCheckNoUri"}
NO_RESOURCE = "/ldtCheckNoSuchResource/LdtCheckNoUri"
NGSI_LD_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
NO_TENANT = f"{NGSI_LD_ERRORS}NonexistentTenant"
NOT_OFFERED = frozenset({404, 405, 422, 501})


@dataclass(frozen=True, slots=True)
class _Look:
    role: str
    cause: RootCause | None


def preflight(target: Target, standing: Standing) -> Standing:
    """The standing with root causes and found capabilities added. Takes a few seconds at most."""
    clients = [
        (role, target.client(role)) for role, endpoint in target.site.endpoints.items() if endpoint.url is not None
    ]
    with ThreadPoolExecutor(max_workers=8) as pool:
        looks = list(pool.map(lambda pair: _look(pair[0], pair[1], standing), clients))
    causes = {look.role: look.cause for look in looks if look.cause is not None}
    if "history" not in target.site.endpoints and "broker" in causes:
        causes["history"] = causes["broker"]
    found = set(standing.capabilities)
    if standing.speaks_ngsi_ld and "broker" not in causes:
        found |= {
            name
            for name, (role, path) in CAPABILITY_LOOKS.items()
            if name not in found and role not in causes and target.has(role) and _offers(target.client(role), path)
        }
        found |= _resources(target.client("broker"), RESOURCE_LOOKS.keys() - found)
    return replace(standing, causes=causes, capabilities=tuple(sorted(found)))


def planned_preflight(target: Target, standing: Standing) -> Standing:
    """As `preflight` where nothing is sent: its requests are noted, and what it could find at a target counts as found.

    A plan says what a run may send at most.
    """
    preflight(target, standing)
    findable = (CAPABILITY_LOOKS.keys() | RESOURCE_LOOKS.keys()) if standing.speaks_ngsi_ld else set()
    return replace(standing, capabilities=tuple(sorted(findable | set(standing.capabilities))))


def _look(role: str, client: Client, standing: Standing) -> _Look:
    try:
        if role in {"broker", "history"} and (role != "broker" or standing.speaks_ngsi_ld):
            looks = NGSI_LD_LOOKS if role == "broker" else (CAPABILITY_LOOKS["temporal"][1],)
            return _Look(role, _judge_api(role, client, looks))
        answer = client.request("GET", "", timeout=TIMEOUT_SECONDS)
    except CheckInconclusive as outcome:
        return _Look(role, _no_answer(role, client, outcome))
    if answer.status == httpx.codes.UNAUTHORIZED and client.authenticated:
        return _Look(role, _refused(role, client, answer))
    return _Look(role, None)


def _judge_api(role: str, client: Client, looks: tuple[str, ...]) -> RootCause | None:
    """What an NGSI-LD endpoint's answers to harmless reads say about the endpoint as such."""
    answers = []
    for path in looks:
        answer = client.request("GET", path, headers={"accept": "application/json"}, timeout=TIMEOUT_SECONDS)
        if answer.status in REFUSED:
            return _refused(role, client, answer)
        if answer.media_type not in HTML and (answer.status < 400 or _ngsi_ld_problem(answer)):
            return None
        answers.append(answer)
    first = answers[0]
    where = f"{client.base_url} ({role}) answered {first.status} to GET {looks[0].split('?')[0]}"
    if all(answer.media_type in HTML for answer in answers):
        sentence = f"{where} with a web page; expected the JSON of an NGSI-LD API. Is the URL that of the API itself?"
    elif all(answer.status >= 500 for answer in answers):
        sentence = f"{where}; expected 200. Is it started, and does what stands before it reach it?"
    else:
        sentence = f"{where}; expected the JSON of an NGSI-LD API. Does the URL lead to it? Try: ldt discover URL"
    return RootCause(Reason.UNREACHABLE, sentence)


def _refused(role: str, client: Client, answer: Response) -> RootCause:
    credentials = "our credentials" if client.authenticated else "a request without credentials"
    return RootCause(
        Reason.AUTH,
        f"{client.base_url} ({role}) answered {answer.status} to {credentials}; expected access. "
        f"Look at endpoints.{role}.auth in the site file, at the token's life and at the rights it gives",
    )


def _no_answer(role: str, client: Client, outcome: Outcome) -> RootCause:
    cause: BaseException | None = outcome.__context__
    if outcome.reason is Reason.AUTH or isinstance(cause, TokenError):
        return RootCause(Reason.AUTH, f"no token for {client.base_url} ({role}): {outcome.observed}")
    return RootCause(Reason.UNREACHABLE, f"{client.base_url} ({role}) {_said(cause)}")


def _said(error: BaseException | None) -> str:
    """A network error in words, by what lies at its root."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    text = " ".join(str(link) for link in chain)
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain) or "CERTIFICATE_VERIFY_FAILED" in text:
        return f"shows a certificate that is not trusted ({_reason(text)}). Is its CA named in the site file (ca:)?"
    if any(isinstance(link, ssl.SSLError) for link in chain) or "SSL" in text:
        return "does not speak TLS with us. Is it https at all, and does it want a client certificate (auth: mtls)?"
    if any(isinstance(link, socket.gaierror) for link in chain) or "Name or service not known" in text:
        return "has a host name that cannot be resolved. Is the name right, and DNS reachable?"
    if any(isinstance(link, httpx.ProxyError) for link in chain):
        return f"cannot be reached through the proxy ({chain[0]}). Is proxy: in the site file right?"
    if any(isinstance(link, ConnectionRefusedError) for link in chain) or "refused" in text:
        return "refuses connections. Is it started? Try: ldt up"
    if any(isinstance(link, httpx.TimeoutException) for link in chain):
        return f"did not answer within {TIMEOUT_SECONDS:g} s. Is it reachable from here, or is a firewall between?"
    return f"could not be asked: {chain[0].__class__.__name__ if chain else 'no answer'}: {chain[0] if chain else ''}"


def _reason(text: str) -> str:
    return text.split("certificate verify failed: ")[-1].split(" (_ssl")[0].split("\n")[0][:120]


def _offers(client: Client, path: str) -> bool:
    try:
        answer = client.request("GET", path, headers={"accept": "application/json"}, timeout=TIMEOUT_SECONDS)
        if _problem_type(answer) == NO_TENANT:  # it comes into being with the first write: is the resource known?
            return _problem_type(client.request("GET", NO_RESOURCE, timeout=TIMEOUT_SECONDS)) != NO_TENANT
    except CheckInconclusive:
        return False
    if answer.media_type in HTML or answer.status in NOT_OFFERED:
        return False
    return answer.status < 400 or answer.status >= 500 or _ngsi_ld_problem(answer)  # 5xx: broken is not absent


def _resources(client: Client, names: Iterable[str]) -> set[str]:
    """Capabilities whose resources the broker knows: it refuses an id in them, and not any path."""
    known = {name for name in names if _refuses_id(client, RESOURCE_LOOKS[name])}
    return set() if known and _refuses_id(client, NO_RESOURCE) else known


def _refuses_id(client: Client, path: str) -> bool:
    accept = {"accept": "application/json"}
    try:
        answer = client.request("GET", path, headers=accept, expects_refusal=True, timeout=TIMEOUT_SECONDS)
    except CheckInconclusive:
        return False
    return answer.status == httpx.codes.BAD_REQUEST and _ngsi_ld_problem(answer)


def _ngsi_ld_problem(answer: Response) -> bool:
    return _problem_type(answer).startswith(NGSI_LD_ERRORS)


def _problem_type(answer: Response) -> str:
    try:
        body: Any = json.loads(answer.content)
    except ValueError:
        return ""
    return str(body.get("type", "")) if isinstance(body, dict) else ""
