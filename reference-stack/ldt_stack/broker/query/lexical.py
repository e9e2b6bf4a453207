"""Names, lists and cursors that the query languages share: ETSI GS CIM 009 V1.9.1, clauses 4.6.2, 4.9, 4.17, 4.21."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NoReturn

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery

# \p{L} is what `[^\W\d_]` matches but for numbers that are no digits (², Ⅷ; all of them are below U+20000). The
# `TermChar` of 4.9 adds numbers (\p{N}) and "_", which together are `\w`.
_OTHER_NUMBERS: Final = "".join(
    character
    for character in map(chr, range(0x20000))
    if character.isnumeric() and not (character.isdecimal() or character.isalpha())
)
_LETTER: Final = rf"(?:[A-Za-z]|[^\W\d_{_OTHER_NUMBERS}])"  # most are found without a look through the numbers
NAME: Final = rf"{_LETTER}\w*"
PREFIXED_NAME: Final = rf"{NAME}(?::{NAME})?"  # 4.6.2: prefix:name
# RFC 3986/3987: a scheme, none of the characters that no URI or IRI may have, brackets only around an IP address, whole
# percent-encodings, one "#" at most.
_URI_PART: Final = r"(?:[^\s\x00-\x1f\x7f<>\"\\^`{}|\[\]%#]++|%[0-9A-Fa-f]{2})"
_IP_AUTHORITY: Final = r"//(?:[^\s\[\]/?#@]*@)?\[[0-9A-Za-z:.]++\]"
_URI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?=.)(?:{_IP_AUTHORITY}(?=[:/?#]|$))?{_URI_PART}*+(?:#{_URI_PART}*+)?", re.DOTALL
)
_PREFIXED_NAME: Final = re.compile(PREFIXED_NAME)

MAX_DEPTH: Final = 50  # nested parentheses or braces; deeper is no query that a person meant
MAX_TERMS: Final = 200
MAX_CHARACTERS: Final = 65_536


@lru_cache(maxsize=4096)  # few names, in every payload
def is_member_name(text: str) -> bool:
    """Whether a text is a name of clause 4.6.2 (also `prefix:name`) or a URI."""
    return _PREFIXED_NAME.fullmatch(text) is not None or is_uri(text)


def is_uri(text: str) -> bool:
    """Whether a text has the form of a URI (RFC 3986) or IRI (RFC 3987)."""
    return _URI.fullmatch(text) is not None


class Cursor:
    """A place in a text that is being parsed, with errors that say where they are.

    Args:
        language: The name of the parameter, for messages: "q", "type", …
        text: What is parsed.
        expected: What the grammar wants, for messages.
        max_terms: More of them are a TooComplexQuery, and so are too many characters.

    Raises:
        TooComplexQuery: The text is longer than `MAX_CHARACTERS`.
    """

    def __init__(self, language: str, text: str, expected: str, max_terms: int = MAX_TERMS) -> None:
        if len(text) > MAX_CHARACTERS:
            raise TooComplexQuery(f"{language} has more than {MAX_CHARACTERS} characters. Try several smaller queries.")
        self.language = language
        self.text = text
        self.at = 0
        self._expected = expected
        self._terms_left = max_terms
        self._max_terms = max_terms
        self._depth = 0

    def peek(self, count: int = 1) -> str:
        """The next characters; shorter at the end."""
        return self.text[self.at : self.at + count]

    def take(self, literal: str) -> bool:
        """Step over a literal if it comes next."""
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def take_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Step over what a pattern matches here."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def fail(self, problem: str) -> NoReturn:
        """Refuse the text.

        Raises:
            BadRequestData: Always.
        """
        found = repr(self.text[self.at : self.at + 20]) if not self.at_end() else "its end"
        raise BadRequestData(
            f"{self.language} is not valid at character {self.at + 1} ({found}): {problem}. Expected {self._expected}."
        )

    def count_term(self) -> None:
        """One term more.

        Raises:
            TooComplexQuery: There are more than allowed.
        """
        self._terms_left -= 1
        if self._terms_left < 0:
            raise TooComplexQuery(
                f"{self.language} has more than {self._max_terms} terms. Try several smaller queries."
            )

    def enter(self) -> None:
        """One level deeper.

        Raises:
            TooComplexQuery: It is nested deeper than allowed.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooComplexQuery(f"{self.language} is nested more than {MAX_DEPTH} levels deep. Try a flatter query.")

    def leave(self) -> None:
        """One level up."""
        self._depth -= 1
