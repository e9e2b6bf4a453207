"""Going from page to page by the links that the broker gives (clauses 5.5.9.1 and 6.3.10)."""

from __future__ import annotations

from collections.abc import Mapping

from ldt_conformance.clients import Broker
from ldt_conformance.comparators import Link, find_link, parse_links
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import precondition

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
