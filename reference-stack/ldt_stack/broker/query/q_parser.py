"""Parser of the NGSI-LD Query Language: ETSI GS CIM 009 V1.9.1, clause 4.9.

Follows the ABNF of 4.9, with three openings that its own text and examples make necessary: parentheses nest (example
6), one type is enough in a type hint (example 14), and lists of URIs may be written without quotes. What follows `~=`
is a quoted string, or everything up to `;`, `|` or `)` outside brackets and parentheses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonValue
from ldt_stack.broker.query.lexical import MAX_TERMS, Cursor
from ldt_stack.broker.query.paths import LinkedPath, Path, parse_path, write_path
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.q import And, Comparison, Exists, Or, PatternMatch, QNode
from ldt_stack.broker.query.values import Kind, Literal, Range, Value, ValueList, normalize_date, normalize_time

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

_OPERATOR: Final = re.compile(r"!~=|~=|==|!=|>=|<=|>|<")
_ENDS: Final = r"(?=$|[;|),]|\.\.)"
_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,6})?Z" + _ENDS, re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d" + _ENDS, re.ASCII)
_TIME: Final = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d{1,6})?Z" + _ENDS, re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?" + _ENDS)
_INTEGER: Final = re.compile(r"-?\d{1,20}", re.ASCII)  # the longest of 64 bits
_BOOLEAN: Final = re.compile(r"(?:true|false)(?=$|[;|),])")
_URI_START: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_WORD: Final = re.compile(r"[^\W\d_][\w\-]*(?=$|[;|),])")
_NOT_IN_URI: Final = frozenset('"<>\\^`{}|;, \t\r\n')
_STRING: Final = json.JSONDecoder()


def parse_q(
    text: str, ld_context: LdContext, *, expand_values: Collection[str] = (), max_terms: int = MAX_TERMS
) -> QNode:
    """Parse a query.

    Args:
        text: The query, percent-decoded.
        ld_context: Expands the names (5.5.7).
        expand_values: Attribute names (or their IRIs) whose values in the query are terms or URIs to be expanded.
        max_terms: More query terms are too complex.

    Returns:
        A frozen tree; `tree.matches(entity)` decides.

    Raises:
        BadRequestData: It is not in the language.
        TooComplexQuery: It has too many terms or nests too deep.

    Source: CIM 009 V1.9.1, clause 4.9.
    """
    parser = _QParser(text, ld_context, frozenset(map(ld_context.expand_term, expand_values)), max_terms)
    return parser.parse()


def renamed_q(text: str, given: LdContext, wanted: LdContext) -> str | None:
    """The same query with its names as another @context has them (4.3.6.6), all else as written.

    Args:
        text: A valid query.
        given: The @context that its names are written in.
        wanted: The one that they are to be written in.

    Returns:
        None if it has no name for one of them that the language allows: an IRI is none (4.9).
    """
    parser = _QParser(text, given, frozenset(), max_terms=len(text))
    parser.parse()
    pieces, at = [], 0
    for start, end, path in parser.paths:
        written = write_path(path, wanted)
        if written is None:
            return None
        pieces += [text[at:start], written]
        at = end
    return "".join([*pieces, text[at:]])


class _QParser:
    """`paths` are those that were met, each with where it begins and ends."""

    def __init__(self, text: str, ld_context: LdContext, expand_values: frozenset[str], max_terms: int) -> None:
        self.cursor = Cursor("q", text, 'a query like speed>50;brandName!="Mercedes" (clause 4.9)', max_terms)
        self.ld_context = ld_context
        self.expand_values = expand_values
        self.paths: list[tuple[int, int, Path]] = []

    def parse(self) -> QNode:
        node = self._any()
        if not self.cursor.at_end():
            self.cursor.fail("a logical operator (';' or '|') or the end is missing here")
        return node

    def _any(self) -> QNode:
        terms = [self._all()]
        while self.cursor.take("|"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _all(self) -> QNode:
        terms = [self._term()]
        while self.cursor.take(";"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _term(self) -> QNode:
        if not self.cursor.take("("):
            return self._query_term()
        self.cursor.enter()
        node = self._any()
        if not self.cursor.take(")"):
            self.cursor.fail("a '(' is not closed")
        self.cursor.leave()
        return node

    def _query_term(self) -> QNode:
        self.cursor.count_term()
        start = self.cursor.at
        path = parse_path(self.cursor, self.ld_context)
        self.paths.append((start, self.cursor.at, path))
        match = self.cursor.take_match(_OPERATOR)
        if match is None:
            return Exists(path)
        operator = match[0]
        if operator in {"~=", "!~="}:
            pattern = self._pattern()
            compile_pattern(pattern)
            return PatternMatch(path, pattern, negated=operator == "!~=")
        if operator in {"==", "!="}:
            return Comparison(path, operator, self._equality_value(path))
        return Comparison(path, operator, self._comparable(path))

    def _equality_value(self, path: Path) -> Value:
        first = self._literal(path)
        if self.cursor.take(".."):
            if first.kind in {Kind.BOOLEAN, Kind.URI}:
                self.cursor.fail("a range has numbers, strings, dates or times as its ends")
            return Range(first, self._comparable(path))
        items = [first]
        while self.cursor.take(","):
            while self.cursor.take(" "):
                pass
            self.cursor.count_term()
            items.append(self._literal(path))
        return first if len(items) == 1 else ValueList(tuple(items))

    def _comparable(self, path: Path) -> Literal:
        literal = self._literal(path)
        if literal.kind in {Kind.BOOLEAN, Kind.URI}:
            self.cursor.fail("only numbers, quoted strings, dates and times can be ordered")
        return literal

    def _literal(self, path: Path) -> Literal:
        expands = bool(self.expand_values) and self._expands(path)
        if self.cursor.peek() == '"':
            text = self._string()
            return Literal(Kind.URI, self.ld_context.expand_vocab(text)) if expands else Literal(Kind.STRING, text)
        if expands and (word := self.cursor.take_match(_WORD)):
            return Literal(Kind.URI, self.ld_context.expand_vocab(word[0]))
        return self._unquoted()

    def _expands(self, path: Path) -> bool:
        """Whether values of the target element are expanded: it, or the Attribute that it is below, is named."""
        while isinstance(path, LinkedPath):
            path = path.target
        return not self.expand_values.isdisjoint((path.name, *path.subs[-1:]))

    def _unquoted(self) -> Literal:
        cursor = self.cursor
        if match := cursor.take_match(_BOOLEAN):
            return Literal(Kind.BOOLEAN, match[0] == "true")
        for kind, pattern, normalizer in (
            (Kind.DATETIME, _DATETIME, normalize),
            (Kind.DATE, _DATE, normalize_date),
            (Kind.TIME, _TIME, normalize_time),
        ):
            if match := cursor.take_match(pattern):
                normalized = normalizer(match[0])
                if normalized is None:
                    cursor.fail(f"{match[0]!r} is no {kind} of clause 4.6.3")
                return Literal(kind, normalized)
        if match := cursor.take_match(_NUMBER):
            return Literal(Kind.NUMBER, _number(match[0]))
        if not _URI_START.match(cursor.text, cursor.at):
            cursor.fail("there is no value (a number, a quoted string, true, false, a date, a time or a URI)")
        return Literal(Kind.URI, self._uri())

    def _string(self) -> str:
        try:
            value, end = _STRING.raw_decode(self.cursor.text, self.cursor.at)
        except ValueError:
            self.cursor.fail("the quoted string is not a JSON string")
        self.cursor.at = end
        return str(value)

    def _uri(self) -> str:
        """A URI up to what cannot be part of it; a ')' belongs to it only if its '(' does."""
        text, start, depth = self.cursor.text, self.cursor.at, 0
        end = start
        while end < len(text) and text[end] not in _NOT_IN_URI:
            depth += (text[end] == "(") - (text[end] == ")")
            if depth < 0:
                break
            end += 1
        if text[start:end].endswith(":"):
            self.cursor.fail("the URI has nothing after its scheme")
        self.cursor.at = end
        return text[start:end]

    def _pattern(self) -> str:
        start = self.cursor.at
        if self.cursor.peek() == '"':
            pattern = self._string()
            if self.cursor.at_end() or self.cursor.peek() in ";|)":
                return pattern
            self.cursor.at = start
        end = _pattern_end(self.cursor.text, start)
        if end == start:
            self.cursor.fail("there is no regular expression")
        self.cursor.at = end
        return self.cursor.text[start:end]


def _pattern_end(text: str, at: int) -> int:
    """Where an unquoted regular expression ends: at ';', '|' or ')' outside parentheses and brackets."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "[":
            at = _bracket_end(text, at)
        elif character == "(":
            depth += 1
        elif depth == 0 and character in ";|)":
            break
        elif character == ")":
            depth -= 1
        at += 1
    return min(at, len(text))


def _bracket_end(text: str, at: int) -> int:
    """Index of the ']' that ends the bracket expression that starts here, or the end of the text."""
    at += 2 if text.startswith("[^", at) else 1
    at += text.startswith("]", at)
    while at < len(text) and text[at] != "]":
        if text.startswith("[:", at):
            at = max(at, text.find(":]", at) + 1)
        at += 1 + (text[at : at + 1] == "\\")
    return at


def _number(text: str) -> JsonValue:
    """As payloads are read: integers of 64 bits, with or without sign, are kept to the last digit, others as floats."""
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**64:
        return int(text)
    return float(text)
