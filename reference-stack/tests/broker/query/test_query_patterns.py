"""No regular expression stops the broker: `~=` of clause 4.9 and idPattern of clause 5.2.33."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import TooComplexQuery
from ldt_stack.broker.query.patterns import compile_pattern

from ..api import API, create, refused, send

INTRICATE = "(.*a.{200}|.*b.{150})c"
"""Its deterministic automaton has more states than atoms fit into the universe."""
NOISE = "".join(random.Random(1).choices("ab", k=100_000))  # noqa: S311 — test data
pytestmark = pytest.mark.anyio

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "(ab)", "(a|b)", "(a*b)", "(|a)"])
PIECES = st.builds("".join, st.tuples(ATOMS, st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,3}", "{1,}"])))
PATTERNS = st.lists(PIECES, max_size=5).map("".join)


@given(PATTERNS, st.text("abc", max_size=8))
def test_agrees_with_a_backtracking_engine(pattern: str, text: str) -> None:
    """Whole and partial matches are those of Python's own engine, where both know the syntax."""
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(text) == (re.fullmatch(pattern, text) is not None)
    assert compiled.search(text) == (re.search(pattern, text) is not None)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a?){30}b", "(.*)(.*)(.*)(.*)(.*)c", "(x+x+)+y"])
def test_what_backtracks_elsewhere_is_linear_here(pattern: str) -> None:
    """Expressions that take a backtracking engine exponential time have their answer."""
    assert not compile_pattern(pattern).search("a" * 20_000)


def test_steps_are_bounded() -> None:
    """A text on which an intricate expression takes too long is refused; a simple one reads any text."""
    text = NOISE
    with pytest.raises(TooComplexQuery):
        compile_pattern(INTRICATE).search(text)
    assert not compile_pattern("a.*c").search(text)


def test_memory_is_bounded() -> None:
    """What is remembered of an intricate expression stays small."""
    compiled = compile_pattern(INTRICATE)
    compiled.search(NOISE[:1200])
    assert len(compiled._steps) <= 1024


async def test_a_query_that_takes_too_long_is_refused(start_broker: Any) -> None:
    """403 TooComplexQuery (5.5.6), and the broker goes on."""
    async with start_broker(query_timeout_seconds=1e-9) as running:
        for number in range(3):
            await create(running.client, f"urn:ngsi-ld:Car:{number}", name="x")
        await refused(running.client, "GET", "/entities?q=name~=x.*", None, 403, "TooComplexQuery")
        await refused(
            running.client, "GET", "/temporal/entities?type=Car&timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty="
            "createdAt", None, 403, "TooComplexQuery",
        )  # fmt: skip
        await send(running.client, "GET", "/entities/urn:ngsi-ld:Car:1", None, 200)


async def test_a_subscription_with_an_intricate_pattern_stops_no_write(running: Any, receiver: Any) -> None:
    """Whoever writes is answered 201; that Subscription just does not see the Entity, others do."""
    await running.subscribe(receiver.url("/intricate"), q=f"name~={INTRICATE}")
    await running.subscribe(receiver.url("/plain"), q="name~=[ab]*")
    entity = {"id": "urn:ngsi-ld:Car:1", "type": "Car", "name": NOISE}
    answer = await running.client.post(f"{API}/entities", json=entity)
    assert answer.status_code == 201
    await receiver.wait(1, "/plain")
    assert not receiver.at("/intricate")
