r"""Regular expressions of clause 4.9 (`~=`) and `idPattern`: POSIX extended regular expressions, in linear time.

Clause 4.9 refers to IEEE 1003.2, whose expressions denote regular languages. They come from whoever queries, so they
are run as a lazily built deterministic automaton: its time is linear in the text, whatever the pattern, and no pattern
can stop the broker as it could with a backtracking engine. States, steps and what is remembered of them are bounded.
Beyond POSIX only the character shorthands `\d \w \s` (and their capitals), `\t` and `\n` are known. Left out, refused
with BadRequestData: back-references, look-around, inline flags and lazy quantifiers, none of which IEEE 1003.2 has.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from ldt_stack.broker.query.pattern_grammar import (
    MAX_STATES,
    Anchor,
    Characters,
    Node,
    One,
    Repeat,
    Sequence,
    parse_expression,
    too_complex,
)

# What one text may cost: steps that are not known yet, by the states they start from. A fraction of a second.
_MAX_WORK: Final = 500_000
# A few hundred bytes each at most, for each of the patterns that `compile_pattern` keeps.
_MAX_CACHED_STEPS: Final = 1024
_MAX_CACHED_CHARACTERS: Final = 256


class _Automaton:
    """A nondeterministic automaton. Of each state: the one edge that reads a character, and edges that read nothing."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.reading: list[tuple[Characters, int] | None] = []
        self.free: list[list[tuple[Literal["start", "end"] | None, int]]] = []
        self.first = self._state()
        self.last = self._build(node, self.first)

    def _state(self) -> int:
        if len(self.free) >= MAX_STATES:
            raise too_complex(self.text)
        self.reading.append(None)
        self.free.append([])
        return len(self.free) - 1

    def _build(self, node: Node, before: int) -> int:
        """Add the states of a node behind `before`; returns the state behind the node."""
        if isinstance(node, Sequence):
            for part in node.parts:
                before = self._build(part, before)
            return before
        if isinstance(node, Repeat):
            return self._build_repeat(node, before)
        after = self._state()
        if isinstance(node, One):
            self.reading[before] = (node.characters, after)
        elif isinstance(node, Anchor):
            self.free[before].append((node.place, after))
        else:
            for branch in node.branches:
                entry = self._state()
                self.free[before].append((None, entry))
                self.free[self._build(branch, entry)].append((None, after))
        return after

    def _build_repeat(self, node: Repeat, before: int) -> int:
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

    def closure(self, state: int, *, start: bool = False, end: bool = False) -> int:
        """The set of states that can be reached without reading, given where in the text we are."""
        reached = 1 << state
        waiting = [state]
        while waiting:
            for place, target in self.free[waiting.pop()]:
                allowed = place is None or (start if place == "start" else end)
                if allowed and not reached >> target & 1:
                    reached |= 1 << target
                    waiting.append(target)
        return reached

    def ending(self) -> int:
        """The set of states from which nothing need be read any more at the end of the text."""
        behind: list[list[int]] = [[] for _ in self.free]
        for state, edges in enumerate(self.free):
            for place, target in edges:
                if place != "start":
                    behind[target].append(state)
        reached, waiting = 1 << self.last, [self.last]
        while waiting:
            for state in behind[waiting.pop()]:
                if not reached >> state & 1:
                    reached |= 1 << state
                    waiting.append(state)
        return reached


class Pattern:
    """A compiled expression. Safe to share between threads: its caches only ever hold what is true.

    A set of states is an integer, one bit a state: a thousand states are small enough to be kept by the hundred.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._automaton = automaton = _Automaton(text, parse_expression(text))
        self._closures: list[int | None] = [None] * len(automaton.free)
        self._readers: dict[str, int] = {}
        self._steps: dict[tuple[int, str], int] = {}
        self._last = 1 << automaton.last
        self._beginning = automaton.closure(automaton.first, start=True)
        self._again = automaton.closure(automaton.first)
        self._empty = bool(automaton.closure(automaton.first, start=True, end=True) & self._last)
        self._ending = automaton.ending()

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text is in the language L(R) of the expression (4.9).

        Raises:
            TooComplexQuery: The text is so long, and the expression so intricate, that it takes too many steps.
        """
        return self._run(text, 0) if text else self._empty

    def search(self, text: str) -> bool:
        """Whether some part of the text matches, as `regexec` of IEEE 1003.2 decides. Raises as `fullmatch`."""
        return self._run(text, self._again) if text else self._empty

    def _run(self, text: str, again: int) -> bool:
        """`again` are the states that may begin anywhere; without any, only the whole text counts."""
        states, steps, work = self._beginning, self._steps, 0
        for character in text:
            if again and states & self._last:
                return True
            known = steps.get((states, character))
            if known is None:
                known = self._step(states, character)
                work += 1 + states.bit_count()
                if work > _MAX_WORK:
                    raise too_complex(self.text)
            states = known | again
            if not states:
                return False
        return bool(states & self._ending)

    def _step(self, states: int, character: str) -> int:
        active, result = states & self._readers_of(character), 0
        while active:
            lowest = active & -active
            active ^= lowest
            edge = self._automaton.reading[lowest.bit_length() - 1]
            if edge is not None:
                result |= self._closure(edge[1])
        if len(self._steps) >= _MAX_CACHED_STEPS:
            self._steps.clear()
        self._steps[states, character] = result
        return result

    def _closure(self, state: int) -> int:
        known = self._closures[state]
        if known is None:
            known = self._closures[state] = self._automaton.closure(state)
        return known

    def _readers_of(self, character: str) -> int:
        """The states that read a character."""
        known = self._readers.get(character)
        if known is None:
            edges = enumerate(self._automaton.reading)
            known = sum(1 << state for state, edge in edges if edge is not None and character in edge[0])
            if len(self._readers) >= _MAX_CACHED_CHARACTERS:
                self._readers.clear()
            self._readers[character] = known
        return known


@lru_cache(maxsize=128)
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
