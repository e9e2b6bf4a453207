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

from ldt_stack.broker.model.names import JsonObject

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
        if ":" in key and len(value) == 1 and all_unchanged(value[0]):  # an Attribute
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
    dumps = orjson.dumps
    lines = [b'{"id":' + dumps(rest.pop("id")), b',"type":' + dumps(rest.pop("type"))]
    lines.append(b"".join([b',"%b":%b' % (name.encode(), dumps(rest.pop(name))) for name in _TIMES if name in rest]))
    lines.append(b"," + dumps(rest)[1:-1] if rest else b"")
    for name, instance in plain.items():
        lines += (_opening(name), dumps(instance))
    if plain:
        lines[FIRST_NAME_LINE] = lines[FIRST_NAME_LINE][1:]  # nothing is to be closed before it
    lines.append(b"]}" if plain else b"}")
    return b"\n".join(lines).decode()


@lru_cache(maxsize=4096)  # few IRIs, in every Entity
def _opening(name: str) -> bytes:
    """What closes the instance before, and begins that of an Attribute."""
    return b"],%b:[" % orjson.dumps(name)
