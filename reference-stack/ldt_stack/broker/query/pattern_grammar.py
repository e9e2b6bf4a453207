"""Extended regular expressions of IEEE 1003.2: from text to a tree. What is left out is said in `patterns.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery

MAX_PATTERN_CHARACTERS: Final = 512
MAX_STATES: Final = 1000
_SPECIAL: Final = frozenset("*+?|()")

_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "alpha": str.isalpha,
    "digit": lambda c: "0" <= c <= "9",
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "blank": lambda c: c in " \t",
    "punct": lambda c: c.isprintable() and not c.isalnum() and not c.isspace(),
    "print": str.isprintable,
    "graph": lambda c: c.isprintable() and not c.isspace(),
    "cntrl": lambda c: ord(c) < 32 or ord(c) == 127,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "word": lambda c: c.isalnum() or c == "_",
}
_SHORTHANDS: Final = {"d": "digit", "w": "word", "s": "space"}
_CONTROLS: Final = {"t": "\t", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Characters:
    """A set of characters."""

    singles: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        found = (
            character in self.singles
            or any(low <= character <= high for low, high in self.ranges)
            or any(_CLASSES[name](character) for name in self.classes)
        )
        return found is not self.negated


_ANY: Final = Characters(negated=True)


@dataclass(frozen=True, slots=True)
class One:
    """One character of a set."""

    characters: Characters


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^` or `$`."""

    place: Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of the branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, so many times; `most` None: without end."""

    part: Node
    least: int
    most: int | None


Node = One | Anchor | Sequence | Choice | Repeat


class _Parser:
    """Recursive descent over the grammar of IEEE 1003.2, section 2.8.5.2 (extended expressions)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> Node:
        node = self._choice()
        if self.at < len(self.text):
            raise self._error("a ')' without its '('")
        return node

    def _error(self, problem: str) -> BadRequestData:
        return BadRequestData(
            f"The regular expression {self.text!r} has {problem} at character {self.at + 1}; "
            "expected a POSIX extended regular expression (IEEE 1003.2)."
        )

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._piece())
        return Sequence(tuple(parts))

    def _piece(self) -> Node:
        node = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return node
        if self._quantifier() is not None:
            raise self._error("a quantifier after a quantifier")
        return Repeat(node, *bounds)

    def _quantifier(self) -> tuple[int, int | None] | None:
        character = self._peek()
        if character in {"*", "+", "?"} and character:
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        if character == "{" and self.text[self.at + 1 : self.at + 2].isdigit():
            return self._interval()
        return None

    def _interval(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.at)
        least, comma, most = self.text[self.at + 1 : end].partition(",")
        if end < 0 or not (least + most).isdecimal() or not (least + most).isascii():
            raise self._error("an interval that is not {m}, {m,} or {m,n}")
        low = int(least)
        high = (int(most) if most else None) if comma else low
        if high is not None and high < low:
            raise self._error("an interval whose end is below its start")
        if max(low, high or 0) > MAX_STATES:
            raise too_complex(self.text)
        self.at = end + 1
        return low, high

    def _atom(self) -> Node:
        character = self._peek()
        self.at += 1
        if character == "(":
            if self._peek() == "?":
                raise self._error("a group that starts with '(?'")
            node = self._choice()
            if self._peek() != ")":
                raise self._error("a '(' without its ')'")
            self.at += 1
            return node
        if character == "[":
            return One(self._bracket())
        if character == "\\":
            return One(self._escape())
        if character in "^$":
            return Anchor("start" if character == "^" else "end")
        if character in _SPECIAL:
            self.at -= 1
            raise self._error(f"{character!r} with nothing before it")
        return One(_ANY if character == "." else Characters(frozenset(character)))

    def _escape(self) -> Characters:
        character = self._peek()
        if not character:
            raise self._error("a '\\' with nothing after it")
        self.at += 1
        if character.lower() in _SHORTHANDS:
            return Characters(classes=(_SHORTHANDS[character.lower()],), negated=character.isupper())
        if character in _CONTROLS:
            return Characters(frozenset(_CONTROLS[character]))
        if character.isalnum():
            self.at -= 1
            raise self._error(f"the unknown escape '\\{character}'")
        return Characters(frozenset(character))

    def _bracket(self) -> Characters:
        negated = self._peek() == "^"
        self.at += negated
        singles: set[str] = set()
        ranges: list[tuple[str, str]] = []
        classes: list[str] = []
        first = True
        while (character := self._peek()) != "]" or first:
            first = False
            if not character:
                raise self._error("a '[' without its ']'")
            if self.text.startswith("[:", self.at):
                classes.append(self._class_name())
                continue
            if character == "\\" and self.text[self.at + 1 : self.at + 2].lower() in _SHORTHANDS:
                self.at += 1
                shorthand = self._escape()
                if shorthand.negated:
                    raise self._error("a negated shorthand inside brackets")
                classes.extend(shorthand.classes)
                continue
            low = self._bracket_character()
            if self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                high = self._bracket_character()
                if high < low:
                    raise self._error("a range whose end is below its start")
                ranges.append((low, high))
            else:
                singles.add(low)
        self.at += 1
        return Characters(frozenset(singles), tuple(ranges), tuple(classes), negated)

    def _bracket_character(self) -> str:
        """One character; a backslash keeps the next one from having a meaning, as every user expects."""
        character = self._peek()
        self.at += 1
        if character == "\\" and self._peek():
            character = _CONTROLS.get(self._peek(), self._peek())
            self.at += 1
        return character

    def _class_name(self) -> str:
        end = self.text.find(":]", self.at + 2)
        name = self.text[self.at + 2 : end] if end >= 0 else ""
        if name not in _CLASSES:
            raise self._error("an unknown character class")
        self.at = end + 2
        return name


def parse_expression(text: str) -> Node:
    """The tree of an extended regular expression.

    Raises:
        BadRequestData: It is none.
        TooComplexQuery: It is too long, or an interval is too large.
    """
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise too_complex(text)
    return _Parser(text).parse()


def too_complex(text: str) -> TooComplexQuery:
    """The error for an expression that takes too many characters, states or steps."""
    return TooComplexQuery(
        f"The regular expression {text[:80]!r} is too complex; "
        f"expected at most {MAX_PATTERN_CHARACTERS} characters and {MAX_STATES} states. Try smaller intervals."
    )
