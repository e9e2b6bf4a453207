"""Language filter: ETSI GS CIM 009 V1.9.1, clause 4.15 (RFC 3282 priority lists of RFC 5646 tags)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.errors import BadRequestData

_RANGE: Final = re.compile(
    r"\s*(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*(?P<weight>0(?:\.\d{1,3})?|1(?:\.0{1,3})?)\s*)?"
)


@dataclass(frozen=True, slots=True)
class LanguageFilter:
    """Language ranges, the most wanted first, and those of weight 0: "not acceptable" (RFC 9110, 12.4.2)."""

    ranges: tuple[str, ...]
    refused: frozenset[str] = frozenset()

    def choose(self, available: Iterable[str]) -> str | None:
        """The key of a languageMap that serves best, None if there is none at all.

        For each range in turn: the same tag, then shorter ones ("Lookup", RFC 4647, 3.4), then a longer one. Else
        "@none", "the default identified by the JSON-LD "@none"" (5.7.2.5), else the first. A language that is refused
        serves where there is no other: "it shall default to any supported language" (4.15).
        """
        everything = {tag.lower(): tag for tag in available}
        tags = {lower: tag for lower, tag in everything.items() if not self._refuses(lower)} or everything
        for wanted in self.ranges:
            if wanted == "*":
                break
            found = _lookup(wanted.lower(), tags)
            if found is not None:
                return found
        return tags.get("@none", next(iter(tags.values()), None))

    def _refuses(self, tag: str) -> bool:
        """Whether of the ranges that a tag (in lower case) is in, the narrowest has weight 0."""
        if not self.refused or tag == "@none":
            return False
        ranges = (wanted.lower() for wanted in (*self.ranges, *self.refused))
        narrowest = max((one for one in ranges if tag == one or tag.startswith(one + "-")), key=len, default="")
        return narrowest in self.refused


def _lookup(wanted: str, tags: dict[str, str]) -> str | None:
    shorter = wanted
    while shorter:
        if shorter in tags:
            return tags[shorter]
        shorter = shorter.rpartition("-")[0]
        if len(shorter) > 1 and shorter[-2] == "-":  # a singleton does not end a tag (RFC 4647, 3.4)
            shorter = shorter[:-2]
    return next((tag for lower, tag in tags.items() if lower.startswith(wanted + "-")), None)


def parse_lang(text: str) -> LanguageFilter:
    """Parse a language filter such as `fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5`.

    Raises:
        BadRequestData: It is no list of language ranges.

    Source: CIM 009 V1.9.1, clause 4.15.
    """
    weighted: list[tuple[float, str]] = []
    for part in text.strip('"').split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise BadRequestData(
                f"lang has {part[:40]!r}, which is no language range; expected for example fr-CH,fr;q=0.9,*;q=0.5."
            )
        weighted.append((float(match["weight"] or 1), match["tag"]))
    wanted = sorted((item for item in weighted if item[0] > 0), key=lambda item: -item[0])
    # "*;q=0" asks for what cannot be: where nothing else is there, any language serves.
    refused = frozenset(tag.lower() for weight, tag in weighted if weight == 0 and tag != "*")
    return LanguageFilter(tuple(tag for _, tag in wanted), refused)
