"""From the text that the store keeps straight to the text of an answer: the normalized representation, and no more.

It says what `render_entity` says with `NORMALIZED`; plain Attributes, which most are, are handed on unread (see
`model/entity_text.py`).
"""

from __future__ import annotations

from typing import Final

import orjson

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.entity_text import FIRST_NAME_LINE, OTHER_LINE, TIMES_LINE, TYPE_LINE
from ldt_stack.broker.representation.entity import render_entity
from ldt_stack.broker.representation.options import NORMALIZED

_MAX_LINES: Final = 10_000


def render_text(text: str, ld_context: LdContext) -> str:
    """The normalized representation, without system times, of an Entity.

    Args:
        text: As `model.entity_text` writes it.
        ld_context: The call's own: names are compacted by it (5.5.7).

    Returns:
        A JSON object without "@context".
    """
    lines = text.split("\n")
    short = ld_context.read(_ShortLines, "")
    lines[TYPE_LINE] = short[lines[TYPE_LINE]]
    lines[TIMES_LINE] = ""
    if lines[OTHER_LINE]:
        lines[OTHER_LINE] = _rendered(lines[OTHER_LINE], ld_context)
    lines[FIRST_NAME_LINE:-1:2] = [short[line] for line in lines[FIRST_NAME_LINE:-1:2]]
    lines[-1] = "}"
    return "".join(lines)


def _rendered(members: str, ld_context: LdContext) -> str:
    rendered = orjson.dumps(render_entity(_read(members), ld_context, NORMALIZED)).decode()
    return f",{rendered[1:-1]}" if rendered != "{}" else ""


def _read(members: str) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(f"{{{members[1:]}}}")
    return found


class _ShortLines(dict[str, str]):
    """Lines with the type, or with the name of a plain Attribute -> the same in the names of a @context."""

    def __init__(self, _: str, ld_context: LdContext) -> None:
        super().__init__()
        self._ld_context = ld_context

    def __missing__(self, line: str) -> str:
        if line.endswith(":["):
            name = orjson.loads(line[line.index('"') : -2])
            short = f",{orjson.dumps(self._ld_context.compact_iri(name)).decode()}:"
        else:
            short = _rendered(line, self._ld_context)
        if len(self) >= _MAX_LINES:
            self.clear()
        self[line] = short
        return short
