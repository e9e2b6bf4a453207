"""Conditional retrieval: IETF RFC 9110, clauses 8.8.3 (ETag), 13.1.2 (If-None-Match) and 15.4.5 (304).

The standard does not speak of it; a client that polls is spared the transfer. The tag is made of what is sent, so it
is strong, and another representation of the same Entity has another tag; it saves no work here.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_DIGEST_BYTES: Final = 12
# What the answer depends on beside the URL (RFC 9110, 12.5.5), and that a cache asks before it uses what it has.
_ALWAYS: Final = [
    (b"vary", b"Accept, Link, Prefer, NGSILD-Tenant, NGSILD-Snapshot"),
    (b"cache-control", b"no-cache"),
]


def conditional(request: Request, response: Response) -> Response:
    """Give a 200 answer to GET or HEAD its ETag; 304 if the client has it already."""
    headers = response.raw_headers
    digest = blake2b(b"\0".join([value for _, value in headers]), digest_size=_DIGEST_BYTES)
    digest.update(response.body)
    tag = b'"%s"' % digest.hexdigest().encode()
    given = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    if given and _matches(b",".join(given), tag):
        response = Response(status_code=304)
        response.raw_headers[:] = [(b"etag", tag), *_ALWAYS]
    else:
        headers += [(b"etag", tag), *_ALWAYS]
    return response


def _matches(given: bytes, tag: bytes) -> bool:
    """Weak comparison with any tag of If-None-Match; "*" matches whatever there is."""
    return given.strip() == b"*" or tag in _TAG.findall(given)
