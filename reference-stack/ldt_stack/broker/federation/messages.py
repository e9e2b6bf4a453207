"""What goes to a Context Source and comes back, on the wire: ETSI GS CIM 009 V1.9.1, 4.3.6.5, 4.3.6.6, 6.3.5, 6.3.19.

Pure. What a source says of its own failure is kept for whoever has to decide, without what is secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.federation.failures import (
    LoopDetected,
    SourceFailure,
    SourceInvalid,
    SourceRefused,
    SourceTimeout,
)
from ldt_stack.broker.federation.registration import REQUEST_VALUE, Registration
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, LdContext, core_context
from ldt_stack.broker.link_header import CONTEXT_RELATION, parse_links
from ldt_stack.broker.model.names import JsonValue
from ldt_stack.broker.model.nesting import check_nesting
from ldt_stack.broker.outbound import Answer

API_ROOT: Final = "/ngsi-ld/v1"
_JSON, _LD_JSON = "application/json", "application/ld+json"
# Keys with a meaning of their own (4.3.6.6).
_SETTINGS: Final = frozenset({"accept", "contenttype", "jsonldcontext", "ngsildconformance"})
# Headers that contextSourceInfo cannot override (6.3.19): of the connection, of this message, or said by other members.
_NOT_HEADERS: Final = _SETTINGS - {"accept"} | {
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "link",
    "ngsild-entitymap",
    "ngsild-tenant",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
}
MISSING: Final = object()
_SECRET_CHARACTERS: Final = 4  # what is shorter is in every text by chance


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a Context Source is asked.

    Args:
        method: HTTP method.
        path: Below the API root, percent-encoded.
        parameters: Of the URL.
        body: JSON, its names in `names`; MISSING: none.
        names: The @context of names in `parameters` and `body`.
        inline: Whether the elements of the body have a "@context" each.
        headers: Further headers.
        optional: Whether a source may refuse, whatever it says: the result is as if there were nothing.
    """

    method: str
    path: str
    parameters: Sequence[tuple[str, str]] = ()
    body: JsonValue = MISSING
    names: LdContext = field(default_factory=core_context)
    inline: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


def url_of(registration: Registration, request: SourceRequest) -> str:
    """Where a request goes; with localOnly "a local scope shall be specified" (5.5.13)."""
    endpoint = urlsplit(registration.endpoint)
    root = endpoint.path.rstrip("/").removesuffix(API_ROOT) + API_ROOT
    parameters = [*request.parameters, *([("local", "true")] if registration.management.local_only else [])]
    query = "&".join(part for part in (endpoint.query, urlencode(parameters)) if part)
    return f"{endpoint.scheme}://{endpoint.netloc}{root}{request.path}" + (f"?{query}" if query else "")


def content_of(registration: Registration, request: SourceRequest) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that say how its names and those of the URL are meant (4.3.6.6, 6.3.5)."""
    headers = {"Accept": registration.setting("accept") or _JSON}
    if request.inline:
        return orjson.dumps(request.body), {**headers, "Content-Type": _LD_JSON}
    names, own = request.names, registration.setting("jsonldContext")
    inline = names.url is None or registration.setting("contentType") == _LD_JSON
    if request.body is not MISSING and inline and own is None:
        return orjson.dumps(_with_context(request.body, names)), {**headers, "Content-Type": _LD_JSON}
    url = own or (None if names.source is None else names.url)
    if url is not None:
        headers["Link"] = f'<{url}>; rel="{CONTEXT_RELATION}"; type="{_LD_JSON}"'
    if request.body is MISSING:
        return b"", headers
    return orjson.dumps(request.body), {**headers, "Content-Type": _JSON}


def wants_plain_json(registration: Registration) -> bool:
    """Whether a source takes application/json alone (contentType, 4.3.6.6)."""
    return registration.setting("contentType") == _JSON


def _with_context(body: JsonValue, names: LdContext) -> JsonValue:
    context = CORE_CONTEXT_URL if names.source is None else names.source
    if isinstance(body, list):
        return [{**one, "@context": context} if isinstance(one, dict) else one for one in body]
    return {**body, "@context": context}


def extra_headers(registration: Registration, conveyed: Mapping[str, str]) -> dict[str, str]:
    """Extra information to provide (4.3.6.5, 6.3.19)."""
    headers: dict[str, str] = {}
    for key, value in registration.source_info:
        if key.lower() in _NOT_HEADERS:
            continue
        if value != REQUEST_VALUE:
            headers[key] = value
        elif (taken := conveyed.get(key.lower())) is not None:
            headers[key] = taken
    if "accept" in headers:
        headers["Accept"] = headers.pop("accept")
    return headers


def context_link(answer: Answer) -> str | None:
    """The URL of the @context of an answer; None if it names none."""
    links = parse_links(answer.headers.get("link", ""))
    target = next((link.target for link in links if CONTEXT_RELATION in link.relations), None)
    return None if target is None else urljoin(answer.url, target)


def has_next(answer: Answer) -> bool:
    """Whether an answer says that a further page follows (6.3.10)."""
    return any("next" in link.relations for link in parse_links(answer.headers.get("link", "")))


def json_of(registration: Registration, answer: Answer) -> JsonValue:
    """The body of an answer; None if it is empty.

    Raises:
        SourceInvalid: It is no JSON, or nested too deep to be kept and answered.
    """
    if not answer.body:
        return None
    try:
        value = orjson.loads(answer.body)
        if isinstance(value, dict | list):
            check_nesting(value, answer.body)
    except (orjson.JSONDecodeError, BadRequestData) as error:
        raise SourceInvalid(f"{registration.id}: {answer.url} answered what is no JSON: {error}") from None
    return value


def refusal(registration: Registration, answer: Answer) -> SourceFailure:
    """The failure behind an answer that is no 2xx, with the ProblemDetails of the source as far as there are any."""
    try:
        problem = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        problem = None
    detail = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    said = f": {masked(registration, detail):.300}" if isinstance(detail, str) else ""
    kind = {508: LoopDetected, 504: SourceTimeout}.get(answer.status, SourceRefused)
    failure = kind(f"{registration.id}: its Context Source answered {answer.status}{said}")
    failure.answered = answer.status
    if isinstance(problem, dict):
        failure.problem = problem
    return failure


def warning(registration: Registration, code: int, text: str) -> str:
    """An NGSILD-Warning: code, whose, why (6.3.17, RFC 7234 section 5.5)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in text)
    return f'{code} {quote(registration.id, safe=":/")} "{plain}"'


def masked(registration: Registration, text: str) -> str:
    """What a source says, without the extra information that it was sent: whoever asked may not know of it."""
    for secret in sorted(_secrets(registration), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(registration: Registration) -> Iterator[str]:
    """Values of contextSourceInfo, and the credentials behind the scheme of an Authorization header."""
    for key, value in registration.source_info:
        if key.lower() not in _SETTINGS and value != REQUEST_VALUE:
            for part in (value, value.partition(" ")[2]):
                if len(part) >= _SECRET_CHARACTERS:
                    yield part
