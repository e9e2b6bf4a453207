"""Requests from web pages of other origins (WHATWG Fetch, "CORS protocol"), on every representation alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_READ: Final = ("GET", "HEAD")
_ALL: Final = (*_READ, "POST", "PUT", "PATCH", "DELETE")
# What a page may read beside the headers that any page may.
_EXPOSED: Final = (
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "NGSILD-EntityMap",
    "NGSILD-Results-Count",
    "NGSILD-Snapshot",
    "NGSILD-Tenant",
    "NGSILD-Warning",
    "Preference-Applied",
    "Retry-After",
    "X-Request-ID",
)
_PREFLIGHT_SECONDS: Final = 600


def cross_origin(app: ASGIApp, origins: Sequence[str]) -> CORSMiddleware | None:
    """What answers requests that have an Origin; None where no other origin is allowed.

    Args:
        app: Answers the request itself.
        origins: "*" may read; a page of any origin must not be able to write into a broker on its visitor's machine or
            network. Origins that are named may do everything.
    """
    if not origins:
        return None
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=_READ if "*" in origins else _ALL,
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=_PREFLIGHT_SECONDS,
    )
