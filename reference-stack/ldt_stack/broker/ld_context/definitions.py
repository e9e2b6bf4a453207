"""Term definitions of a @context: JSON-LD 1.1 API, "Context Processing" and "Create Term Definition", for names alone.

ETSI GS CIM 009 V1.9.1, clause 5.5.7 (what a user @context shall not have) and 5.5.6 (an invalid one: BadRequestData).
Steps are numbered as in sections 4.1.2, 4.2.2 and 5.2.2 of that specification. Left out on purpose: `@protected` among
user @contexts is checked for form only, because 5.5.7 gives precedence to the core and to nothing else; `@base` plays
no part in names, as there always is a vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject, JsonValue

_GEN_DELIMS: Final = frozenset(":/?#[]@")
_KEYWORD_FORM: Final = re.compile(r"@[A-Za-z]+")
_CONTEXT_ENTRIES: Final = frozenset(
    {"@base", "@direction", "@import", "@language", "@propagate", "@protected", "@version", "@vocab"}
)
_DEFINITION_ENTRIES: Final = frozenset(
    {"@id", "@reverse", "@type", "@container", "@context", "@direction", "@index", "@language", "@nest", "@prefix"}
    | {"@protected"}
)
_CONTAINERS: Final = frozenset({"@graph", "@id", "@index", "@language", "@list", "@set", "@type"})
_KEYWORDS: Final = (
    _CONTEXT_ENTRIES | _DEFINITION_ENTRIES | _CONTAINERS | frozenset({"@included", "@json", "@none", "@value"})
)
_WITH_GRAPH: Final = (frozenset({"@graph", "@id"}), frozenset({"@graph", "@index"}))
_WITH_SET: Final = _CONTAINERS - {"@list"}
_MAX_CHAIN: Final = 50  # definitions that are begun, because each needs the next one
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|_:")


@dataclass(frozen=True, slots=True)
class Term:
    """What a @context says about a name.

    Args:
        iri: A keyword if the name is an alias of one; None where it is mapped to null, or reverses a property.
        prefix: Whether compact IRIs may start with it.
    """

    iri: str | None
    prefix: bool = False


class ContextBuilder:
    """An active context that local contexts are processed into, one after the other.

    Args:
        terms: What is defined beforehand.
        vocab: The vocabulary mapping, None if there is none.
    """

    def __init__(self, terms: Mapping[str, Term], vocab: str | None) -> None:
        self.terms = dict(terms)
        self.vocab = vocab

    def process(self, local: JsonObject, *, scoped_allowed: bool) -> None:
        """One context object (4.1.2, step 5); "@import" has been merged into it already.

        Raises:
            BadRequestData: It is invalid, or has a scoped context where none is allowed.
        """
        _check_entries(local)
        if "@vocab" in local:
            self.vocab = self._read_vocab(local["@vocab"])
        definer = _Definer(self, local, scoped_allowed)
        for name in local:
            if name not in _CONTEXT_ENTRIES:
                definer.define(name)

    def _read_vocab(self, value: JsonValue) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequestData('"@vocab" of a @context is no string; expected an IRI')
        expanded = _Definer(self, {}, False).expand(value) if value else self.vocab
        if expanded is None or not is_absolute(expanded):
            raise BadRequestData(f'"@vocab" of a @context is no IRI: "{value}"')
        return expanded


class _Definer:
    """Creates the term definitions of one local context. In `defined`, True is done and False is begun."""

    def __init__(self, active: ContextBuilder, local: JsonObject, scoped_allowed: bool) -> None:
        self.active = active
        self.local = local
        self.scoped_allowed = scoped_allowed
        self.defined: dict[str, bool] = {}
        self._begun = 0

    def define(self, name: str) -> None:
        """4.2.2."""
        if name in self.defined:  # 1
            if self.defined[name]:
                return
            raise BadRequestData(f'The @context defines "{name}" by way of itself')
        self._begun += 1
        if self._begun > _MAX_CHAIN:
            raise BadRequestData(f'The @context defines "{name}" by way of more than {_MAX_CHAIN} other terms')
        self._create(name)
        self._begun -= 1

    def _create(self, name: str) -> None:
        if not name:  # 2
            raise BadRequestData("The @context defines an empty term")
        self.defined[name] = False
        value = self.local[name]  # 3
        if name == "@type":  # 4
            if not isinstance(value, dict) or not value or value.keys() - {"@container", "@protected"}:
                raise _invalid(name, "a keyword cannot be redefined")
        elif name in _KEYWORDS:  # 5
            raise _invalid(name, "a keyword cannot be redefined")
        elif not _KEYWORD_FORM.fullmatch(name):
            self.active.terms.pop(name, None)  # 6
            term = self._term(name, value)
            if term is not None:
                self.active.terms[name] = term  # 28
        self.defined[name] = True

    def _term(self, name: str, value: JsonValue) -> Term | None:
        """Steps 7 to 27; None where the definition is to be ignored."""
        simple = isinstance(value, str)  # 8
        definition = {"@id": value} if simple or value is None else value  # 7
        if not isinstance(definition, dict):  # 9
            raise _invalid(name, "expected an IRI, an object or null")
        self._check_type(name, definition)  # 12
        if "@reverse" in definition:  # 13
            return self._reverse(name, definition)
        identifier = definition.get("@id", name)
        if "@id" in definition and not (identifier is None or isinstance(identifier, str)):
            raise _invalid(name, '"@id" is no string')
        if identifier is None:  # 14.1
            iri = None
        elif identifier != name:  # 14.2
            if identifier not in _KEYWORDS and _KEYWORD_FORM.fullmatch(identifier):
                return None
            iri = self._mapping(name, identifier)
        else:
            iri = self._own_iri(name)  # 15 to 18
        prefix = simple and iri is not None and not _is_iri_like(name) and iri[-1:] in _GEN_DELIMS  # 14.2.5
        self._check_rest(name, definition, iri)  # 19 to 26
        if "@prefix" in definition:
            prefix = definition["@prefix"]
        return Term(iri, prefix)

    def _check_type(self, name: str, definition: JsonObject) -> None:
        """12; 19.4: a container of types holds references."""
        kind = definition.get("@type")
        if "@type" not in definition:
            return
        if not isinstance(kind, str):
            raise _invalid(name, '"@type" is no string')
        expanded = self.expand(kind)
        if expanded not in {"@id", "@vocab", "@json", "@none"} and (expanded is None or not is_absolute(expanded)):
            raise _invalid(name, f'"@type" is "{kind}", which is no IRI and none of @id, @vocab, @json and @none')
        if "@type" in _container(definition) and expanded not in {"@id", "@vocab"}:
            raise _invalid(name, 'a "@container" of "@type" goes with "@type": "@id" or "@vocab"')

    def _reverse(self, name: str, definition: JsonObject) -> Term:
        """13. A reverse property says something about another Entity: it is no name of an Attribute."""
        reverse = definition["@reverse"]
        if "@id" in definition or "@nest" in definition or not isinstance(reverse, str):
            raise _invalid(name, '"@reverse" is no string, or stands beside "@id" or "@nest"')
        expanded = self.expand(reverse)
        if expanded is None or not is_absolute(expanded):
            raise _invalid(name, f'"@reverse" is "{reverse}", which is no IRI')
        if not set(_container(definition)) <= {"@set", "@index"}:
            raise _invalid(name, 'the "@container" of a reverse property is neither @set nor @index')
        return Term(None)

    def _mapping(self, name: str, identifier: str) -> str:
        """14.2.3 and 14.2.4."""
        iri = self.expand(identifier)
        if iri == "@context":
            raise _invalid(name, '"@context" has no alias')
        if iri is None or not (iri in _KEYWORDS or is_absolute(iri)):
            raise _invalid(name, f'"{identifier}" is no IRI')
        if _is_iri_like(name):
            self.defined[name] = True
            if self.expand(name) != iri:
                raise _invalid(name, f'a name in the form of an IRI cannot stand for another one, "{iri}"')
        return iri

    def _own_iri(self, name: str) -> str:
        """15 to 18: no IRI is given, the name stands for itself."""
        prefix, colon, suffix = name.partition(":")
        if colon and prefix:
            if prefix in self.local:
                self.define(prefix)
            known = self.active.terms.get(prefix)
            return name if known is None or known.iri is None else known.iri + suffix
        if self.active.vocab is None:
            raise _invalid(name, "it has no IRI, and there is no vocabulary")
        return self.active.vocab + name

    def _check_rest(self, name: str, definition: JsonObject, iri: str | None) -> None:
        container = _container(definition)  # 19
        kinds = set(container)
        if not (
            len(kinds) == len(container)
            and (
                (len(kinds) == 1 and kinds <= _CONTAINERS)
                or (kinds - {"@set"}) in _WITH_GRAPH
                or ("@set" in kinds and kinds <= _WITH_SET)
                or "@container" not in definition
            )
        ):
            raise _invalid(name, f'"@container" is {definition["@container"]!r}, which JSON-LD 1.1 does not have')
        if "@index" in definition and ("@index" not in kinds or not isinstance(definition["@index"], str)):  # 20
            raise _invalid(name, '"@index" needs a "@container" of "@index", and is a string')
        if "@context" in definition and not self.scoped_allowed:  # 21
            raise _invalid(name, "a scoped @context, which clause 5.5.7 rules out")
        for member in ("@language", "@direction"):  # 22, 23
            if not isinstance(definition.get(member), str | None):
                raise _invalid(name, f'"{member}" is neither a string nor null')
        nest = definition.get("@nest", "@nest")  # 24
        if not isinstance(nest, str) or (nest in _KEYWORDS and nest != "@nest"):
            raise _invalid(name, '"@nest" is no string, or a keyword')
        if "@prefix" in definition:  # 25
            prefix = definition["@prefix"]
            if not isinstance(prefix, bool) or _is_iri_like(name) or (prefix and iri in _KEYWORDS):
                raise _invalid(name, '"@prefix" is no boolean, or the name cannot be a prefix')
        if not isinstance(definition.get("@protected", False), bool):  # 11
            raise _invalid(name, '"@protected" is no boolean')
        unknown = definition.keys() - _DEFINITION_ENTRIES  # 26
        if unknown:
            raise _invalid(name, f'it has "{min(unknown)}", which no term definition has')

    def expand(self, value: str) -> str | None:
        """5.2.2, relative to the vocabulary; a keyword stays one."""
        if value in _KEYWORDS:  # 1
            return value
        if _KEYWORD_FORM.fullmatch(value):  # 2
            return None
        if value in self.local and not self.defined.get(value):  # 3
            self.define(value)
        known = self.active.terms.get(value)
        if known is not None:  # 4, 5
            return known.iri
        prefix, colon, suffix = value.partition(":")
        if colon and prefix:  # 6
            if prefix == "_" or suffix.startswith("//"):
                return value
            if prefix in self.local and not self.defined.get(prefix):
                self.define(prefix)
            base = self.active.terms.get(prefix)
            if base is not None and base.prefix and base.iri is not None:
                return base.iri + suffix
            if is_absolute(value):
                return value
        return None if self.active.vocab is None else self.active.vocab + value  # 7


def is_absolute(iri: str) -> bool:
    """Whether a text has a scheme, or is a blank node identifier."""
    return _ABSOLUTE.match(iri) is not None


def _is_iri_like(name: str) -> bool:
    """Whether a term could be taken for a compact IRI or a relative one (4.2.2, step 14.2.4)."""
    return ":" in name[1:-1] or "/" in name


def _container(definition: JsonObject) -> list[str]:
    """The "@container" as a list; what is malformed is one unknown kind."""
    container = definition.get("@container", [])
    kinds = container if isinstance(container, list) else [container]
    return kinds if all(isinstance(kind, str) for kind in kinds) else ["?"]


def _check_entries(local: JsonObject) -> None:
    """4.1.2, steps 5.5 to 5.13: the entries of a context object that define no term."""
    if local.get("@version", 1.1) != 1.1:
        raise BadRequestData('"@version" of a @context is not 1.1')
    for name in ("@base", "@language", "@direction"):
        if not isinstance(local.get(name), str | None):
            raise BadRequestData(f'"{name}" of a @context is neither a string nor null')
    if not isinstance(local.get("@protected", False), bool):
        raise BadRequestData('"@protected" of a @context is no boolean')
    if local.get("@propagate", True) is not True:
        raise BadRequestData('"@propagate" of a @context is not true: it applies to the whole NGSI-LD document (5.5.7)')


def _invalid(name: str, problem: str) -> BadRequestData:
    return BadRequestData(f'The @context defines "{name}" in a way that JSON-LD 1.1 does not allow: {problem}')
