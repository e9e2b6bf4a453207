"""PyLD as a second opinion on names, and @contexts and Entities to ask it about.

The core @context stands first for PyLD (a user @context may use its prefixes) and last (it wins, 4.4 and 5.5.7); the
first one is not protected, because JSON-LD would otherwise refuse a user @context that redefines a core term.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from pyld import jsonld

from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, ContextRegistry, LdContext
from ldt_stack.broker.ld_context.core import published_document
from ldt_stack.broker.outbound import Outbound
from ldt_stack.broker.service import system_clock
from ldt_stack.broker.settings import BrokerSettings

CORE = "https://uri.etsi.org/ngsi-ld/"
Documents = Mapping[str, Any]
"""Remote documents by URL, which both sides read."""
NO_DOCUMENTS: Documents = {}


def unprotected_core() -> dict[str, Any]:
    """The core @context for the first position."""
    core = dict((published_document(CORE_CONTEXT_URL) or {})["@context"])
    core.pop("@protected")
    return core


def _options(documents: Documents) -> dict[str, Any]:
    def load(url: str, _: Any = None) -> dict[str, Any]:
        document = documents.get(url) or published_document(url)
        if document is None:
            raise jsonld.JsonLdError(
                f"no document at {url}", "jsonld.LoadDocumentError", code="loading document failed"
            )
        return {"contextUrl": None, "documentUrl": url, "document": document, "contentType": "application/ld+json"}

    return {"documentLoader": load, "base": None}


def whole(context: Any) -> list[Any]:
    """A user @context between the two cores; where else it names the core changes nothing (5.5.7).

    A null resets to the core, not to nothing.
    """
    core = unprotected_core()
    own = [one for one in (context if isinstance(context, list) else [context]) if one != CORE_CONTEXT_URL]
    return [core, *(part for one in own for part in ([None, core] if one is None else [one])), CORE_CONTEXT_URL]


def pyld_expanded(context: Any, document: Mapping[str, Any], documents: Documents = NO_DOCUMENTS) -> dict[str, Any]:
    """What PyLD expands a node object to, {} if nothing is left."""
    expanded = jsonld.expand({"@context": whole(context), **document}, _options(documents))
    return dict(expanded[0]) if expanded else {}


def pyld_expand(context: Any, name: str, documents: Documents = NO_DOCUMENTS) -> str | None:
    """The IRI that PyLD makes of a property name; None if it drops it."""
    try:
        expanded = pyld_expanded(context, {"@id": "urn:x:1", name: {"@id": "urn:y:1"}}, documents)
    except jsonld.JsonLdError as error:
        if error.code in {"colliding keywords", "invalid type value"}:
            return None  # the name is an alias of @id or @type, which a node cannot be the value of
        raise
    names = [key for key in expanded if not key.startswith("@")]
    return names[0] if names else None


def pyld_compact(context: Any, iri: str, documents: Documents = NO_DOCUMENTS) -> str:
    """The name that PyLD gives a property IRI (of a node object, so that no coercion plays a part)."""
    document = {"@id": "urn:x:1", iri: [{"@id": "urn:y:1", "urn:z:1": [{"@value": 1}]}]}
    compacted = jsonld.compact(document, whole(context), _options(documents))
    return next(key for key, value in compacted.items() if key != "@context" and not isinstance(value, str))


def resolve(context: Any, documents: Documents = NO_DOCUMENTS) -> LdContext:
    """The broker's reading of a @context; its remote documents are "hosted"."""

    async def resolved() -> LdContext:
        limits = BrokerSettings()
        registry = ContextRegistry(limits, system_clock, Outbound(limits.address_policy))

        async def hosted(url: str) -> Any:
            return documents.get(url)

        registry.hosted = hosted
        try:
            return await registry.resolve(context)
        finally:
            await registry.close()

    return asyncio.run(resolved())


NAMES = st.sampled_from(
    ["speed", "name", "Car", "ex", "other", "a", "bb", "location", "größe", "x1", "value", "Property"]
)
BASES = st.sampled_from(["https://example.org/", "https://example.org/ns#", "urn:ex:", "https://other.test/v1/", CORE])
IRIS = st.builds(lambda base, name: base + name, BASES, NAMES)
PREFIXES = st.sampled_from(["ex", "other", "ngsi-ld", "none", "a"])
COMPACT = st.builds(lambda prefix, name: f"{prefix}:{name}", PREFIXES, NAMES)
TYPES = st.sampled_from(["@id", "@vocab", "@json", "@none", "https://x.test/T", "ex:T", "DateTime"])
CONTAINERS = st.sampled_from(["@list", "@set", "@language", "@index", ["@set"], ["@index", "@set"]])


def _object_definition(parts: tuple[Any, Any, Any, Any]) -> dict[str, Any]:
    names = ("@id", "@type", "@container", "@prefix")
    return {name: part for name, part in zip(names, parts, strict=True) if part is not None}


DEFINITIONS = st.one_of(
    IRIS,
    BASES,
    COMPACT,
    NAMES,
    st.tuples(
        st.none() | IRIS | COMPACT | BASES | NAMES,
        st.none() | TYPES,
        st.none() | CONTAINERS,
        st.none() | st.booleans(),
    ).map(_object_definition),
    st.none(),
    st.sampled_from(["@id", "@type"]),
    st.just({"@id": None}),
)
# No compact IRI of the core: PyLD would read the core that comes last in the light of what it is mapped to.
KEYS = st.one_of(NAMES, NAMES, NAMES, COMPACT.filter(lambda name: not name.startswith("ngsi-ld:")))
VOCABS = st.one_of(BASES, st.sampled_from(["ex:", "ngsi-ld:default-context/"]), st.none())


def _with_options(terms: dict[str, Any], vocab: list[Any], extra: dict[str, Any]) -> dict[str, Any]:
    return {**extra, **({"@vocab": vocab[0]} if vocab else {}), **terms}


OBJECTS = st.builds(
    _with_options,
    st.dictionaries(KEYS, DEFINITIONS, max_size=5),
    st.lists(VOCABS, max_size=1),
    st.sampled_from([{}, {}, {"@version": 1.1}, {"@language": "en"}, {"@base": "https://base.test/x/"}]),
)
URLS = [
    "https://contexts.test/one.jsonld",
    "https://contexts.test/dir/two.jsonld",
    "https://contexts.test/dir/three.jsonld",
]
LEAVES = st.one_of(OBJECTS, OBJECTS, st.sampled_from([*URLS, CORE_CONTEXT_URL]), st.none())
CONTEXTS = st.one_of(OBJECTS, LEAVES, st.lists(LEAVES, max_size=4))


def _documents(contexts: tuple[Any, Any, Any]) -> dict[str, Any]:
    return {url: {"@context": context} for url, context in zip(URLS, contexts, strict=True)}


# The third document refers to nothing, the second to the third (by a relative URL), the first to both.
DOCUMENTS = st.tuples(
    st.one_of(OBJECTS, st.lists(st.one_of(OBJECTS, st.sampled_from(["dir/two.jsonld", URLS[2]])), max_size=3)),
    st.one_of(OBJECTS, st.lists(st.one_of(OBJECTS, st.just("three.jsonld")), max_size=3)),
    st.one_of(OBJECTS, st.lists(OBJECTS, max_size=2)),
).map(_documents)
