"""Redirects to the other spelling of the same resource: with or without a slash at the end of its path.

CIM 009 writes some resources with that slash and some without (Table 6.2-1, 6.6.2, 6.20.2); what stands before a broker
may know one spelling and redirect to it. Such a request is sent again as it was, whatever its method: it names the same
resource, on the same origin, so all that was judged and journalled for it holds. Any other redirect is an answer.
"""

from __future__ import annotations

import httpx

REDIRECTS = frozenset({301, 302, 307, 308})


def other_spelling(request: httpx.Request, status: int, location: str | None) -> httpx.Request | None:
    """The same request to the other spelling, where that is all the redirect says; else None.

    Args:
        request: What was answered.
        status: The status of the answer.
        location: Its Location header. A scheme or port in it does not count: a gateway often tells its own inner one.
    """
    if status not in REDIRECTS or not location:
        return None
    try:
        target = request.url.join(location)
    except httpx.InvalidURL:
        return None
    path, other = request.url.path, target.path
    same = (target.host, other.rstrip("/"), target.query) == (request.url.host, path.rstrip("/"), request.url.query)
    if not same or path == other:
        return None
    raw = request.url.raw_path.partition(b"?")
    spelling = raw[0] + b"/" if other.endswith("/") else raw[0].rstrip(b"/")
    url = request.url.copy_with(raw_path=spelling + raw[1] + raw[2])
    return httpx.Request(
        request.method, url, headers=request.headers, content=request.content, extensions=request.extensions
    )
