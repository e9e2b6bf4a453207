"""The Link header: RFC 8288; ETSI GS CIM 009 V1.9.1, clauses 6.3.5 and 6.3.10."""

from __future__ import annotations

import time

import pytest

from ldt_stack.broker.federation.messages import context_link, has_next
from ldt_stack.broker.link_header import CONTEXT_RELATION, Link, parse_links
from ldt_stack.broker.outbound import Answer


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("", []),
        ("no link", []),
        ("<a>; rel=next", [Link("a", ("next",))]),
        ('<a>;rel="next last", <b> ; title="x, y" ; rel=prev', [Link("a", ("next", "last")), Link("b", ("prev",))]),
        (f'<c?a=1,2>; type="application/ld+json"; REL="{CONTEXT_RELATION}"', [Link("c?a=1,2", (CONTEXT_RELATION,))]),
        (f'<c>; rel="{CONTEXT_RELATION.upper()} NEXT"', [Link("c", (CONTEXT_RELATION, "next"))]),
        (f'<c>; rel="next"; rel="{CONTEXT_RELATION}"', [Link("c", ("next",))]),
        (r'<c>; title="a \"b\", <d>; rel=prev \\"; rel=next', [Link("c", ("next",))]),
    ],
)
def test_links_are_read_in_any_form(header: str, links: list[Link]) -> None:
    """Order, quotes, blanks and the case of relations are free; a second `rel` is ignored (RFC 8288, 2.1 and 3.3)."""
    assert parse_links(header) == links


@pytest.mark.parametrize(
    "piece", ["<", "<a>", "<a>;", '<a>; rel="', "<a>; ;", "<a>; b=c", "<a> ", '<a>; a="b', r'<a>; a="\"', "\\"]
)
def test_a_hostile_header_takes_linear_time(piece: str) -> None:
    """A source may send what it likes."""
    started = time.perf_counter()
    parse_links(piece * 30_000)
    assert time.perf_counter() - started < 1


def test_an_answer_names_its_context_and_the_page_behind_it() -> None:
    """The target may be relative to the answer; what a target looks like says nothing of its relation."""
    link = f'<ctx.jsonld>; rel="{CONTEXT_RELATION}", </x?rel=%22next%22>; rel=prev, </y>; rel=next'
    answer = Answer(200, {"link": link}, b"", "http://s/ngsi-ld/v1/entities")
    assert context_link(answer) == "http://s/ngsi-ld/v1/ctx.jsonld"
    assert has_next(answer)
    assert not has_next(Answer(200, {"link": '</y?rel="next">; rel=prev'}, b"", "http://s/"))
