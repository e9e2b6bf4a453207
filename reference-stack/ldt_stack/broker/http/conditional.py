"""Conditional retrieval: IETF RFC 9110, clauses 8.8.3 (ETag), 13.1.2 (If-None-Match) and 15.4.5 (304).

The standard does not speak of it; a client that polls is spared the transfer. The tag is made of what is sent, so it
is strong, and another representation of the same Entity has another tag; it saves no work here.
"""

from __future__ import annotations

import re
from hashlib import sha1
from typing import Final

from ldt_stack.broker.http.messages import Request, Response

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
# What the answer depends on beside the URL (RFC 9110, 12.5.5), and that a cache asks before it uses what it has.
_ALWAYS: Final = [
    (b"vary", b"Accept, Link, Prefer, NGSILD-Tenant, NGSILD-Snapshot"),
    (b"cache-control", b"no-cache"),
]


def conditional(request: Request, response: Response) -> Response:
    """Give a 200 answer to GET or HEAD its ETag; 304 if the client has it already."""
    digest = sha1(b"\0".join([value for _, value in response.headers]), usedforsecurity=False)
    digest.update(response.body)
    tag = f'"{digest.hexdigest()}"'
    given = request.header_values("if-none-match")
    if given and _matches(",".join(given), tag):
        response = Response(status=304)
    response.headers += [(b"etag", tag.encode()), *_ALWAYS]
    return response


def _matches(given: str, tag: str) -> bool:
    """Weak comparison with any tag of If-None-Match; "*" matches whatever there is."""
    return given.strip() == "*" or tag in _TAG.findall(given)
