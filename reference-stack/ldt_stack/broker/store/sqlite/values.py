"""The index of values: which Entities may meet a comparison of `q` (4.9), without looking at them.

For every value that a bare attribute path addresses there is a key: a number, or the beginning of a text. What compares
otherwise than it looks (a typed instant, an integer beyond 64 bits) has the key `OPAQUE`, which every look-up includes.
A look-up never leaves out an Entity that matches; what it finds is still to be judged by the term itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query.paths import AttributePath
from ldt_stack.broker.query.values import Kind, Literal, Range, TemporalValue, Value, ValueList, normal_uri

Key = int | float | str | bytes

OPAQUE: Final = b""  # sorts behind all numbers and texts
_LENGTH: Final = 64  # of the beginning of a text
_BITS: Final = 2**63
_PLAIN: Final = frozenset({int, float, str})


def keys_of(name: str, instances: list[JsonObject]) -> set[Key]:
    """The keys of an Attribute.

    Args:
        name: Its IRI.
        instances: Expanded.
    """
    found: set[Key] = set()
    for instance in instances:
        value = instance.get("value")
        if type(value) in _PLAIN and "valueType" not in instance:
            found.update(_keys(value))
        else:
            for target in AttributePath(name).targets({name: [instance]}):
                found.update(_keys(target.value))
    return found


def _keys(value: JsonValue) -> Iterator[Key]:
    if isinstance(value, str):
        yield value[:_LENGTH]
        if ":" in value:
            yield normal_uri(value)[:_LENGTH]
    elif isinstance(value, bool | float):
        yield value
    elif isinstance(value, int):
        yield value if -_BITS <= value < _BITS else OPAQUE
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)
    elif isinstance(value, TemporalValue):
        yield OPAQUE


def find_keys(operator: str, value: Value) -> tuple[str, tuple[Any, ...]] | None:
    """The keys that may meet a comparison, as SQL on the column `value`; None if nothing can be said."""
    if operator == "==":
        if isinstance(value, Range):
            return _between(value)
        items = value.items if isinstance(value, ValueList) else (value,)
        keys = [_exact_key(item) for item in items]
        return None if None in keys else (f"value IN ({','.join('?' * len(keys))})", tuple(keys))
    if not isinstance(value, Literal) or operator == "!=":
        return None
    number, text = _number(value), _text(value)
    if number is not None:
        return (f"value {operator} ? AND value < ''", (number,))
    if text is None:
        return None
    return ("value >= ? AND value < x''", (text,)) if operator[0] == ">" else ("value >= '' AND value <= ?", (text,))


def _between(interval: Range) -> tuple[str, tuple[Any, ...]] | None:
    for read in (_number, _text):
        low, high = read(interval.low), read(interval.high)
        if low is not None and high is not None:
            return "value BETWEEN ? AND ?", (low, high)
    return None


def _exact_key(literal: Literal) -> Key | None:
    """The key of whatever equals a literal; None where several do."""
    if literal.kind is Kind.BOOLEAN:
        return bool(literal.value)
    if literal.kind is Kind.URI:
        return normal_uri(str(literal.value))[:_LENGTH]
    number = _number(literal)
    return _text(literal) if number is None else number


def _number(literal: Literal) -> int | float | None:
    value = literal.value
    if literal.kind is not Kind.NUMBER or isinstance(value, str):
        return None
    return value if isinstance(value, float) or -_BITS <= value < _BITS else None


def _text(literal: Literal) -> str | None:
    return str(literal.value)[:_LENGTH] if literal.kind is Kind.STRING else None
