"""One way to look at data from different APIs: what each item says, with units and times, whatever form it came in.

NGSI-LD (normalized), NGSIv2 (normalized), OGC API Features (GeoJSON), SensorThings (datastreams with their latest
observation) and plain JSON are read into `Item`s. Nothing is corrected on the way: a value that is missing, or wrong,
stays so. Names are shortened to the last part of an IRI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NOT_ATTRIBUTES = frozenset({"id", "type", "@context", "scope", "createdAt", "modifiedAt", "expiresAt", "deletedAt"})
GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
TIME_NAME = re.compile(r"(?i)(time|date|timestamp|instant)")
ID_NAMES = ("id", "@id", "@iot.id", "ID", "Id", "uuid", "identifier")


@dataclass(frozen=True, slots=True)
class Value:
    """One Attribute instance of one item.

    Attributes:
        kind: `property`, `relationship`, `geometry` or `other`.
        unit: As given (`unitCode`, `unitOfMeasurement`); None where none is.
        times: Name to text or number: `observedAt`, `TimeInstant`, `phenomenonTime`.
        dataset: The datasetId, None for the default instance.
        members: Names of everything else that the instance says (sub-Attributes, metadata).
    """

    name: str
    kind: str
    value: Any
    unit: str | None = None
    times: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    members: frozenset[str] = frozenset()

    @property
    def is_number(self) -> bool:
        """Whether the value is a number (and no truth value)."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)


@dataclass(frozen=True, slots=True)
class Item:
    """An entity, a feature, a datastream, or a member of a list that an API gave.

    Attributes:
        id: As given; None where there is none.
        type: Short name of the entity type, or the collection.
        types: All types as given, long names included.
        geometry: The first geometry found, as given.
        form: `normalized`, `key-values`: whether units can be told at all.
        raw: What came.
    """

    id: Any
    type: str
    values: tuple[Value, ...]
    raw: Any
    types: tuple[str, ...] = ()
    geometry: Any = None
    form: str = "normalized"

    def numbers(self) -> list[Value]:
        """The instances with a numeric value."""
        return [value for value in self.values if value.kind == "property" and value.is_number]


def short(name: str) -> str:
    """The last part of an IRI (after `#`, `/` or the last `:` of a URN); any other name as it is."""
    if name.startswith("urn:"):
        return name.rsplit(":", 1)[-1]
    return re.split(r"[#/]", name.rstrip("/#"))[-1] if "://" in name else name


def read_ngsi_ld(entity: Mapping[str, Any]) -> Item:
    """A normalized NGSI-LD Entity (CIM 009 V1.9.1 clause 4.5.1)."""
    types = _texts(entity.get("type"))
    values: list[Value] = []
    for name, content in entity.items():
        if name in NOT_ATTRIBUTES:
            continue
        instances = content if isinstance(content, list) else [content]
        values += [_ngsi_ld_value(short(name), instance) for instance in instances]
    normalized = any(value.kind != "plain" for value in values)
    return Item(
        id=entity.get("id"),
        type=short(types[0]) if types else "",
        values=tuple(values),
        raw=entity,
        types=types,
        geometry=_location(values),
        form="normalized" if normalized else "key-values",
    )


def _ngsi_ld_value(name: str, instance: Any) -> Value:
    if not isinstance(instance, dict) or "type" not in instance or is_geometry(instance):
        return Value(name, "plain", instance)
    kinds = {"Property": "property", "Relationship": "relationship", "GeoProperty": "geometry"}
    kind = kinds.get(str(instance["type"]), "other")
    content = instance.get("object" if kind == "relationship" else "value", instance.get("languageMap"))
    return Value(
        name,
        kind,
        _typed(content),
        unit=instance.get("unitCode") if isinstance(instance.get("unitCode"), str) else None,
        times={"observedAt": instance["observedAt"]} if "observedAt" in instance else {},
        dataset=instance.get("datasetId") if isinstance(instance.get("datasetId"), str) else None,
        members=frozenset(map(short, instance)) - {"type", "value", "object", "unitCode", "observedAt", "datasetId"},
    )


def _typed(content: Any) -> Any:
    """A JSON-LD typed value (`{"@type": "DateTime", "@value": …}`) as its value."""
    return content["@value"] if isinstance(content, dict) and "@value" in content else content


def read_ngsi_v2(entity: Mapping[str, Any]) -> Item:
    """A normalized NGSIv2 entity."""
    values = [_ngsi_v2_value(name, content) for name, content in entity.items() if name not in NOT_ATTRIBUTES]
    return Item(
        id=entity.get("id"),
        type=str(entity.get("type", "")),
        values=tuple(values),
        raw=entity,
        types=_texts(entity.get("type")),
        geometry=_location(values),
        form="normalized" if any(value.kind != "plain" for value in values) else "key-values",
    )


