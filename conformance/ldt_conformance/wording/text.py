"""Text from the twin is not trusted: make it safe to show, and of bearable length.

Escaping for HTML or XML is left to the writer of each format; this module takes care of what escaping does not:
control characters, text that reorders itself (bidirectional controls), lone surrogates, and length.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

SHOWN_CHARACTERS = 4_000  # of one expected or observed text on the page; the whole is in report.json
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}  # Unicode general categories that have no picture of their own
_KEPT = {"\n", "\t", "\u200c", "\u200d"}  # the joiners are part of ordinary words and emoji


def visible(text: str) -> str:
    r"""Replace every character without a picture by its escape, e.g. U+202E by ``\u202e``; newlines and tabs stay.

    The result holds only characters that XML 1.0 allows.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) if _is_unseen(character) else character for character in text)


def _is_unseen(character: str) -> bool:
    return character not in _KEPT and unicodedata.category(character) in _UNSEEN


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shown(text: str, limit: int = SHOWN_CHARACTERS, where: str = "report.json") -> str:
    """`visible`, and cut after `limit` characters with a note that says how much is left out."""
    safe = visible(text[: limit + 1])
    if len(text) <= limit:
        return safe
    return f"{visible(text[:limit])} […{len(text) - limit:,} more characters are in {where}]"


def one_line(text: str, limit: int = 300) -> str:
    """The text on one line, white space collapsed, cut after `limit` characters with an ellipsis."""
    line = re.sub(r"\s+", " ", visible(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def json_text(document: Any) -> str:
    """A document as JSON with every text made `visible`, ended by a newline."""
    return json.dumps(_visible_all(document), indent=1, ensure_ascii=False) + "\n"


def _visible_all(value: Any) -> Any:
    if isinstance(value, str):
        return visible(str(value))
    if isinstance(value, list | tuple):
        return [_visible_all(item) for item in value]
    if isinstance(value, dict):
        return {visible(str(key)): _visible_all(item) for key, item in value.items()}
    return value


def slug(text: str) -> str:
    """Letters, digits and hyphens alone, for ids within a page; never empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def instant(when: datetime) -> str:
    """`23 November 2026, 10:15 UTC`; a time without zone is taken as UTC."""
    utc = _utc(when)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def day(when: datetime) -> str:
    """`2026-11-23`, in UTC."""
    return f"{_utc(when):%Y-%m-%d}"


def rfc3339(when: datetime) -> str:
    """`2026-11-23T10:15:00Z`."""
    return f"{_utc(when):%Y-%m-%dT%H:%M:%SZ}"


def _utc(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 2 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
