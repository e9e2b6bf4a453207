"""A second opinion on JSON-LD: expansion and compaction of names agree with PyLD on generated @contexts (5.5.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyld import jsonld

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import LdContext, core_context
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import read_entity

from .jsonld_oracle import (
    COMPACT,
    CONTEXTS,
    CORE,
    DOCUMENTS,
    IRIS,
    NAMES,
    URLS,
    Documents,
    pyld_compact,
    pyld_expand,
    pyld_expanded,
    resolve,
    unprotected_core,
)

MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def refusal(read: Callable[[], object], *kind: type[Exception]) -> Exception | None:
    """The exception of a kind that something raises, or None."""
    try:
        read()
    except kind as error:
        return error
    return None


def both(context: Any, documents: Documents) -> LdContext:
    """The broker's @context, where both sides take it; both must refuse the same."""
    theirs = refusal(lambda: pyld_expand(context, "probe", documents), jsonld.JsonLdError, KeyError, TypeError)
    # PyLD fails on a second "@vocab": null (KeyError) and on a term whose prefix is mapped to null (TypeError), and
    # calls a document that is referred to twice a cycle; JSON-LD 1.1 (4.1.2, step 5.2) does not.
    failed = isinstance(theirs, KeyError | TypeError)
    assume(not failed and getattr(theirs, "code", None) != "context overflow")
    ours = refusal(lambda: resolve(context, documents), BadRequestData)
    assert (ours is None) == (theirs is None), f"the broker says {ours}, PyLD says {theirs}"
    assume(ours is None)
    return resolve(context, documents)


@MANY
@given(CONTEXTS, DOCUMENTS, st.one_of(NAMES, COMPACT, IRIS))
def test_expansion_agrees(context: Any, documents: Documents, name: str) -> None:
    """Short names, compact IRIs and IRIs become the same IRI; a name that JSON-LD drops is refused."""
    ours = both(context, documents)
    expected = pyld_expand(context, name, documents)
    if expected is None:
        with pytest.raises(BadRequestData):
            ours.expand_term(name)
    else:
        assert ours.expand_term(name) == expected


@MANY
@given(CONTEXTS, DOCUMENTS, st.one_of(IRIS, NAMES.map(lambda name: core_context().expand_term(name))))
def test_compaction_comes_back(context: Any, documents: Documents, iri: str) -> None:
    """What an IRI was compacted to expands to that IRI again, here and with PyLD."""
    ours = both(context, documents)
    name = ours.compact_iri(iri)
    assert ours.expand_term(name) == iri
    assert pyld_expand(context, name, documents) == iri


def plain(context: Any) -> Any:
    """A @context whose terms say nothing of values."""
    if isinstance(context, list):
        return [plain(one) for one in context]
    if not isinstance(context, dict):
        return context
    return {
        name: {key: part for key, part in term.items() if key not in {"@type", "@container"}}
        if isinstance(term, dict)
        else term
        for name, term in context.items()
    }


@MANY
@given(CONTEXTS.map(plain), DOCUMENTS, st.one_of(IRIS, NAMES.map(lambda name: core_context().expand_term(name))))
def test_compaction_agrees(context: Any, documents: Documents, iri: str) -> None:
    """IRIs become the same names, where no term has a coercion.

    JSON-LD gives a value no term whose "@type" or "@container" does not suit it, and takes another name or the IRI.
    What the term of an Attribute says concerns what the Attribute holds (4.4), while the Attribute itself is a node:
    here any of its terms serves.
    """
    documents = {url: {"@context": plain(document["@context"])} for url, document in documents.items()}
    ours = both(context, documents)
    assert ours.compact_iri(iri) == pyld_compact(context, iri, documents)


CORE_TERMS = {pyld_expand({}, term, {}) for term in unprotected_core() if not term.startswith("@")}
EMPTY = {url: {"@context": {}} for url in URLS}
ATTRIBUTES = NAMES.filter(lambda name: name not in {"value", "type"})


