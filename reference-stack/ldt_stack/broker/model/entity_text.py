r"""An expanded Entity as JSON text whose lines say what is where, so that parts can be handed on without being read.

JSON like any other: line breaks stand only between its parts, since inside of strings they are written `\n`. The lines:

    {"id":"urn:…"
    ,"type":["https://…"]
    ,"createdAt":"…","modifiedAt":"…"       as far as there are such times
    ,"scope":…,"https://…":[{…},{…}]        all other members, and Attributes that are not plain; mostly empty
    ,"https://…":[                          for each plain Attribute its name (all but the first behind `]`),
    {"type":"Property","value":1}           and its one instance
    ]}                                      or `}` where no Attribute is plain

An Attribute is plain if its normalized representation (4.5.2.2 and its siblings) is its one instance, as it stands.
What is plain is written to disk: whoever changes `UNCHANGED_MEMBERS` changes the schema of the store.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from ldt_stack.broker.model.names import JsonObject, JsonValue, is_attribute_key

# Of an Attribute instance: the same in the expanded form and in the normalized representation, in any @context.
UNCHANGED_MEMBERS: Final = frozenset(
    {"type", "value", "object", "valueList", "json", "unitCode", "observedAt", "datasetId"}
)
ID_LINE, TYPE_LINE, TIMES_LINE, OTHER_LINE, FIRST_NAME_LINE = range(5)
_TIMES: Final = ("createdAt", "modifiedAt")


def split_plain(entity: JsonObject) -> tuple[JsonObject, JsonObject]:
    """All else of an Entity, and its plain Attributes: IRI -> the one instance."""
    rest: JsonObject = {}
    plain: JsonObject = {}
    all_unchanged = UNCHANGED_MEMBERS.issuperset
    for key, value in entity.items():
        if is_attribute_key(key) and len(value) == 1 and all_unchanged(value[0]):
            plain[key] = value[0]
        else:
            rest[key] = value
    return rest, plain


def write_text(rest: JsonObject, plain: JsonObject) -> str:
    """The text of an Entity.

    Args:
        rest: As `split_plain` returns it; has "id" and "type", which are taken out, as times are.
        plain: Likewise.

    Returns:
        JSON; Attributes that are plain come last, otherwise the order is kept.
    """
    lines = [f'{{"id":{_json(rest.pop("id"))}', f',"type":{_json(rest.pop("type"))}']
    lines.append("".join([f',"{name}":{_json(rest.pop(name))}' for name in _TIMES if name in rest]))
    lines.append(f",{_json(rest)[1:-1]}" if rest else "")
    before = ""
    for name, instance in plain.items():
        lines += (f"{before},{_name(name)}:[", _json(instance))
        before = "]"
    lines.append(before + "}")
    return "\n".join(lines)


def _json(value: JsonValue) -> str:
    return orjson.dumps(value).decode()


_name = lru_cache(maxsize=4096)(_json)  # few IRIs, in every Entity
