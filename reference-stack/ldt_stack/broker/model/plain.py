"""Entities that are written as a whole and have nothing but plain Attributes: most are, and need little work.

ETSI GS CIM 009 V1.9.1, clauses 4.5.1 and 4.5.2.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import orjson

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.attributes import is_plain
from ldt_stack.broker.model.entities import Fragment
from ldt_stack.broker.model.names import GEO_PROPERTIES, NULL, JsonObject
from ldt_stack.broker.query.lexical import is_uri


class PlainEntity(NamedTuple):
    """What is to be written, made ready while it is at hand: the objects that were read can go.

    Args:
        id: A URI.
        types: IRIs, at least one.
        names: IRIs of the Attributes, at least one.
        instances: JSON array of the one instance of each, in the same order, without system times.
        observed_at: Of all of them, each once; None stands for those that have none.
        geo_properties: The GeoProperties among them, IRI -> a list of the one instance.
    """

    id: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    instances: bytes
    observed_at: frozenset[str | None]
    geo_properties: dict[str, list[JsonObject]]

    @property
    def attributes(self) -> dict[str, list[JsonObject]]:
        """As in a Fragment."""
        return {name: [one] for name, one in zip(self.names, orjson.loads(self.instances), strict=True)}

    @property
    def fragment(self) -> Fragment:
        """What it was made of."""
        return Fragment(self.id, self.types, attributes=self.attributes, others=frozenset())

    @property
    def payload(self) -> JsonObject:
        """As a request could bring it: IRIs are names in any @context."""
        members = {name: one for name, (one,) in self.attributes.items()}
        return {"id": self.id, "type": list(self.types), **members}

    def expanded(self, created_at: str, modified_at: str) -> JsonObject:
        """As `patch.create` makes it; both times normalized."""
        times = {"createdAt": created_at, "modifiedAt": modified_at}
        return {"id": self.id, "type": list(self.types), **times, **self.attributes}


def plain_entity(fragment: Fragment) -> PlainEntity | None:
    """A complete Entity made ready; None if it has more than plain Attributes."""
    if fragment.id is None or not fragment.is_plain:
        return None
    attributes = fragment.attributes
    instances = [one for (one,) in attributes.values()]
    return PlainEntity(
        fragment.id,
        fragment.types,
        tuple(attributes),
        orjson.dumps(instances),
        frozenset([one.get("observedAt") for one in instances]),
        {name: instances for name, instances in attributes.items() if instances[0]["type"] == "GeoProperty"},
    )


def read_plain(payload: JsonObject, ld_context: LdContext) -> PlainEntity | None:
    """What `plain_entity(read_entity(payload, …))` says, of a payload whose names came up before, in one go.

    Args:
        payload: Of a complete Entity.
        ld_context: Expands names.

    Returns:
        None: it is to be read in full, and may be faulty.
    """
    names, instances = [], []
    observed_at: set[str | None] = set()
    geo_properties: dict[str, list[JsonObject]] = {}
    known = ld_context.known_names
    identifier = types = None
    for key, value in payload.items():
        name = known.get(key)
        if name is None:
            if key == "id":
                identifier = value
            elif key == "type":
                types = value
            else:
                return None
            continue
        if not is_plain(value, observed_at):
            return None
        if value["type"] == "GeoProperty":
            geo_properties[name] = [value]
        names.append(name)
        instances.append(value)
        observed_at.add(value.get("observedAt"))
    iris = ld_context.known_types.get(types) if isinstance(types, str) else None
    all_names = tuple(names)
    if not names or iris is None or not isinstance(identifier, str) or not is_uri(identifier) or identifier == NULL:
        return None
    if not _fits(all_names, tuple(geo_properties)):
        return None
    return PlainEntity(identifier, iris, all_names, orjson.dumps(instances), frozenset(observed_at), geo_properties)


@lru_cache(maxsize=1024)
def _fits(names: tuple[str, ...], geo_properties: tuple[str, ...]) -> bool:
    """Whether no two names stand for one Attribute, and the core's own GeoProperties are such (4.7.1)."""
    return len(set(names)) == len(names) and (GEO_PROPERTIES & set(names)) <= set(geo_properties)


def whole_fragment(written: Fragment | PlainEntity) -> Fragment:
    """For who has to look at each Attribute."""
    return written.fragment if isinstance(written, PlainEntity) else written
