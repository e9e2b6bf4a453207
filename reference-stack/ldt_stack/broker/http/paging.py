"""Paging of results with limit, offset and count: ETSI GS CIM 009 V1.9.1, clauses 5.5.9, 6.3.10 and 6.3.13."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.http.messages import Request
from ldt_stack.broker.http.parameters import boolean, whole_number

PAGING_PARAMETERS = ("limit", "offset", "count")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of the results is wanted, and whether their number is."""

    limit: int
    offset: int
    count: bool


def read_paging(request: Request) -> Paging:
    """The parameters limit, offset and count; a page is never larger than the settings allow (5.5.9.1, 5.5.9.2).

    Raises:
        BadRequestData: One is malformed, or limit is 0 without count (6.3.13).
    """
    settings = request.broker.settings
    given = request.query_params
    limit = whole_number(given.get("limit"), "limit")
    offset = whole_number(given.get("offset"), "offset") or 0
    count = boolean(given.get("count"), "count")
    if limit == 0 and not count:
        raise BadRequestData("limit=0 is allowed together with count=true alone (clause 6.3.13)")
    size = settings.default_page_size if limit is None else limit
    return Paging(min(size, settings.max_page_size), offset, count)


def paging_headers(
    request: Request,
    paging: Paging,
    *,
    more: bool,
    count: int | None,
    media_type: str,
    next_offset: int | None = None,
    previous_offset: int | None = None,
) -> dict[str, str]:
    """Link to the next and previous page (6.3.10), and the number of results (6.3.13).

    Args:
        request: The links repeat its parameters, so that they need nothing else (5.5.9.1).
        paging: As `read_paging` returned it.
        more: Whether results follow this page.
        count: How many there are in all; None where it was not asked for.
        media_type: The one of this answer (6.3.10).
        next_offset: Where the next page starts; None: right behind this one.
        previous_offset: Where the page before starts; None: one page before this one.
    """
    links = []
    if paging.limit and more:
        following = paging.offset + paging.limit if next_offset is None else next_offset
        links.append(_link(request, paging, following, "next", media_type))
    if paging.limit and paging.offset:
        before = max(0, paging.offset - paging.limit) if previous_offset is None else previous_offset
        links.append(_link(request, paging, before, "prev", media_type))
    headers = {"Link": ", ".join(links)} if links else {}
    if paging.count and count is not None:
        headers["NGSILD-Results-Count"] = str(count)
    return headers


def _link(request: Request, paging: Paging, offset: int, relation: str, media_type: str) -> str:
    kept = [(name, value) for name, value in request.query_pairs if name not in ("limit", "offset")]
    query = urlencode([*kept, ("limit", paging.limit), ("offset", offset)])
    return f'<{request.url.path}?{query}>; rel="{relation}"; type="{media_type}"'
