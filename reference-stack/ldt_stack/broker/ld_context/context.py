"""`LdContext`: names to IRIs and back, with the core @context in the last position.

ETSI GS CIM 009 V1.9.1, clauses 4.4 and 5.5.7; JSON-LD 1.1, "Create Term Definition", "IRI Expansion" and "IRI
Compaction", as far as names go: nodes are never reshaped. Because the core counts as last, its @vocab is the default
vocabulary, also where a user @context names its own (4.4: "as if it were in the last position"); a user's @vocab still
serves the term definitions of that @context.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context.core import CORE_CONTEXT_URL, published_document
from ldt_stack.broker.ld_context.definitions import ContextBuilder, Term
from ldt_stack.broker.model.names import JsonObject, JsonValue

T = TypeVar("T")
_MAX_REMEMBERED = 10_000  # names in either direction, per context
_MAX_READ = 1000  # texts, likewise
_MAX_CHARACTERS = 1000  # of such a text; longer ones hardly come twice


class LdContext:
    """A resolved @context. Immutable; share it freely. Make one with `ContextRegistry.resolve` or `core_context`.

    Attributes:
        source: What a user would put into "@context", core not included: None, a URL, an object or a list.
        url: Where it can be had, for the Link header; None if it was given inline. The core's own URL if no source.
        documents: What it was built from, by URL; without the published core @contexts, which are always there.
    """

    __slots__ = (
        "_compacted",
        "_expanded",
        "_inverse",
        "_names",
        "_prefixes",
        "_read",
        "_terms",
        "_types",
        "_vocab",
        "documents",
        "source",
        "url",
    )

    def __init__(
        self,
        source: JsonValue,
        url: str | None,
        terms: Mapping[str, Term],
        vocab: str,
        documents: Mapping[str, JsonObject] | None = None,
    ) -> None:
        self.source = source
        self.url = url
        self.documents: Mapping[str, JsonObject] = documents or {}
        self._terms = terms
        self._vocab = vocab
        self._compacted: dict[str, str] = {}
        self._expanded: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._types: dict[str, tuple[str]] = {}
        self._inverse: dict[str, str] | None = None
        self._prefixes: tuple[tuple[str, str], ...] = ()
        self._read: dict[Hashable, Any] = {}

    def read(self, parse: Callable[..., T], text: str, *more: Hashable) -> T:
        """What `parse(text, self, *more)` makes of a text, e.g. a query whose names this @context expands.

        Often asked for, so it is remembered, for a while: it must say the same to all, and depend on nothing else.
        """
        key = (parse, text, *more)
        found: T | None = self._read.get(key)
        if found is None:
            found = parse(text, self, *more)
            if len(text) <= _MAX_CHARACTERS:
                if len(self._read) >= _MAX_READ:
                    self._read.clear()
                self._read[key] = found
        return found

    @property
    def rendered(self) -> JsonValue:
        """What an application/ld+json answer carries as "@context": the user's own, then the core (4.4, 5.2.3)."""
        if self.source is None:
            return CORE_CONTEXT_URL
        own = self.source if isinstance(self.source, list) else [self.source]
        return [*own, CORE_CONTEXT_URL]

    def expand_term(self, term: str) -> str:
        """A short name, compact IRI or IRI as an IRI; the default vocabulary comes last (5.5.7).

        Raises:
            BadRequestData: The name is empty, a keyword, or mapped to null or to a keyword by the @context.
        """
        known = self._expanded.get(term)
        if known is None:
            known = self._expand(term)
            if len(self._expanded) < _MAX_REMEMBERED:
                self._expanded[term] = known
        return known

    @property
    def known_names(self) -> Mapping[str, str]:
        """Names of Attributes of Entities (4.5.1, 4.6.2) that came up already -> IRI; for loops over many."""
        return self._names

    @property
    def known_types(self) -> Mapping[str, tuple[str]]:
        """Names of Entity Types that came up already, alone -> IRI, alone."""
        return self._types

    def remember_type(self, name: str, iri: str) -> None:
        """A name of an Entity Type, for `known_types`."""
        if len(self._types) < _MAX_REMEMBERED:
            self._types[name] = (iri,)

    def remember_name(self, name: str, iri: str) -> None:
        """A name of an Attribute of an Entity, for `known_names`."""
        if len(self._names) < _MAX_REMEMBERED:
            self._names[name] = iri

    def _expand(self, term: str) -> str:
        definition = self._terms.get(term)
        if definition is not None:
            if definition.iri is None or definition.iri.startswith("@"):
                raise BadRequestData(f'The name "{term}" is mapped to nothing by the @context; it names no IRI')
            return definition.iri
        prefix, colon, suffix = term.partition(":")
        if colon:
            if prefix and not suffix.startswith("//"):
                base = self._terms.get(prefix)
                if base is not None and base.prefix and base.iri is not None:
                    return base.iri + suffix
            return term
        if not term or term.startswith("@"):
            raise BadRequestData(f'"{term}" is no name: expected a term, a compact IRI or an IRI')
        return self._vocab + term

    def expand_vocab(self, value: str) -> str:
        """The value of a VocabProperty, an objectType or a valueType as an IRI ("@type": "@vocab")."""
        return self.expand_term(value)

    @property
    def known_short_names(self) -> Mapping[str, str]:
        """IRI -> short name, as far as they were asked for; for loops over many."""
        return self._compacted

    def compact_iri(self, iri: str) -> str:
        """The shortest name of an IRI in this @context; the IRI itself if it has none (5.5.7)."""
        known = self._compacted.get(iri)
        if known is None:
            known = self._compact(iri)
            if len(self._compacted) < _MAX_REMEMBERED:
                self._compacted[iri] = known
        return known

    def _compact(self, iri: str) -> str:
        if self._inverse is None:
            self._prepare_compaction()
        term = (self._inverse or {}).get(iri)
        if term is not None:
            return term
        if iri.startswith(self._vocab):
            suffix = iri[len(self._vocab) :]
            # A suffix with a colon would read as a compact IRI or an IRI when it comes back.
            if suffix and ":" not in suffix and not suffix.startswith("@") and suffix not in self._terms:
                return suffix
        candidates = []
        for name, base in self._prefixes:
            if iri.startswith(base) and len(iri) > len(base):
                compact = f"{name}:{iri[len(base) :]}"
                if compact not in self._terms and not iri[len(base) :].startswith("//"):
                    candidates.append(compact)
        return min(candidates, key=_shortest_first, default=iri)

    def _prepare_compaction(self) -> None:
        inverse: dict[str, str] = {}
        for name, term in self._terms.items():
            if term.iri is not None and not term.iri.startswith("@"):
                known = inverse.get(term.iri)
                if known is None or _shortest_first(name) < _shortest_first(known):
                    inverse[term.iri] = name
        self._prefixes = tuple((n, t.iri) for n, t in self._terms.items() if t.prefix and t.iri is not None)
        self._inverse = inverse


