"""The index of values: which Entities meet a comparison of `q` (4.9), without looking at them.

For every value that a path addresses there is a key: a number, or the beginning of a text; for observedAt, normalized
text. What compares otherwise than it looks (a typed instant, an integer beyond 64 bits) has the key `OPAQUE`, which
every look-up includes. `VAGUE` says that an Attribute has keys that do not tell all (arrays, Relationships, long texts,
what is not its own value): where there is one of these two, what a look-up finds is still to be judged by the term
itself. It never leaves out what matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query.paths import AttributePath
from ldt_stack.broker.query.scope import ScopePattern
from ldt_stack.broker.query.values import Kind, Literal, Range, TemporalValue, Value, ValueList, normal_uri

Key = int | float | str | bytes

OPAQUE: Final = b""  # blobs sort behind all numbers and texts
VAGUE: Final = b"\x00"
_BOOLEANS: Final = {False: b"\x01", True: b"\x02"}
_LENGTH: Final = 64  # of the beginning of a text
_BITS: Final = 2**63
_SCALARS: Final = frozenset({int, float, str, bool})


def keys_of(path: AttributePath, instances: Sequence[JsonObject]) -> set[Key]:
    """The keys of a path.

    Args:
        path: Into an Attribute.
        instances: Of the Attribute, expanded.
    """
    found: set[Key] = set()
    bare, instants = not path.subs and not path.members, has_instants(path)
    for instance in instances:
        value = instance.get("value")
        if bare and type(value) in _SCALARS and instance.get("type") == "Property" and "valueType" not in instance:
            _add_key(found, value)
            continue
        for target in path.targets({path.name: [instance]}):
            if instants and isinstance(target.value, TemporalValue):
                found.add(target.value.text)
            else:
                found.add(VAGUE)
                _add_key(found, target.value)
    return found


def has_instants(path: AttributePath) -> bool:
    """Whether what a path addresses is an instant."""
    return path.subs[-1:] == ("observedAt",)


def _add_key(found: set[Key], value: JsonValue) -> None:
    if isinstance(value, str):
        found.add(value[:_LENGTH])
        normal = normal_uri(value) if ":" in value else value
        if len(value) > _LENGTH or normal != value:
            found.update((VAGUE, normal[:_LENGTH]))
    elif isinstance(value, bool):
        found.add(_BOOLEANS[value])
    elif isinstance(value, int):
        found.add(value if -_BITS <= value < _BITS else OPAQUE)
    elif isinstance(value, float):
        found.add(value)
    elif isinstance(value, list):
        for item in value:
            _add_key(found, item)
    elif isinstance(value, TemporalValue):
        found.add(OPAQUE)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys to be looked up.

    Args:
        sql: On the column `value`.
        parameters: Its own.
        exact: Whether Entities with these keys, and no others, meet the comparison, where none is opaque or vague.
        bounds: How many bounds the range of keys has that is looked through; None: they are single keys.
    """

    sql: str
    parameters: tuple[Any, ...]
    exact: bool = True
    bounds: int | None = None


def scope_keys(scopes: Sequence[str]) -> set[Key]:
    """The keys of Scopes: their beginnings, without the optional "/" (4.18)."""
    return {scope.removeprefix("/")[:_LENGTH] for scope in scopes}


def find_scope_keys(pattern: ScopePattern) -> Keys:
    """The keys of all Scopes that may match a pattern, and of few others."""
    whole = "+" not in pattern.levels
    levels = pattern.levels if whole else pattern.levels[: pattern.levels.index("+")]
    text = "/".join(levels)
    if (whole and not pattern.subtree) or len(text) > _LENGTH:
        return Keys("value IN (?)", (text[:_LENGTH],), exact=False)
    # "0" follows "/"; of what no level can have in it, nothing comes between.
    return Keys("value >= ? AND value < ?", (text, f"{text}0" if text else b""), exact=False, bounds=2)


def find_keys(path: AttributePath, operator: str, value: Value) -> Keys | None:
    """The keys that may meet a comparison; None if nothing can be said."""
    texts = Kind.DATETIME if has_instants(path) else Kind.STRING
    if operator == "==":
        if isinstance(value, Range):
            return _between(value, texts)
        items = value.items if isinstance(value, ValueList) else (value,)
        keys = [_exact_key(item, texts) for item in items]
        if None in keys:
            return None
        return Keys(f"value IN ({','.join('?' * len(keys))})", tuple(keys), all(_is_whole(item) for item in items))
    if not isinstance(value, Literal) or operator == "!=":
        return None
    number, text = _number(value), _text(value, texts)
    if number is not None:
        return Keys(f"value {operator} ? AND value < ''", (number,), bounds=1)
    if text is None:
        return None
    if not _is_whole(value):
        operator = operator[0] + "="  # only the beginning is compared
    low, high = ("?", "x''") if operator[0] == ">" else ("''", "?")
    above, below = (operator, "<") if operator[0] == ">" else (">=", operator)
    return Keys(f"value {above} {low} AND value {below} {high}", (text,), _is_whole(value), bounds=1)


def _between(interval: Range, texts: Kind) -> Keys | None:
    for read in (_number, partial(_text, kind=texts)):
        low, high = read(interval.low), read(interval.high)
        if low is not None and high is not None:
            whole = _is_whole(interval.low) and _is_whole(interval.high)
            return Keys("value BETWEEN ? AND ?", (low, high), whole, bounds=2)
    return None


def _is_whole(literal: Literal) -> bool:
    """Whether a key tells all of a literal; a URI stands for all that are equivalent."""
    return literal.kind is not Kind.URI and not (isinstance(literal.value, str) and len(literal.value) > _LENGTH)


def _exact_key(literal: Literal, texts: Kind) -> Key | None:
    """The key of whatever equals a literal; None where several do."""
    if literal.kind is Kind.BOOLEAN:
        return _BOOLEANS[bool(literal.value)]
    if literal.kind is Kind.URI:
        return normal_uri(str(literal.value))[:_LENGTH]
    number = _number(literal)
    return _text(literal, texts) if number is None else number


def _number(literal: Literal) -> int | float | None:
    value = literal.value
    if literal.kind is not Kind.NUMBER or isinstance(value, str):
        return None
    return value if isinstance(value, float) or -_BITS <= value < _BITS else None


def _text(literal: Literal, kind: Kind) -> str | None:
    return str(literal.value)[:_LENGTH] if literal.kind is kind else None
