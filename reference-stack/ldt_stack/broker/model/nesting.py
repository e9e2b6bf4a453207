"""How deep JSON documents may be nested: deeper ones could be neither kept nor answered."""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonValue

# Encoders stop at about 250 levels; the expanded form has up to two for one of a sub-Attribute.
MAX_NESTING: Final = 150


def check_nesting(value: JsonValue, encoded: bytes | None = None) -> None:
    """Refuse what is nested too deep.

    Args:
        value: Decoded JSON.
        encoded: What it was decoded from, if it is known: most documents have so few brackets that they need no closer
            look.

    Raises:
        BadRequestData: It is nested more than `MAX_NESTING` levels deep.
    """
    if encoded is not None and encoded.count(b"{") + encoded.count(b"[") <= MAX_NESTING:
        return
    if not isinstance(value, dict | list):
        return
    level, depth = [value], 0  # level by level: no nesting is too deep for the check itself
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise BadRequestData(f"The JSON document is nested more than {MAX_NESTING} levels deep")
        level = [
            member
            for one in level
            for member in (one.values() if type(one) is dict else one)
            if type(member) is dict or type(member) is list
        ]