def _shortest_first(name: str) -> tuple[int, str]:
    return len(name), name


@cache
def core_context() -> LdContext:
    """The core @context alone: what applies where a request brings none (5.5.5)."""
    document = published_document(CORE_CONTEXT_URL)
    if document is None:
        raise RuntimeError("The core @context is missing from the package; reinstall it")
    builder = ContextBuilder({}, None)
    builder.process(document["@context"], scoped_allowed=True)
    vocab: str = document["@context"]["@vocab"]
    return LdContext(None, CORE_CONTEXT_URL, builder.terms, vocab)


def build_context(
    source: JsonValue,
    url: str | None,
    locals_: Sequence[tuple[JsonObject | None, bool]],
    documents: Mapping[str, JsonObject] | None = None,
) -> LdContext:
    """Process local contexts in order, the core before (its prefixes can be used) and after them (it wins).

    Args:
        source: What the request said.
        url: Where `source` can be had.
        locals_: Context objects with whether scoped contexts are allowed in them; None resets (a null context).
        documents: Where they come from.

    Raises:
        BadRequestData: A context is malformed, or has a scoped context where none is allowed (5.5.7).
    """
    core = core_context()
    builder = ContextBuilder(core._terms, core._vocab)
    for local, scoped_allowed in locals_:
        if local is None:
            builder = ContextBuilder(core._terms, core._vocab)
        else:
            builder.process(local, scoped_allowed=scoped_allowed)
    return LdContext(source, url, {**builder.terms, **core._terms}, core._vocab, documents)
