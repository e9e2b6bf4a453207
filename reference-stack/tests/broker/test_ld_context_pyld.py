"""A second opinion on JSON-LD: expansion and compaction of names agree with PyLD on generated @contexts.

Where this broker deviates on purpose it is said in the test: keyword aliases and names mapped to null are refused, and
prefixes of the core can be used in a user @context.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyld import jsonld

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, ContextRegistry, LdContext, core_context
from ldt_stack.broker.ld_context.core import published_document
from ldt_stack.broker.outbound import Outbound
from ldt_stack.broker.service import system_clock
from ldt_stack.broker.settings import BrokerSettings


def load(url: str, options: Any = None) -> dict[str, Any]:
    """PyLD's document loader: published contexts alone."""
    document = published_document(url)
    assert document is not None, f"PyLD wants {url}"
    return {"contextUrl": None, "documentUrl": url, "document": document, "contentType": "application/ld+json"}


def resolve(context: Any) -> LdContext:
    """The broker's reading of a @context."""
    settings_ = BrokerSettings()
    return asyncio.run(ContextRegistry(settings_, system_clock, Outbound(settings_.address_policy)).resolve(context))


def unprotected_core() -> dict[str, Any]:
    """The core @context for the first position: a user @context may say something else, the core wins in the end."""
    core = dict((published_document(CORE_CONTEXT_URL) or {})["@context"])
    core.pop("@protected")
    return core


def pyld_expand(context: Any, name: str) -> str | None:
    """The IRI that PyLD makes of a property name; None if it drops it."""
    document = {"@context": [unprotected_core(), context, CORE_CONTEXT_URL], "@id": "urn:x:1", name: {"@id": "urn:y:1"}}
    expanded = jsonld.expand(document, {"documentLoader": load})
    names = [key for key in (expanded[0] if expanded else {}) if not key.startswith("@")]
    return names[0] if names else None


def pyld_compact(context: Any, iri: str) -> str:
    """The name that PyLD gives a property IRI (of a node object, so that no coercion plays a part)."""
    whole = [unprotected_core(), context, CORE_CONTEXT_URL]
    document = {"@id": "urn:x:1", iri: [{"@id": "urn:y:1", "urn:z:1": [{"@value": 1}]}]}
    compacted = jsonld.compact(document, whole, {"documentLoader": load})
    return next(key for key in compacted if key not in {"@context", "id", "@id"})


NAMES = st.sampled_from(["speed", "name", "Car", "ex", "other", "a", "bb", "location", "größe", "x1"])
BASES = st.sampled_from(["https://example.org/", "https://example.org/ns#", "urn:ex:", "https://other.test/v1/"])
IRIS = st.builds(lambda base, name: base + name, BASES, NAMES)
COMPACT = st.builds(lambda prefix, name: f"{prefix}:{name}", st.sampled_from(["ex", "other", "ngsi-ld", "none"]), NAMES)
DEFINITIONS = st.one_of(
    IRIS,
    BASES,
    COMPACT,
    st.builds(lambda iri: {"@id": iri}, st.one_of(IRIS, COMPACT)),
    st.builds(
        lambda iri, kind: {"@id": iri, "@type": kind}, IRIS, st.sampled_from(["@id", "@vocab", "https://x.test/T"])
    ),
    st.builds(lambda base: {"@id": base, "@prefix": True}, BASES),
)
CONTEXTS = st.dictionaries(NAMES, DEFINITIONS, max_size=5).flatmap(
    lambda terms: st.one_of(st.just(terms), BASES.map(lambda base: {"@vocab": base, **terms}))
)
MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def both(context: Any) -> LdContext:
    """The broker's @context, where both sides take it; both must refuse the same (cyclic definitions)."""
    try:
        ours = resolve(context)
    except BadRequestData:
        with pytest.raises(jsonld.JsonLdError):
            pyld_expand(context, "speed")
        assume(False)
        raise
    return ours


@MANY
@given(CONTEXTS, st.one_of(NAMES, COMPACT, IRIS))
def test_expansion_agrees(context: Any, name: str) -> None:
    """Short names, compact IRIs and IRIs become the same IRI."""
    ours = both(context)
    expected = pyld_expand(context, name)
    assume(expected is not None)
    assert ours.expand_term(name) == expected


@MANY
@given(CONTEXTS, st.one_of(IRIS, NAMES.map(lambda name: core_context().expand_term(name))))
def test_compaction_agrees(context: Any, iri: str) -> None:
    """IRIs become the same names, but where PyLD prefers a longer term because of a coercion."""
    ours = both(context)
    coerced = {name for name, value in context.items() if isinstance(value, dict) and "@type" in value}
    assume(not any(ours.expand_term(name) == iri for name in coerced))
    assert ours.compact_iri(iri) == pyld_compact(context, iri)


@MANY
@given(CONTEXTS, st.one_of(IRIS, NAMES.map(lambda name: core_context().expand_term(name))))
def test_names_come_back(context: Any, iri: str) -> None:
    """What an IRI was compacted to expands to that IRI again, with the very same @context."""
    ours = both(context)
    assert ours.expand_term(ours.compact_iri(iri)) == iri


def test_every_core_term_agrees() -> None:
    """Each term of the core @context expands as PyLD expands it, and back to itself."""
    core = core_context()
    terms = [term for term in unprotected_core() if not term.startswith("@") and term not in {"id", "type"}]
    document = {"@context": CORE_CONTEXT_URL, "@id": "urn:x:1", "@type": terms}
    expanded = jsonld.expand(document, {"documentLoader": load})[0]["@type"]
    assert len(terms) > 190
    for term, iri in zip(terms, expanded, strict=True):
        assert core.expand_term(term) == iri
        assert core.expand_term(core.compact_iri(iri)) == iri


@pytest.mark.parametrize("context", [{"mine": "@id"}, {"mine": None}, {"mine": {"@id": None}}])
def test_names_that_name_nothing_are_refused(context: Any) -> None:
    """A keyword alias, or a name mapped to null, names no Attribute: an error, where JSON-LD would drop the data."""
    with pytest.raises(BadRequestData):
        resolve(context).expand_term("mine")


def test_null_resets() -> None:
    """A null in an array forgets what came before, but never the core."""
    context = resolve([{"speed": "https://example.org/speed"}, None, {"name": "https://example.org/name"}])
    assert context.expand_term("name") == "https://example.org/name"
    assert context.expand_term("speed") == core_context().expand_term("speed")
    assert context.expand_term("location") == core_context().expand_term("location")
