r"""Regular expressions of clause 4.9 (`~=`) and `idPattern`: POSIX extended regular expressions, in linear time.

Clause 4.9 refers to IEEE 1003.2, whose expressions denote regular languages. They come from whoever queries, so they
are run as a lazily built deterministic automaton: its time is linear in the text, whatever the pattern, and no pattern
can stop the broker as it could with a backtracking engine. Beyond POSIX only the character shorthands `\d \w \s`
(and their capitals), `\t` and `\n` are known. Left out, refused with BadRequestData: back-references, look-around,
inline flags and lazy quantifiers, none of which IEEE 1003.2 has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery

MAX_PATTERN_CHARACTERS: Final = 512
MAX_STATES: Final = 2000
_MAX_CACHED_STEPS: Final = 4096
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
class _Characters:
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


_ANY: Final = _Characters(negated=True)


@dataclass(frozen=True, slots=True)
class _One:
    characters: _Characters


@dataclass(frozen=True, slots=True)
class _Anchor:
    place: Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None


_Node = _One | _Anchor | _Sequence | _Choice | _Repeat


class _Parser:
    """Recursive descent over the grammar of IEEE 1003.2, section 2.8.5.2 (extended expressions)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> _Node:
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

    def _choice(self) -> _Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._piece())
        return _Sequence(tuple(parts))

    def _piece(self) -> _Node:
        node = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return node
        if self._quantifier() is not None:
            raise self._error("a quantifier after a quantifier")
        return _Repeat(node, *bounds)

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
            raise _too_complex(self.text)
        self.at = end + 1
        return low, high

    def _atom(self) -> _Node:
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
            return _One(self._bracket())
        if character == "\\":
            return _One(self._escape())
        if character in "^$":
            return _Anchor("start" if character == "^" else "end")
        if character in _SPECIAL:
            self.at -= 1
            raise self._error(f"{character!r} with nothing before it")
        return _One(_ANY if character == "." else _Characters(frozenset(character)))

    def _escape(self) -> _Characters:
        character = self._peek()
        if not character:
            raise self._error("a '\\' with nothing after it")
        self.at += 1
        if character.lower() in _SHORTHANDS:
            return _Characters(classes=(_SHORTHANDS[character.lower()],), negated=character.isupper())
        if character in _CONTROLS:
            return _Characters(frozenset(_CONTROLS[character]))
        if character.isalnum():
            self.at -= 1
            raise self._error(f"the unknown escape '\\{character}'")
        return _Characters(frozenset(character))

    def _bracket(self) -> _Characters:
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
        return _Characters(frozenset(singles), tuple(ranges), tuple(classes), negated)

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


def _too_complex(text: str) -> TooComplexQuery:
    return TooComplexQuery(
        f"The regular expression {text[:80]!r} is too complex; "
        f"expected at most {MAX_PATTERN_CHARACTERS} characters and {MAX_STATES} states. Try smaller intervals."
    )


class _Automaton:
    """A nondeterministic automaton: state -> edges that read a character, and edges that read nothing."""

    def __init__(self, text: str, node: _Node) -> None:
        self.text = text
        self.reading: list[list[tuple[_Characters, int]]] = []
        self.free: list[list[tuple[Literal["start", "end"] | None, int]]] = []
        self.first = self._state()
        self.last = self._build(node, self.first)

    def _state(self) -> int:
        if len(self.free) >= MAX_STATES:
            raise _too_complex(self.text)
        self.reading.append([])
        self.free.append([])
        return len(self.free) - 1

    def _build(self, node: _Node, before: int) -> int:
        """Add the states of a node behind `before`; returns the state behind the node."""
        if isinstance(node, _Sequence):
            for part in node.parts:
                before = self._build(part, before)
            return before
        if isinstance(node, _Repeat):
            return self._build_repeat(node, before)
        after = self._state()
        if isinstance(node, _One):
            self.reading[before].append((node.characters, after))
        elif isinstance(node, _Anchor):
            self.free[before].append((node.place, after))
        else:
            for branch in node.branches:
                entry = self._state()
                self.free[before].append((None, entry))
                self.free[self._build(branch, entry)].append((None, after))
        return after

    def _build_repeat(self, node: _Repeat, before: int) -> int:
        for _ in range(node.least):
            before = self._build(node.part, before)
        if node.most is None:
            entry, after = self._state(), self._state()
            self.free[before].append((None, entry))
            self.free[self._build(node.part, entry)].append((None, entry))
            self.free[entry].append((None, after))
            return after
        skips = []
        for _ in range(node.most - node.least):
            entry = self._state()
            self.free[before].append((None, entry))
            skips.append(entry)
            before = self._build(node.part, entry)
        after = self._state()
        for state in (*skips, before):
            self.free[state].append((None, after))
        return after

    def closure(self, states: Iterable[int], *, start: bool, end: bool) -> frozenset[int]:
        """Every state that can be reached without reading, given where in the text we are."""
        reached = set(states)
        waiting = list(reached)
        while waiting:
            for place, target in self.free[waiting.pop()]:
                allowed = place is None or (start if place == "start" else end)
                if allowed and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)


class Pattern:
    """A compiled expression. Safe to share between threads: its cache only ever holds what is true."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN_CHARACTERS:
            raise _too_complex(text)
        self.text = text
        self._automaton = _Automaton(text, _Parser(text).parse())
        self._steps: dict[tuple[frozenset[int], str, bool], frozenset[int]] = {}
        self._beginning = self._automaton.closure([self._automaton.first], start=True, end=False)
        self._again = self._automaton.closure([self._automaton.first], start=False, end=False)

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text is in the language L(R) of the expression (4.9)."""
        states = self._beginning
        for character in text:
            states = self._step(states, character, floating=False)
            if not states:
                return False
        return self._accepts(states, at_start=not text)

    def search(self, text: str) -> bool:
        """Whether some part of the text matches, as `regexec` of IEEE 1003.2 decides."""
        states = self._beginning
        last = self._automaton.last
        if last in states:
            return True
        for character in text:
            states = self._step(states, character, floating=True)
            if last in states:
                return True
        return self._accepts(states, at_start=not text)

    def _accepts(self, states: frozenset[int], *, at_start: bool) -> bool:
        return self._automaton.last in self._automaton.closure(states, start=at_start, end=True)

    def _step(self, states: frozenset[int], character: str, *, floating: bool) -> frozenset[int]:
        key = (states, character, floating)
        found = self._steps.get(key)
        if found is not None:
            return found
        reading = self._automaton.reading
        targets = {to for state in states for characters, to in reading[state] if character in characters}
        result = self._automaton.closure(targets, start=False, end=False)
        if floating:
            result |= self._again
        if len(self._steps) >= _MAX_CACHED_STEPS:
            self._steps.clear()
        self._steps[key] = result
        return result


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """Compile a regular expression.

    Args:
        text: A POSIX extended regular expression.

    Returns:
        What matches it, in time linear in the text.

    Raises:
        BadRequestData: It is none.
        TooComplexQuery: It is longer or needs more states than allowed.

    Source: CIM 009 V1.9.1, clauses 4.9 (RegExp) and 5.2.33 (idPattern).
    """
    return Pattern(text)
