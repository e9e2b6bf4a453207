"""A query in the names of another @context: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.6 and 4.9."""

from __future__ import annotations

import pytest

from ldt_stack.broker.ld_context import LdContext, core_context
from ldt_stack.broker.ld_context.context import build_context
from ldt_stack.broker.query import parse_q, renamed_q

X = "https://x.test/"
OURS = {"tempo": X + "speed", "quelle": X + "source", "halter": X + "owner", "Mensch": X + "Person"}
THEIRS = {"speed": X + "speed", "source": X + "source", "owner": X + "owner", "Person": X + "Person"}


def context(terms: dict[str, str]) -> LdContext:
    return build_context(terms, None, [(dict(terms), True)])


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("tempo", "speed"),
        ("tempo>5;tempo<=6", "speed>5;speed<=6"),
        ("(tempo==1|quelle!=2);tempo.quelle==3", "(speed==1|source!=2);speed.source==3"),
        ('tempo=="tempo";quelle=="a\\"tempo|tempo"', 'speed=="tempo";source=="a\\"tempo|tempo"'),
        ("tempo~=tempo.*;quelle", "speed~=tempo.*;source"),
        ("tempo==urn:tempo:1,urn:tempo:2", "speed==urn:tempo:1,urn:tempo:2"),
        ("tempo==1..5", "speed==1..5"),
        ("tempo.observedAt>=2020-01-01T00:00:00Z", "speed.observedAt>=2020-01-01T00:00:00Z"),
        ("tempo[tempo.quelle]==1;modifiedAt>2020-01-01", "speed[tempo.quelle]==1;modifiedAt>2020-01-01"),
        ("halter{Mensch:tempo}==1;halter{tempo}", "owner{Person:speed}==1;owner{speed}"),
        ("unknown==1", "unknown==1"),
    ],
)
def test_names_change_and_nothing_else(q: str, expected: str) -> None:
    """Values, patterns, members and system Attributes stay as they are."""
    ours, theirs = context(OURS), context(THEIRS)
    assert renamed_q(q, ours, theirs) == expected
    assert parse_q(expected, theirs) == parse_q(q, ours)


@pytest.mark.parametrize("q", ["tempo", "unknown;tempo>1", "unknown.tempo", "unknown{Mensch:unknown}"])
def test_what_the_other_context_has_no_name_for_cannot_be_said(q: str) -> None:
    """An IRI is no name of the language."""
    assert renamed_q(q, context(OURS), core_context()) is None


def test_a_name_that_means_something_else_there_is_not_used() -> None:
    """The default vocabulary does not help where the other @context has the name for another thing."""
    assert renamed_q("speed", core_context(), context(THEIRS)) is None