def _ngsi_v2_value(name: str, content: Any) -> Value:
    if not isinstance(content, dict) or "value" not in content:
        return Value(name, "plain", content)
    metadata = content.get("metadata")
    notes = {
        key: entry.get("value") if isinstance(entry, dict) else entry
        for key, entry in (metadata if isinstance(metadata, dict) else {}).items()
    }
    type_name = str(content.get("type", ""))
    kind = "geometry" if type_name.startswith("geo:") else "property"
    if type_name == "Relationship":
        kind = "relationship"
    value = content["value"]
    if type_name == "geo:point" and isinstance(value, str):
        value = _geo_point(value)
    unit = notes.get("unitCode", notes.get("unit"))
    return Value(
        name,
        kind,
        value,
        unit=unit if isinstance(unit, str) else None,
        times={key: notes[key] for key in ("TimeInstant", "timestamp", "dateObserved") if key in notes},
        members=frozenset(notes) - {"unitCode", "unit", "TimeInstant", "timestamp"},
    )


def _geo_point(text: str) -> Any:
    """NGSIv2's `geo:point` is text: latitude first, then longitude."""
    parts = text.split(",")
    try:
        return {"type": "Point", "coordinates": [float(parts[1]), float(parts[0])]}
    except (ValueError, IndexError):
        return text


def read_feature(feature: Mapping[str, Any], collection: str = "") -> Item:
    """A GeoJSON Feature (RFC 7946 section 3.2)."""
    properties = feature.get("properties")
    shown = properties if isinstance(properties, dict) else {}
    return Item(
        id=feature.get("id"),
        type=collection,
        values=tuple(Value(name, "property", value) for name, value in shown.items()),
        raw=feature,
        types=(collection,) if collection else (),
        geometry=feature.get("geometry"),
        form="key-values",
    )


def read_datastream(datastream: Mapping[str, Any]) -> Item:
    """A SensorThings Datastream with its latest Observation, expanded (OGC 18-088 sections 8.2.4 and 8.2.7)."""
    measured = datastream.get("unitOfMeasurement")
    unit = measured.get("symbol") or measured.get("name") if isinstance(measured, dict) else None
    latest = _first(datastream.get("Observations"))
    values = []
    if latest is not None:
        times = {name: latest[name] for name in ("phenomenonTime", "resultTime") if latest.get(name) is not None}
        name = str(datastream.get("name", "result"))
        values.append(Value(name, "property", latest.get("result"), unit=unit or None, times=times))
    thing = datastream.get("Thing")
    location = _first(thing.get("Locations")) if isinstance(thing, dict) else None
    return Item(
        id=datastream.get("@iot.id"),
        type="Datastream",
        values=tuple(values),
        raw=datastream,
        types=("Datastream",),
        geometry=location.get("location") if location else datastream.get("observedArea"),
    )


def read_plain(member: Mapping[str, Any], collection: str = "") -> Item:
    """A member of a list in an API of its own kind; only names can tell what it says."""
    return Item(
        id=next((member[name] for name in ID_NAMES if name in member), None),
        type=collection,
        values=tuple(Value(name, "property", value) for name, value in member.items() if name not in ID_NAMES),
        raw=member,
        types=(collection,) if collection else (),
        geometry=next((value for value in member.values() if is_geometry(value)), None),
        form="key-values",
    )


def is_geometry(value: Any) -> bool:
    """Whether this looks like a GeoJSON geometry."""
    return (
        isinstance(value, dict)
        and value.get("type") in GEOMETRIES
        and ("coordinates" in value or "geometries" in value)
    )


def times_of(item: Item) -> Iterable[tuple[str, Any]]:
    """Every time that an item states: those of its values, and attributes that are named like one."""
    for value in item.values:
        for name, time in value.times.items():
            yield f"{value.name}.{name}", time
        if value.kind in {"property", "plain"} and _is_time(value):
            yield value.name, value.value


def _is_time(value: Value) -> bool:
    """A name with time or date in it, and a value that could be one: text or a whole number of epoch size."""
    if not TIME_NAME.search(value.name):
        return False
    if isinstance(value.value, str):
        return bool(re.match(r"\d{1,4}[-/.]\d", value.value))
    return isinstance(value.value, int) and not isinstance(value.value, bool) and len(str(abs(value.value))) in {10, 13}


def _location(values: Iterable[Value]) -> Any:
    found = [value for value in values if value.kind == "geometry" or is_geometry(value.value)]
    named = [value for value in found if value.name == "location"]
    return (named or found)[0].value if found else None


def _first(value: Any) -> dict[str, Any] | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(entry for entry in listed if isinstance(entry, str))
