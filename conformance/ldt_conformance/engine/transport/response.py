"""An answer of a target, as checks see it."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from typing import Any

import httpx

from ldt_conformance.engine.verdicts import Reason, fail, inconclusive


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the target, whatever its status.

    Attributes:
        exchange: Its id in the evidence.
        truncated: The body was longer than is read; `content` is its beginning.
        url: Where it came from, after redirects that were asked to be followed.
    """

    status: int
    headers: httpx.Headers
    content: bytes
    exchange: str
    elapsed_seconds: float
    url: str
    truncated: bool = False

    @property
    def text(self) -> str:
        """The body as text, in the charset of its media type (UTF-8 where it names none or an unknown one)."""
        charset = httpx.Response(200, headers={"content-type": self.headers.get("content-type", "")}).charset_encoding
        try:
            return self.content.decode(charset or "utf-8", errors="replace")
        except LookupError:
            return self.content.decode("utf-8", errors="replace")

    @property
    def media_type(self) -> str:
        """Media type without parameters, lower case; "" where the answer names none."""
        return str(self.headers.get("content-type", "")).split(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON; the check fails where it is none, and is undecided where we did not read it to its end."""
        if self.truncated:
            inconclusive(
                Reason.INSUFFICIENT_EVIDENCE,
                f"{self.status}, a body of which only the first {len(self.content)} bytes were read",
                expected="a body short enough to be read whole",
            )
        try:
            return json_module.loads(self.content)
        except ValueError:
            begin = self.text[:80].replace("\n", " ")
            return fail("a JSON body", f"{self.status}, {self.media_type or 'no media type'}, body begins {begin!r}")