@MANY
@given(CONTEXTS.map(plain), ATTRIBUTES, ATTRIBUTES, ATTRIBUTES, NAMES, NAMES)
def test_entities_agree(context: Any, name: str, inner: str, vocab: str, kind: str, value: str) -> None:
    """Types, Attributes, sub-Attributes and vocab values of an Entity become the IRIs of its JSON-LD expansion."""
    assume(len({name, vocab}) == 2)
    entity = {
        "id": "urn:ngsi-ld:Thing:1",
        "type": [kind, "Thing"],
        name: {
            "type": "Property",
            "value": 1,
            inner: {"type": "Relationship", "object": "urn:x:2", "objectType": kind},
        },
        vocab: {"type": "VocabProperty", "vocab": [value, "Thing"]},
    }
    ours = both(context, EMPTY)
    names = {one: pyld_expand(context, one, EMPTY) or "" for one in (name, inner, vocab)}
    if not all(names.values()) or None in {pyld_expand(context, one, EMPTY) for one in (kind, value)}:
        with pytest.raises(BadRequestData):
            read_entity(entity, AttributeReader(ours))
        return
    assume(names[name] != names[vocab])
    # None is a term of the core itself: some of them are no names for Attributes, others are those of GeoProperties.
    assume(CORE_TERMS.isdisjoint(names.values()))
    theirs = pyld_expanded(context, entity, EMPTY)
    fragment = read_entity(entity, AttributeReader(ours))
    assert list(fragment.types) == list(dict.fromkeys(theirs["@type"]))
    assert set(fragment.attributes) == {key for key in theirs if not key.startswith("@")}
    (property_,), (relationship,) = fragment.attributes[names[name]], theirs[names[name]][0][names[inner]]
    assert property_[names[inner]][0]["objectType"] == relationship[f"{CORE}hasObjectType"][0]["@id"]
    (vocab_property,) = fragment.attributes[names[vocab]]
    assert vocab_property["vocab"] == [one["@id"] for one in theirs[names[vocab]][0][f"{CORE}hasVocab"]]


def test_every_core_term_agrees() -> None:
    """Each term of the core @context expands as PyLD expands it, and back to itself."""
    core = core_context()
    terms = [term for term in unprotected_core() if not term.startswith("@") and term not in {"id", "type"}]
    expanded = pyld_expanded({}, {"@id": "urn:x:1", "@type": terms})["@type"]
    assert len(terms) > 190
    for term, iri in zip(terms, expanded, strict=True):
        assert core.expand_term(term) == iri
        assert core.expand_term(core.compact_iri(iri)) == iri


@pytest.mark.parametrize(
    "context",
    [
        {"mine": "@id"},
        {"mine": "id"},
        {"mine": None},
        {"mine": {"@id": None}},
        {"mine": {"@reverse": "https://x.test/p"}},
    ],
)
def test_names_that_name_nothing_are_refused(context: Any) -> None:
    """A keyword alias, a name mapped to null, a reverse property: refused, where JSON-LD drops or reshapes."""
    with pytest.raises(BadRequestData):
        resolve(context).expand_term("mine")


