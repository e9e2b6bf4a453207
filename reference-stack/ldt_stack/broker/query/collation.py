"""In which order strings come: ETSI GS CIM 009 V1.9.1, clauses 4.23.1 and 4.23.3, and RFC 6067.

The default is the root collation. It is had from pyuca, the Unicode Collation Algorithm in Python with the tables of
the Unicode Consortium: ICU's own library has no wheel for every platform that we support. Its groups (blanks,
punctuation, symbols, digits, letters by script) and levels (letters, accents, case: lower first) are those of ICU's
root. Of the tailorings of single languages, that of the German phone book is known (the standard's example 7); a
language whose order is not the root's is refused, not sorted wrongly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from ldt_stack.broker.errors import BadRequestData, OperationNotSupported

Strength = Literal["primary", "secondary", "tertiary"]
# BCP 47 with the ICU name of the root collation that 4.23.1 spells out.
_ROOT: Final = "und-x-icu"
# Of the longer names of languages that RFC 5646 leaves room for, none was ever registered.
_TAG: Final = re.compile(r"([A-Za-z]{2,3})((?:-[A-Za-z0-9]{2,8})*?)(?:-[Uu]((?:-[A-Za-z0-9]{2,8})+))?")
# Whose standard order is that of the root in the Common Locale Data Repository.
_LIKE_ROOT: Final = frozenset(["und", "ca", "de", "en", "fr", "ga", "id", "it", "lb", "ms", "nl", "pt", "sw"])
_STRENGTHS: Final[dict[str, Strength]] = {
    "level1": "primary",
    "level2": "secondary",
    "level3": "tertiary",
    "identic": "secondary",  # example 6 of 4.23.3: "case insensitive"
}
# Keys and values of collations in the Common Locale Data Repository, Unicode Technical Standard 35, 3.1 of part 5; of
# kr (any number of scripts and groups) and vt (code points) the form alone.
_FLAG: Final = "(?:true|false|yes|no)?"
_VALUES: Final = {
    "co": "big5han|compat|dict|direct|ducet|emoji|eor|gb2312|phonebk|phonetic|pinyin|reformed|search|searchjl|standard"
    "|stroke|trad|unihan|zhuyin",
    "ka": "noignore|shifted",
    "kb": _FLAG,
    "kc": _FLAG,
    "kf": "upper|lower|false",
    "kh": _FLAG,
    "kk": _FLAG,
    "kn": _FLAG,
    "kr": "[a-z]{3,8}(?:-[a-z]{3,8})*",
    "ks": "level[1-4]|identic",
    "kv": "space|punct|symbol|currency",
    "vt": "[0-9a-f]{4,6}(?:-[0-9a-f]{4,6})*",
}
_PHONEBOOK: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}


@dataclass(frozen=True, slots=True)
class Collation:
    """An order of strings.

    Args:
        strength: "tertiary" minds accents and case, "secondary" accents, "primary" neither.
        phonebook: Whether ä, ö and ü are sorted as ae, oe and ue.
    """

    strength: Strength = "tertiary"
    phonebook: bool = False

    def key(self, text: str) -> tuple[Any, ...]:
        """Strings sort as their keys do."""
        if not self.phonebook:
            return self._levels(text)
        plain = "".join(_PHONEBOOK.get(character, character) for character in text)
        return (*self._levels(plain), *((text,) if self.strength != "primary" and plain != text else ()))

    def _levels(self, text: str) -> tuple[Any, ...]:
        # Also empty levels have their place: otherwise "" would be compared at another level than "a".
        levels: list[list[int]] = [[]]
        for weight in _collator().sort_key(text):
            if weight:
                levels[-1].append(weight)
            else:
                levels.append([])
        if self.strength == "tertiary":
            return (*map(tuple, levels), text)
        return tuple(map(tuple, levels[: 1 if self.strength == "primary" else 2]))


@cache
def _collator() -> Any:
    """Made when it is first needed: reading the tables takes a noticeable part of a second."""
    from pyuca import Collator

    return Collator()


ROOT: Final = Collation()


def parse_collation(text: str | None) -> Collation:
    """A collation as RFC 6067 and BCP 47 write it, for example "und-x-icu" or "de-u-co-phonebk"; None is the root.

    Raises:
        BadRequestData: It is none (5.7.2.4: "does not conform to a valid ICU collation").
        OperationNotSupported: It is one that this broker cannot sort by.
    """
    if text is None or text == _ROOT:
        return ROOT
    match = _TAG.fullmatch(text)
    wanted = {} if match is None else _keywords((match[3] or "").lower())
    if match is None or not all(re.fullmatch(_VALUES.get(key, ".*"), value) for key, value in wanted.items()):
        raise BadRequestData(f"collation is {text[:60]!r}; expected one like und-x-icu or de-u-co-phonebk (RFC 6067).")
    language, rest = match[1].lower(), match[2].lower()
    kind = wanted.pop("co", "standard")
    strength = _STRENGTHS.get(wanted.pop("ks", "level3"))
    known = kind == "standard" or (language, kind) == ("de", "phonebk")
    if strength is None or wanted or not known or not _is_like_root(language, rest):
        raise _unsupported(text)
    return Collation(strength, phonebook=kind == "phonebk")


def _is_like_root(language: str, rest: str) -> bool:
    """A region changes nothing, but for Canadian French, which looks at accents from the end."""
    is_region = re.fullmatch(r"(?:-(?:[a-z]{2}|\d{3}))?", rest) is not None
    return language in _LIKE_ROOT and is_region and (language, rest) != ("fr", "-ca")


def _keywords(extension: str) -> dict[str, str]:
    """Keys (two characters) and values of a Unicode extension: -ks-level2-co-phonebk."""
    found: dict[str, str] = {}
    key = ""
    for part in extension.split("-")[1:]:
        if len(part) == 2:
            key = part
            found[key] = ""
        else:
            found[key] = f"{found.get(key, '')}-{part}".strip("-")
    return found


def _unsupported(text: str) -> OperationNotSupported:
    return OperationNotSupported(
        f"This broker cannot sort by the collation {text}; expected und-x-icu, de-u-co-phonebk, or a language that "
        f"sorts as the root does ({', '.join(sorted(_LIKE_ROOT))}), with -u-ks-level1 or -u-ks-level2 if need be."
    )
