"""Download of remote @context documents, within limits of size, time, redirects and addresses.

ETSI GS CIM 009 V1.9.1, clauses 5.5.6 (LdContextNotAvailable, BadRequestData) and 6.3.16 (lifetime).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

from ldt_stack.broker.errors import BadRequestData, LdContextNotAvailable
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.nesting import check_nesting
from ldt_stack.broker.outbound import Outbound, OutboundError
from ldt_stack.broker.settings import BrokerSettings

_ACCEPT = "application/ld+json, application/json;q=0.9"


class Fetcher:
    """Downloads documents, within the limits of the settings."""

    def __init__(self, settings: BrokerSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound

    async def fetch(self, url: str) -> tuple[JsonObject, float]:
        """A JSON document and for how many seconds it may be kept.

        Raises:
            LdContextNotAvailable: No answer, an error, too slow, too large, too many redirects, a forbidden address.
            BadRequestData: The URL is none of http(s), or the document is no JSON object.
        """
        settings = self._settings
        try:
            answer = await self._outbound.request(
                "GET",
                url,
                headers={"Accept": _ACCEPT},
                timeout_seconds=settings.context_timeout_seconds,
                max_bytes=settings.context_max_bytes,
                max_redirects=settings.context_max_redirects,
            )
        except OutboundError as error:
            if error.reason == "url":
                raise BadRequestData(f"A @context is referred to by a URL that is none: {error.detail}") from None
            raise LdContextNotAvailable(f"The @context cannot be had: {error.detail}") from None
        if answer.status != 200:
            raise LdContextNotAvailable(f"{url} answered {answer.status}; expected 200 and a @context")
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise BadRequestData(f"The document at {url} is no JSON: {error}") from None
        if not isinstance(document, dict):
            raise BadRequestData(f'The document at {url} is no JSON object; expected one with an "@context" member')
        check_nesting(document, answer.body)
        return document, lifetime_seconds(answer.headers, settings.context_default_ttl_seconds)


def lifetime_seconds(headers: Mapping[str, str], default: float) -> float:
    """How long a document may be kept (6.3.16): s-maxage, max-age, Expires, else the default."""
    directives: dict[str, str] = {}
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().lower().partition("=")
        directives[name] = value.strip('"')
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if directives.get(name, "").isdigit():
            return float(directives[name])
    try:
        expires = parsedate_to_datetime(headers["expires"])
    except (KeyError, ValueError):
        return default
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return max(0.0, (expires - datetime.now(UTC)).total_seconds())
