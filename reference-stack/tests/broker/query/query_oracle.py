"""The query languages, read a second time: plain evaluation of generated trees on Entities as they were sent.

Written from clause 4.9 (q) of ETSI GS CIM 009 V1.9.1, for normalized Entities; slow and simple on purpose, and
independent of `ldt_stack.broker.query`. Every tree has `text` (what is sent) and `holds(entity)`. Generated is what the
clause decides; what it leaves open is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Json = Any
VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
_KINDS = {"Relationship": "object", "LanguageProperty": "languageMap", "VocabProperty": "vocab", "JsonProperty": "json"}
_VALUE = {**_KINDS, "ListProperty": "valueList", "ListRelationship": "objectList"}


@dataclass(frozen=True)
class Target:
    """A target element of 4.9: its Attribute type, or "member" for observedAt and the like, and its value."""

    kind: str
    value: Json


def instances(holder: Json, name: str) -> list[Json]:
    """The instances of a (sub-)Attribute; several differ by datasetId."""
    found = holder.get(name, [])
    return found if isinstance(found, list) else [found]


@dataclass(frozen=True)
class PathTree:
    """`name.sub[member.member]`."""

    names: tuple[str, ...]
    members: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is written."""
        return ".".join(self.names) + (f"[{'.'.join(self.members)}]" if self.members else "")

    def targets(self, entity: Json) -> Iterator[Target]:
        """The target elements that are there."""
        holders = [entity]
        for position, name in enumerate(self.names):
            if name in {"observedAt", "unitCode"}:
                assert position == len(self.names) - 1
                yield from (Target("member", holder[name]) for holder in holders if name in holder)
                return
            holders = [one for holder in holders for one in instances(holder, name)]
        for holder in holders:
            value = holder[_VALUE.get(holder["type"], "value")]
            if holder["type"] == "ListRelationship":
                value = [one["object"] for one in value]
            for member in self.members:
                if not isinstance(value, dict) or member not in value:
                    break
                value = value[member]
            else:
                yield Target(holder["type"] if not self.members else "Property", value)


@dataclass(frozen=True)
class Value:
    """A literal: how it is written, its data type, and what it is."""

    text: str
    kind: str
    value: Json


