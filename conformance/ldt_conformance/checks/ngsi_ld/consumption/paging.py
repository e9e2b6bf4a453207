"""Going from page to page by the links that the broker gives (clauses 5.5.9.1 and 6.3.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldt_conformance.clients import Broker
from ldt_conformance.comparators import Link, find_link, parse_links
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import precondition
from ldt_conformance.expectations import expect_list

MAX_PAGES = 20  # a list that is longer than that is not walked to its end: it is somebody else's


def link(response: Response, relation: str) -> Link | None:
    """A paging link of an answer."""
    return find_link(parse_links(response.headers.get_list("link")), relation)


def follow(broker: Broker, response: Response, found: Link, headers: Mapping[str, str] | None = None) -> Response:
    """Fetch what a paging link points to."""
    target = found.resolved(response.url)
    precondition(
        target.startswith(broker.client.base_url.split("/ngsi-ld/")[0]),
        f"the link leads to {target}, which is another origin than the one that was asked",
    )
    return broker.send("GET", target, headers=headers)


def elements(broker: Broker, first: Response) -> list[Any]:
    """What is on a page and on those that its next links lead to, `MAX_PAGES` at most."""
    found = expect_list(first)
    page = first
    for _ in range(MAX_PAGES - 1):
        following = link(page, "next")
        if following is None:
            break
        page = follow(broker, page, following)
        found += expect_list(page)
    return found