@pytest.mark.parametrize(
    "context",
    [
        {"mine": {"@id": "https://x.test/p", "@container": 5}},
        {"mine": {"@id": "https://x.test/p", "@container": [{}]}},
        {"mine": {"@id": "https://x.test/p", "@container": "@none"}},
        {"mine": {"@id": "https://x.test/p", "@container": ["@list", "@set"]}},
        {"mine": {"@id": "https://x.test/p", "@prefix": "yes"}},
        {"mine": {"@id": "https://x.test/p", "@type": "@foo"}},
        {"mine": {"@id": "https://x.test/p", "unknown": 1}},
        {"mine": {"@id": "https://x.test/p", "@language": 5}},
        {"mine": {"@id": "https://x.test/p", "@index": "https://x.test/i"}},
        {"mine": {"@id": "https://x.test/p", "@nest": "@id"}},
        {"mine": {"@id": 5}},
        {"mine": {"@reverse": "https://x.test/p", "@id": "https://x.test/q"}},
        {"mine": {"@reverse": "https://x.test/p", "@container": "@list"}},
        {"mine": "@context"},
        {"mine": ["https://x.test/p"]},
        {"": "https://x.test/p"},
        {"@type": "https://x.test/p"},
        {"@id": "https://x.test/p"},
        {"ex:speed": "https://x.test/speed"},
        {"a": "b:x", "b": "a:x"},
        {"@vocab": 5},
        {"@version": 1.0},
        {"@language": 5},
        {"@base": 5},
        {"@direction": []},
        {"@import": 5},
        5,
    ],
)
def test_an_invalid_context_is_refused(context: Any) -> None:
    """What JSON-LD 1.1 calls an error is BadRequestData (5.5.6), for us as for PyLD."""
    with pytest.raises(BadRequestData):
        resolve(context)
    with pytest.raises((jsonld.JsonLdError, TypeError)):
        pyld_expand(context, "mine")


@pytest.mark.parametrize("context", [{"@protected": "yes"}, {"mine": {"@id": "https://x.test/p", "@protected": 1}}])
def test_protected_is_a_boolean(context: Any) -> None:
    """As JSON-LD 1.1 says (4.2.2, step 11), though PyLD takes anything."""
    with pytest.raises(BadRequestData):
        resolve(context)


@pytest.mark.parametrize(
    "context",
    [
        {"mine": {"@id": "https://x.test/p", "@context": {"value": "https://x.test/evil"}}},
        [{"@propagate": False, "mine": "https://x.test/p"}],
        {"mine": {"@id": "https://x.test/p", "@context": None}},
    ],
)
def test_what_would_reshape_is_refused(context: Any) -> None:
    """Scoped @contexts (5.5.7), and one that does not reach into Attributes, could hide core terms."""
    with pytest.raises(BadRequestData):
        resolve(context)


def test_import_is_merged() -> None:
    """An imported @context is read as if its entries stood in the importing one, which override them."""
    documents = {"https://contexts.test/base.jsonld": {"@context": {"ex": "https://x.test/", "a": "ex:a", "b": "ex:b"}}}
    context = {"@import": "https://contexts.test/base.jsonld", "ex": "https://y.test/", "b": "ex:c"}
    ours = resolve(context, documents)
    for name in ("a", "b", "ex:z"):
        assert ours.expand_term(name) == pyld_expand(context, name, documents)
    assert ours.expand_term("a") == "https://y.test/a"


@pytest.mark.parametrize("imported", [{"@import": "https://contexts.test/other.jsonld"}, ["https://x.test/c"], None])
def test_an_import_that_is_no_plain_context_is_refused(imported: Any) -> None:
    """An imported document holds one context object, which imports nothing itself."""
    documents = {"https://contexts.test/base.jsonld": {"@context": imported}}
    with pytest.raises(BadRequestData):
        resolve({"@import": "https://contexts.test/base.jsonld"}, documents)


def test_the_first_user_context_may_redefine_a_protected_term_of_the_second() -> None:
    """Precedence is the core's alone (5.5.7): "@protected" of a user @context stops nobody."""
    context = [{"@protected": True, "mine": "https://x.test/1"}, {"mine": "https://x.test/2"}]
    assert resolve(context).expand_term("mine") == "https://x.test/2"


def test_null_resets() -> None:
    """A null in an array forgets what came before, but never the core."""
    context = resolve([{"speed": "https://example.org/speed"}, None, {"name": "https://example.org/name"}])
    assert context.expand_term("name") == "https://example.org/name"
    assert context.expand_term("speed") == core_context().expand_term("speed")
    assert context.expand_term("location") == core_context().expand_term("location")
