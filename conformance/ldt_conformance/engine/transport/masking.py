"""Keeps secrets out of everything that is written: known values in every encoding they may come back in."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# Headers whose values say something about the answer and never carry a credential; all others are named, not shown.
SHOWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "access-control-allow-headers",
        "access-control-allow-methods", "access-control-allow-origin", "access-control-expose-headers",
        "access-control-max-age", "access-control-request-method", "age", "allow", "cache-control",
        "content-disposition", "content-encoding", "content-language", "content-length", "content-range",
        "content-security-policy", "content-type", "date", "deprecation", "etag", "expires", "fiware-correlator",
        "fiware-service", "fiware-servicepath", "fiware-total-count", "host", "if-match", "if-modified-since",
        "if-none-match", "last-modified", "link", "location", "ngsild-attribute-format", "ngsild-entitymap",
        "ngsild-results-count", "ngsild-tenant", "ngsild-warning", "origin", "prefer", "preference-applied",
        "range", "ratelimit", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "server",
        "strict-transport-security", "sunset", "transfer-encoding", "upgrade", "user-agent", "vary", "via",
        "warning", "www-authenticate", "x-content-type-options", "x-frame-options", "x-request-id",
    }
)  # fmt: skip
NOT_SHOWN = "(not recorded)"
# A signed token (RFC 7515), whoever's: another process of the run may have fetched it, or the target gave it away.
JSON_WEB_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
TOKEN_SHOWN = "${TOKEN}"  # noqa: S105 — what is printed in place of one
_BASE64_MINIMUM = 6  # bytes; shorter ones leave too few fixed base64 characters to be told from chance


def _base64_cores(value: bytes) -> set[str]:
    """The base64 characters that a value yields wherever in a longer text it stands (three alignments)."""
    if len(value) < _BASE64_MINIMUM:
        return set()
    cores = set()
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + value).decode("ascii")
        first = (0, 2, 3)[offset]  # characters that also depend on what stands before
        last = len(text) - (0, 3, 2)[(offset + len(value)) % 3]  # and on what comes after
        core = text[first:last]
        cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


def encodings(value: str) -> set[str]:
    """Every form in which a secret may come back: URL-encoded, JSON, HTML, base64 at any alignment, hexadecimal.

    A server may also have decoded once too often what was never encoded, and repeat what came of it.
    """
    decoded = {form for form in (unquote(value), unquote_plus(value)) if len(form) >= _BASE64_MINIMUM}
    return {form for known in {value} | decoded for form in _encodings(known)}


def _encodings(value: str) -> set[str]:
    data = value.encode("utf-8")
    percent = quote(value, safe="")
    forms = {
        value,
        percent,
        quote(value),
        quote_plus(value),
        quote(percent, safe=""),
        re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), percent),
        re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), quote_plus(value)),
        "".join(f"%{byte:02X}" for byte in data),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        data.hex(),
        data.hex().upper(),
    }
    return {form for form in forms | _base64_cores(data) if form}


class _Secrets(NamedTuple):
    """So many secrets: form -> shown name, and what finds the forms."""

    number: int
    names: dict[str, str]
    pattern: re.Pattern[str] | None


class Masker:
    """Replaces secrets by the names under which they may be shown.

    Args:
        secrets: Value -> shown name. May grow during a run (access tokens); it is looked at anew when it has.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._read = _Secrets(0, {}, None)

    def text(self, text: str) -> str:
        """The text without any known secret, and without signed tokens. May be called by several threads."""
        known = self._known()
        masked = known.pattern.sub(lambda match: known.names[match.group()], text) if known.pattern else text
        return JSON_WEB_TOKEN.sub(TOKEN_SHOWN, masked)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers as they may be recorded: known harmless ones scrubbed, all others by name only."""
        return {
            name.lower(): self.text(value) if name.lower() in SHOWN_HEADERS else NOT_SHOWN
            for name, value in headers.items()
        }

    def _known(self) -> _Secrets:
        """All secrets that there are now; who comes while another thread reads them does not go without."""
        known = self._read
        if len(self._secrets) != known.number:
            secrets = dict(self._secrets)
            names = {form: shown for value, shown in secrets.items() for form in encodings(value)}
            longest_first = sorted(names, key=len, reverse=True)
            pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
            known = self._read = _Secrets(len(secrets), names, pattern)
        return known