def data_type(value: Json) -> str:
    """The JSON data type of a target value; a DateTime says so itself."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def same(single: Json, literal: Value) -> bool:
    """Identical or equivalent."""
    if literal.kind in {"DateTime", "uri"}:
        return bool(single == literal.value)
    return data_type(single) == literal.kind and bool(single == literal.value)


def equal(target: Target, literal: Value) -> bool:
    """One literal: identical to the target value, or included in it where it is an array."""
    values: list[Json] = [target.value]
    if target.kind == "LanguageProperty":
        held = list(target.value.values())
        values = [text for texts in held for text in (texts if isinstance(texts, list) else [texts])]
    elif isinstance(target.value, list):
        values = target.value
    if target.kind == "VocabProperty":
        values = [VOCABULARY + one for one in values]
    return any(same(one, literal) for one in values)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}


def ordered(target: Target, operator: str, literal: Value) -> bool:
    """`>`, `>=`, `<`, `<=`; other data types and Relationships never match."""
    if target.kind in {"Relationship", "ListRelationship"}:
        return False
    if literal.kind == "DateTime":
        return target.kind == "member" and _ORDER[operator](target.value, literal.value)
    return data_type(target.value) == literal.kind and _ORDER[operator](target.value, literal.value)


@dataclass(frozen=True)
class Exists:
    """A bare path."""

    path: PathTree

    @property
    def text(self) -> str:
        """As it is written."""
        return self.path.text

    def holds(self, entity: Json) -> bool:
        """Whether the target element is defined."""
        return any(True for _ in self.path.targets(entity))


@dataclass(frozen=True)
class Compare:
    """A path, an operator and one literal, several (any of them), or the two ends of a range."""

    path: PathTree
    operator: str
    values: tuple[Value, ...]
    is_range: bool = False

    @property
    def text(self) -> str:
        """As it is written."""
        return (
            f"{self.path.text}{self.operator}{('..' if self.is_range else ',').join(one.text for one in self.values)}"
        )

    def holds(self, entity: Json) -> bool:
        """Whether any target element meets it."""
        return any(self._meets(target) for target in self.path.targets(entity))

    def _meets(self, target: Target) -> bool:
        if self.operator not in {"==", "!="}:
            return ordered(target, self.operator, self.values[0])
        if self.is_range:
            low, high = self.values
            found = ordered(target, ">=", low) and ordered(target, "<=", high)
        else:
            found = any(equal(target, one) for one in self.values)
        return found == (self.operator == "==")


@dataclass(frozen=True)
class Matches:
    """A path and a regular expression."""

    path: PathTree
    pattern: str
    negated: bool

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.path.text}{'!~=' if self.negated else '~='}{self.pattern}"

    def holds(self, entity: Json) -> bool:
        """Whether any target element that is a string is (not) in L(R)."""
        return any(
            isinstance(target.value, str)
            and target.kind in {"Property", "member"}
            and self.path.names[-1] != "observedAt"  # a DateTime is no String
            and (re.fullmatch(self.pattern.strip('"'), target.value) is not None) is not self.negated
            for target in self.path.targets(entity)
        )


@dataclass(frozen=True)
class Combined:
    """Terms with one logical operator between them, in parentheses if that is what it takes, or for nothing."""

    operator: str
    terms: tuple[Any, ...]
    associated: bool = False

    @property
    def text(self) -> str:
        """As it is written: `;` binds more tightly than `|`."""
        parts = [
            f"({one.text})" if self.operator == ";" and isinstance(one, Combined) and one.operator == "|" else one.text
            for one in self.terms
        ]
        text = self.operator.join(parts)
        return f"({text})" if self.associated else text

    def holds(self, entity: Json) -> bool:
        """All of them, or any."""
        return (all if self.operator == ";" else any)(one.holds(entity) for one in self.terms)


PATHS = st.sampled_from(
    [
        *((name,) for name in ("speed", "name", "tags", "address", "flag", "color", "brand", "owner", "parts")),
        *((name,) for name in ("samples", "meta", "missing")),
        *[
            ("speed", "accuracy"),
            ("speed", "observedAt"),
            ("speed", "unitCode"),
            ("owner", "since"),
            ("name", "missing"),
        ],
    ]
).map(PathTree)
MEMBER_PATHS = st.sampled_from([("city",), ("street",), ("geo", "height"), ("missing",), ("geo",)]).map(
    lambda members: PathTree(("address",), members)
)
JSON_PATHS = st.sampled_from([("id",), ("deep", "x"), ("missing",)]).map(lambda members: PathTree(("meta",), members))
ANY_PATH = st.one_of(PATHS, PATHS, MEMBER_PATHS, JSON_PATHS)
NUMBERS = st.sampled_from([0, 1, 2, 5, 5.5, -3, 1e3]).map(lambda n: Value(json.dumps(n), "number", n))
WORDS = ["red", "blue", "Zoë", "a b", 'q"t', "", "10", "true", "x;y|z", "é"]
STRINGS = st.sampled_from(WORDS).map(lambda text: Value(json.dumps(text, ensure_ascii=False), "string", text))
BOOLEANS = st.booleans().map(lambda value: Value(json.dumps(value), "boolean", value))
INSTANTS = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
DATE_TIMES = st.sampled_from(INSTANTS).map(lambda text: Value(text, "DateTime", text))
URIS = ["urn:ngsi-ld:Person:1", "urn:ngsi-ld:Person:2", "urn:ngsi-ld:Part:1", "urn:ngsi-ld:Part:2"]
LINKS = st.sampled_from(URIS).flatmap(
    lambda uri: st.sampled_from([Value(uri, "uri", uri), Value(json.dumps(uri), "uri", uri)])
)
VOCABS = st.sampled_from(["Audi", "Seat", "Skoda"]).map(lambda name: Value(VOCABULARY + name, "uri", VOCABULARY + name))
COMPARABLE = st.one_of(NUMBERS, STRINGS, DATE_TIMES)


def _literals(path: PathTree) -> st.SearchStrategy[Value]:
    """Literals whose meaning for this path is clear."""
    if path.names in {("owner",), ("parts",)}:
        return LINKS
    if path.names == ("brand",):
        return VOCABS
    if path.names[-1] in {"observedAt"}:
        return DATE_TIMES
    return st.one_of(NUMBERS, STRINGS, BOOLEANS)


def _comparison(path: PathTree) -> st.SearchStrategy[Any]:
    literals = _literals(path)
    equality = st.sampled_from(["==", "!="])
    several = st.lists(literals, min_size=1, max_size=3).map(tuple)
    choices: list[st.SearchStrategy[Any]] = [st.builds(Compare, st.just(path), equality, several)]
    # The ends of a range, and what is ordered: numbers, strings, instants (4.9, ComparableValue).
    if path.names not in {("color",), ("brand",)}:
        scale = DATE_TIMES if path.names[-1] == "observedAt" else st.one_of(NUMBERS, STRINGS)
        choices.append(st.builds(Compare, st.just(path), st.sampled_from([*_ORDER]), scale.map(lambda one: (one,))))
        if path.names[0] not in {"owner", "parts", "tags", "samples"}:
            ends = st.one_of(
                *(st.tuples(kind, kind) for kind in ([DATE_TIMES] if scale is DATE_TIMES else [NUMBERS, STRINGS]))
            )
            choices.append(st.builds(Compare, st.just(path), equality, ends, st.just(True)))
    return st.one_of(choices)


PATTERNS = st.sampled_from(
    ["r.*", "(red|blue)", "[a-c] b", ".*e", "x.y.z", '"re+d"', "Zo.", ".*", "[0-9]{2}", "(r|b)?.*d"]
)
PATTERN_PATHS = ANY_PATH.filter(lambda path: path.names not in {("color",), ("brand",), ("tags",), ("samples",)})
TERMS = st.one_of(
    ANY_PATH.flatmap(_comparison),
    ANY_PATH.flatmap(_comparison),
    st.builds(Exists, ANY_PATH),
    st.builds(Matches, PATTERN_PATHS, PATTERNS, st.booleans()),
)
QUERIES = st.recursive(
    TERMS,
    lambda inner: st.builds(
        Combined, st.sampled_from([";", "|"]), st.lists(inner, min_size=2, max_size=3).map(tuple), st.booleans()
    ),
    max_leaves=6,
)
