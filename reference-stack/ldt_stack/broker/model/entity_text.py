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

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.plain import PlainEntity

# Of an Attribute instance: the same in the expanded form and in the normalized representation, in any @context.
UNCHANGED_MEMBERS: Final = frozenset(
    {"type", "value", "object", "valueList", "json", "unitCode", "observedAt", "datasetId"}
)
ID_LINE, TYPE_LINE, TIMES_LINE, OTHER_LINE, FIRST_NAME_LINE = range(5)
_TIMES: Final = ("createdAt", "modifiedAt")
_CREATED: Final = ',"createdAt":"'
_GEO_PROPERTY: Final = '"type":"GeoProperty"'
_SHORT: Final = 200  # characters; a Point has fewer
_FORM: Final = b'{"id":%b\n,"type":%b\n,"createdAt":"%b","modifiedAt":"%b"\n\n%b'


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
    for name, members in zip(plain, split_array(dumps(list(plain.values())), len(plain)), strict=True):
        lines += (_opening(name), b"{" + members + b"}")
    if plain:
        lines[FIRST_NAME_LINE] = lines[FIRST_NAME_LINE][1:]  # nothing is to be closed before it
    lines.append(b"]}" if plain else b"}")
    return b"\n".join(lines).decode()


def split_array(array: bytes, count: int) -> list[bytes]:
    """The members of each of so many objects, none of them empty, of a JSON array that orjson has made.

    One array is encoded in less time than two of its objects would be, one by one.
    """
    found = array[2:-2].split(b"},{") if count else []
    if len(found) != count:  # there are such characters inside of an object, too
        found = [orjson.dumps(one)[1:-1] for one in orjson.loads(array)]
    return found


def write_plain(entity: PlainEntity, instances: Sequence[bytes], created_at: str, modified_at: str) -> str:
    """What `write_text` makes of an Entity that is nothing but plain, with these times.

    Args:
        entity: Whose text.
        instances: `split_array` of its instances.
        created_at: Normalized; likewise `modified_at`.
        modified_at: Of the Entity.
    """
    lines = _FORM % (
        orjson.dumps(entity.id),
        _types(entity.types),
        created_at.encode(),
        modified_at.encode(),
        _form(entity.names) % tuple(instances),
    )
    return lines.decode()


@lru_cache(maxsize=1024)
def _form(names: tuple[str, ...]) -> bytes:
    """Where the instances of Attributes go."""
    escaped = (_opening(name).replace(b"%", b"%%") + b"\n{%b}" for name in names)
    return b"\n".join(escaped)[1:] + b"\n]}"


def created_at_of(text: str, types: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    """When an Entity was created, if it has nothing but plain Attributes: these, without datasetId, and these types.

    Args:
        text: Of the Entity.
        types: IRIs, in their order.
        names: Of the Attributes, in their order.
    """
    lines = text.split("\n")
    times = lines[TIMES_LINE]
    if (
        lines[OTHER_LINE]
        or not times.startswith(_CREATED)
        or lines[FIRST_NAME_LINE:-1:2] != _names(names)
        or lines[TYPE_LINE] != ',"type":' + _types(types).decode()
        or '"datasetId":' in text
    ):
        return None
    return times[len(_CREATED) : times.index('"', len(_CREATED))]


@lru_cache(maxsize=1024)
def _names(names: tuple[str, ...]) -> list[str]:
    """The lines of names of plain Attributes."""
    return [_opening(name).decode()[place == 0 :] for place, name in enumerate(names)]


@lru_cache(maxsize=1024)
def _types(types: tuple[str, ...]) -> bytes:
    return orjson.dumps(types)


def places_of(entity: PlainEntity, instances: Sequence[bytes]) -> str:
    """What tells the GeoProperties of an Entity, but for their observedAt: their text, or a hash of a long one.

    Args:
        entity: Whose.
        instances: `split_array` of its instances.
    """
    told = b""
    for name, (instance,) in entity.geo_properties.items():
        members = instances[entity.names.index(name)]
        if "observedAt" in instance:  # as the last member it can be taken off
            last = f',"observedAt":"{instance["observedAt"]}"'.encode()
            if members.endswith(last):
                members = members[: -len(last)]
            else:
                members = orjson.dumps({key: value for key, value in instance.items() if key != "observedAt"})[1:-1]
        told += _opening(name) + members
    return told.decode() if len(told) <= _SHORT else blake2b(told, digest_size=16).hexdigest()


def geo_properties_of(text: str) -> dict[str, list[JsonObject]]:
    """The GeoProperties of an Entity that has nothing but plain Attributes: IRI -> a list of the one instance."""
    found: dict[str, list[JsonObject]] = {}
    place = text.find(_GEO_PROPERTY)
    while place >= 0:
        begin, end = text.rfind("\n", 0, place) + 1, text.index("\n", place)
        name = text[text.rfind("\n", 0, begin - 1) + 1 : begin]
        found[_name_in(name)] = [orjson.loads(text[begin:end])]
        place = text.find(_GEO_PROPERTY, end)
    return found


@lru_cache(maxsize=1024)
def _name_in(line: str) -> str:
    """The name that a line has, `],"https://…":[` or without what closes the instance before."""
    name: str = orjson.loads(line[line.index('"') : line.rindex('"') + 1])
    return name


@lru_cache(maxsize=4096)  # few IRIs, in every Entity
def _opening(name: str) -> bytes:
    """What closes the instance before, and begins that of an Attribute."""
    return b"],%b:[" % orjson.dumps(name)
