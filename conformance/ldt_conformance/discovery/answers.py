"""What the detector looks at (an answer) and what it says (a finding, or what is in the way)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LOGIN = re.compile(r"(?i)(openid-connect/auth|/oauth2?/|/saml|/login|/signin|/sso\b|/cas/)")
PASSWORD_FIELD = re.compile(r"(?i)<input[^>]+type\s*=\s*[\"']?password")
TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>")
HTML_START = re.compile(r"(?is)^\s*(<!--.*?-->\s*)*(<!doctype\s+html|<html\b)")


class Confidence(StrEnum):
    """How sure a finding is."""

    CERTAIN = "certain"  # the API's own, unmistakable words
    LIKELY = "likely"  # its shape, but others could look so
    HINT = "hint"  # something is there that may be it


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or the reason why there was none (`status` 0).

    Attributes:
        path: What was asked for, relative to the root that was probed.
        media_type: Lower case, without parameters.
        headers: Names in lower case.
        problem: Why nothing came, where `status` is 0.
    """

    path: str
    status: int
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    problem: str = ""

    @property
    def json(self) -> Any:
        """The parsed body, or None where it is no JSON (which is also what `null` gives)."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def is_html(self) -> bool:
        """Whether people are meant to read this, whatever the media type says."""
        return self.media_type in {"text/html", "application/xhtml+xml"} or bool(HTML_START.match(self.text[:2000]))

    @property
    def is_login(self) -> bool:
        """Whether this is a login page, or the way to one."""
        if 300 <= self.status < 400:
            return bool(LOGIN.search(self.headers.get("location", "")))
        return self.is_html and bool(PASSWORD_FIELD.search(self.text))

    @property
    def title(self) -> str:
        """The title of an HTML page, one line, or ""."""
        found = TITLE.search(self.text)
        return " ".join(found.group(1).split())[:120] if found else ""


Ask = Callable[[str, Mapping[str, str]], Answer]
"""Sends one GET: path with query relative to the root, and headers. Never raises for what a target does."""


class Obstacle(StrEnum):
    """What answers in place of an API."""

    UNREACHABLE = "unreachable"
    LOGIN_PAGE = "login-page"
    REFUSED = "refused"  # 401 or 403
    WEB_PAGE = "web-page"
    NOTHING_KNOWN = "nothing-known"


@dataclass(frozen=True, slots=True)
class Finding:
    """One API that answers.

    Attributes:
        api: `ngsi-ld`, `ngsi-v2`, `ogc-features`, `ogc-processes`, `ogc-records`, `ogc-tiles`, `sta`, `openapi`,
            `kserve-v2`, `s3`, `sparql`, `ckan`, `dcat`, `wfs`, `oidc`: the words of `api:` in the site file.
        path: Where its own root is, relative to the URL probed, e.g. `/ngsi-ld/v1`.
        version: As the API says it, or the lowest that its features prove.
        evidence: One sentence: what was asked and what came.
        partial: Recognised, but part of what is expected is missing.
    """

    api: str
    confidence: Confidence
    path: str
    evidence: str
    version: str | None = None
    partial: bool = False

    def __str__(self) -> str:
        """As the report shows it: `ngsi-ld 1.6 at /ngsi-ld/v1 (certain): …`."""
        name = f"{self.api} {self.version}" if self.version else self.api
        return f"{name} at {self.path or '/'} ({self.confidence.value}): {self.evidence}"
