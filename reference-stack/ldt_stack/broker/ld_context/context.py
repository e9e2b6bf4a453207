"""`LdContext`: names to IRIs and back, with the core @context in the last position.

ETSI GS CIM 009 V1.9.1, clauses 4.4 and 5.5.7; JSON-LD 1.1, "Create Term Definition", "IRI Expansion" and "IRI
Compaction", as far as names go: nodes are never reshaped. Because the core counts as last, its @vocab is the default
vocabulary, also where a user @context names its own (4.4: "as if it were in the last position"); a user's @vocab still
serves the term definitions of that @context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context.core import CORE_CONTEXT_URL, published_document
from ldt_stack.broker.model.names import JsonObject, JsonValue

_GEN_DELIMS = frozenset(":/?#[]@")
_MAX_COMPACTIONS = 10_000  # remembered per context


@dataclass(frozen=True, slots=True)
class Term:
    """What a @context says about a name. `iri` is None where the name is mapped to null or to a keyword."""

    iri: str | None
    coercion: str | None = None  # "@id", "@vocab", "@json" or a datatype IRI
    container: frozenset[str] = frozenset()
    prefix: bool = False


class LdContext:
    """A resolved @context. Immutable; share it freely. Make one with `ContextRegistry.resolve` or `core_context`.

    Attributes:
        source: What a user would put into "@context", core not included: None, a URL, an object or a list.
        url: Where it can be had, for the Link header; None if it was given inline. The core's own URL if no source.
    """

    __slots__ = ("_compacted", "_inverse", "_prefixes", "_terms", "_vocab", "source", "url")

    def __init__(self, source: JsonValue, url: str | None, terms: Mapping[str, Term], vocab: str) -> None:
        self.source = source
        self.url = url
        self._terms = terms
        self._vocab = vocab
        self._compacted: dict[str, str] = {}
        self._inverse: dict[str, str] | None = None
        self._prefixes: tuple[tuple[str, str], ...] = ()

    @property
    def rendered(self) -> JsonValue:
        """What an application/ld+json answer carries as "@context": the user's own, then the core (4.4, 5.2.3)."""
        if self.source is None:
            return CORE_CONTEXT_URL
        own = self.source if isinstance(self.source, list) else [self.source]
        return [*own, CORE_CONTEXT_URL]

    def term(self, name: str) -> Term | None:
        """What the @context says about a name, or None."""
        return self._terms.get(name)

    def coercion(self, name: str) -> str | None:
        """The "@type" of a term's definition: "@id", "@vocab", "@json", a datatype IRI, or None."""
        term = self._terms.get(name)
        return None if term is None else term.coercion

    def expand_term(self, term: str) -> str:
        """A short name, compact IRI or IRI as an IRI; the default vocabulary comes last (5.5.7).

        Raises:
            BadRequestData: The name is empty, a keyword, or mapped to null or to a keyword by the @context.
        """
        definition = self._terms.get(term)
        if definition is not None:
            if definition.iri is None:
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

    def compact_iri(self, iri: str) -> str:
        """The shortest name of an IRI in this @context; the IRI itself if it has none (5.5.7)."""
        known = self._compacted.get(iri)
        if known is None:
            known = self._compact(iri)
            if len(self._compacted) < _MAX_COMPACTIONS:
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


class _Builder:
    """An active context of JSON-LD 1.1 that local contexts are processed into, one after the other."""

    def __init__(self, terms: Mapping[str, Term], vocab: str | None) -> None:
        self.terms = dict(terms)
        self.vocab = vocab

    def process(self, local: JsonObject, *, scoped_allowed: bool) -> None:
        """JSON-LD 1.1 "Context Processing" of one context object."""
        if "@import" in local:
            raise BadRequestData('"@import" in a @context is not supported: list both @contexts in an array')
        if "@vocab" in local:
            self.vocab = self._read_vocab(local["@vocab"])
        defined: dict[str, bool] = {}
        for name in local:
            if not name.startswith("@"):
                self._define(name, local, defined, scoped_allowed=scoped_allowed)

    def _read_vocab(self, value: JsonValue) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequestData('"@vocab" of a @context is no string; expected an IRI')
        expanded = self._expand(value, {}, {}, scoped_allowed=False) if value else self.vocab
        if expanded is None or ":" not in expanded:
            raise BadRequestData(f'"@vocab" of a @context is no IRI: "{value}"')
        return expanded

    def _define(self, name: str, local: JsonObject, defined: dict[str, bool], *, scoped_allowed: bool) -> None:
        """JSON-LD 1.1 "Create Term Definition"; True in `defined` is done, False is begun."""
        if name in defined:
            if defined[name]:
                return
            raise BadRequestData(f'The @context defines "{name}" by way of itself')
        if not name:
            raise BadRequestData("The @context defines an empty term")
        defined[name] = False
        value = local[name]
        self.terms.pop(name, None)
        simple = isinstance(value, str)
        definition: JsonObject = {"@id": value} if simple or value is None else value
        if not isinstance(definition, dict):
            raise BadRequestData(f'The @context defines "{name}" by neither an IRI, an object nor null')
        if "@context" in definition and not scoped_allowed:
            raise BadRequestData(f'The @context defines "{name}" with a scoped @context, which clause 5.5.7 rules out')
        iri = self._iri_of(name, definition, local, defined, scoped_allowed=scoped_allowed)
        coercion = definition.get("@type")
        if coercion is not None and not isinstance(coercion, str):
            raise BadRequestData(f'"@type" of "{name}" in the @context is no string')
        if coercion is not None and not coercion.startswith("@"):
            coercion = self._expand(coercion, local, defined, scoped_allowed=scoped_allowed)
        container = definition.get("@container") or ()
        containers = frozenset([container] if isinstance(container, str) else container)
        prefix = definition.get("@prefix") is True or (
            simple and iri is not None and iri[-1:] in _GEN_DELIMS and ":" not in name and "/" not in name
        )
        self.terms[name] = Term(iri, coercion, containers, prefix)
        defined[name] = True

    def _iri_of(
        self, name: str, definition: JsonObject, local: JsonObject, defined: dict[str, bool], *, scoped_allowed: bool
    ) -> str | None:
        identifier = definition.get("@id", definition.get("@reverse", name))
        if identifier is None:
            return None
        if not isinstance(identifier, str):
            raise BadRequestData(f'"@id" of "{name}" in the @context is no string')
        if identifier == name:
            prefix, colon, suffix = name.partition(":")
            if colon and prefix in local:
                self._define(prefix, local, defined, scoped_allowed=scoped_allowed)
            if colon and prefix in self.terms:
                return (self.terms[prefix].iri or "") + suffix
            iri = name if colon else None if self.vocab is None else self.vocab + name
        else:
            iri = self._expand(identifier, local, defined, scoped_allowed=scoped_allowed)
            if iri is not None and iri.startswith("@"):
                return None  # an alias of a keyword: no name of an Attribute or a type
        if iri is None or ":" not in iri:
            raise BadRequestData(f'The @context maps "{name}" to "{identifier}", which is no IRI')
        return iri

    def _expand(self, value: str, local: JsonObject, defined: dict[str, bool], *, scoped_allowed: bool) -> str | None:
        """JSON-LD 1.1 "IRI Expansion", relative to the vocabulary."""
        if value.startswith("@"):
            return value
        if value in local and not defined.get(value):
            self._define(value, local, defined, scoped_allowed=scoped_allowed)
        known = self.terms.get(value)
        if known is not None:
            return known.iri
        prefix, colon, suffix = value.partition(":")
        if colon and prefix:
            if prefix == "_" or suffix.startswith("//"):
                return value
            if prefix in local and not defined.get(prefix):
                self._define(prefix, local, defined, scoped_allowed=scoped_allowed)
            base = self.terms.get(prefix)
            if base is not None and base.prefix and base.iri is not None:
                return base.iri + suffix
            return value
        return None if self.vocab is None else self.vocab + value


@cache
def core_context() -> LdContext:
    """The core @context alone: what applies where a request brings none (5.5.5)."""
    document = published_document(CORE_CONTEXT_URL)
    if document is None:
        raise RuntimeError("The core @context is missing from the package; reinstall it")
    builder = _Builder({}, None)
    builder.process(document["@context"], scoped_allowed=True)
    vocab: str = document["@context"]["@vocab"]
    return LdContext(None, CORE_CONTEXT_URL, builder.terms, vocab)


def build_context(source: JsonValue, url: str | None, locals_: Sequence[tuple[JsonObject | None, bool]]) -> LdContext:
    """Process local contexts in order, the core before (its prefixes can be used) and after them (it wins).

    Args:
        source: What the request said.
        url: Where `source` can be had.
        locals_: Context objects with whether scoped contexts are allowed in them; None resets (a null context).

    Raises:
        BadRequestData: A context is malformed, or has a scoped context where none is allowed (5.5.7).
    """
    core = core_context()
    builder = _Builder(core._terms, core._vocab)
    for local, scoped_allowed in locals_:
        if local is None:
            builder = _Builder(core._terms, core._vocab)
        else:
            builder.process(local, scoped_allowed=scoped_allowed)
    return LdContext(source, url, {**builder.terms, **core._terms}, core._vocab)
