"""What the city's things look like as NGSI-LD entities: Smart Data Models types, units, provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from ldt_stack.city.clock import SeriesClock, helsinki_time, rfc3339
from ldt_stack.city.series import Series, load_series

JsonObject = dict[str, Any]
CITY = "helsinki"
# Units are UN/CEFACT Recommendation 20 common codes.
PER_HOUR, CELSIUS, HECTOPASCAL = "H10", "CEL", "A97"
MICROGRAM_PER_CUBIC_METRE, WATT, ONE = "GQ", "WTT", "C62"
DATA_PROVIDER = "Reference twin: recorded series replayed"


@dataclass(frozen=True, slots=True)
class Station:
    """Something that stands in the city and measures, or is just there.

    Attributes:
        coordinates: lon, lat in degrees (WGS 84).
        osm: The OpenStreetMap object whose position it has.
        series: Data set it replays; None for what does not change.
        column: Column of that data set; None: all of them belong to this station.
        capacity: Places (parking) or slots (bikes).
    """

    type: str
    local: str
    name: str
    coordinates: tuple[float, float]
    osm: str
    series: str | None = None
    column: str | None = None
    capacity: int | None = None

    @property
    def id(self) -> str:
        """Its URN, the same on every start."""
        return f"urn:ngsi-ld:{self.type}:{CITY}:{self.local}"


@dataclass(frozen=True, slots=True)
class Theme:
    """A thematic data set.

    Attributes:
        interval_seconds: Wall seconds between two published observations.
        history_weeks: How much of the past is written at the start.
        measured: Values of one moment (column -> recorded value) to attributes; the first attribute is the main one.
    """

    title: str
    description: str
    source: str
    licence: str
    interval_seconds: float
    history_weeks: int
    measured: Callable[[Station, Mapping[str, float]], dict[str, JsonObject]]
    static: Callable[[Station], dict[str, JsonObject]] = lambda _: {}


def quantity(value: float, unit_code: str) -> JsonObject:
    """A Property with a unit; whole numbers stay whole."""
    rounded = round(value, 2)
    return {
        "type": "Property",
        "value": int(rounded) if rounded == int(rounded) else rounded,
        "unitCode": unit_code,
    }


def text_property(value: Any) -> JsonObject:
    """A Property without unit or time."""
    return {"type": "Property", "value": value}


def date_time(moment: str) -> JsonObject:
    """A Property whose value is an instant (clause 4.6.3)."""
    return {"type": "Property", "value": {"@type": "DateTime", "@value": moment}}


def _parking(station: Station, values: Mapping[str, float]) -> dict[str, JsonObject]:
    total = station.capacity or 0
    occupied = min(max(round(next(iter(values.values()))), 0), total)  # the source has a few values above capacity
    return {
        "availableSpotNumber": quantity(total - occupied, ONE),
        "occupiedSpotNumber": quantity(occupied, ONE),
        "occupancy": quantity(occupied / total, ONE),
    }


UCI = "https://archive.ics.uci.edu/dataset"
CC_BY = "https://creativecommons.org/licenses/by/4.0/"
ODBL = "https://opendatacommons.org/licenses/odbl/1-0/"
THEMES: dict[str, Theme] = {
    "TrafficFlowObserved": Theme(
        title="Traffic flow",
        description="Vehicles per hour at three street sections.",
        source=f"{UCI}/492/metro+interstate+traffic+volume",
        licence=CC_BY,
        interval_seconds=5,
        history_weeks=10,
        measured=lambda _, values: {"intensity": quantity(next(iter(values.values())), PER_HOUR)},
    ),
    "AirQualityObserved": Theme(
        title="Air quality",
        description="Fine dust (PM2.5) at two stations.",
        source=f"{UCI}/381/beijing+pm2+5+data",
        licence=CC_BY,
        interval_seconds=30,
        history_weeks=3,
        measured=lambda _, values: {"pm25": quantity(next(iter(values.values())), MICROGRAM_PER_CUBIC_METRE)},
    ),
    "OffStreetParking": Theme(
        title="Off-street parking",
        description="Free places in the car parks of the centre, recorded between 8:00 and 16:30.",
        source=f"{UCI}/482/parking+birmingham",
        licence=CC_BY,
        interval_seconds=30,
        history_weeks=3,
        measured=_parking,
        static=lambda station: {
            "totalSpotNumber": quantity(station.capacity or 0, ONE),
            "category": text_property(["public", "forCustomers"]),
        },
    ),
    "ACMeasurement": Theme(
        title="Electricity",
        description="Mean active power of a group of customers at two feeders.",
        source="https://doi.org/10.5281/zenodo.4656140",
        licence=CC_BY,
        interval_seconds=5,
        history_weeks=3,
        measured=lambda _, values: {"totalActivePower": quantity(next(iter(values.values())) * 1000, WATT)},
        static=lambda _: {"phaseType": text_property("threePhase")},
    ),
    "WeatherObserved": Theme(
        title="Weather",
        description="Air temperature, dew point and pressure at one station.",
        source=f"{UCI}/381/beijing+pm2+5+data",
        licence=CC_BY,
        interval_seconds=30,
        history_weeks=3,
        measured=lambda _, values: {
            "temperature": quantity(values["temperature"], CELSIUS),
            "dewPoint": quantity(values["dewPoint"], CELSIUS),
            "atmosphericPressure": quantity(values["atmosphericPressure"], HECTOPASCAL),
        },
    ),
    "BikeHireDockingStation": Theme(
        title="Bike hire stations",
        description="Where the city bike stations are and how many bikes they hold; positions and sizes only.",
        source="https://www.openstreetmap.org/",
        licence=ODBL,
        interval_seconds=3600,
        history_weeks=0,
        measured=lambda _station, _values: {},
        static=lambda station: {"totalSlotNumber": quantity(station.capacity or 0, ONE)},
    ),
}


@cache
def load_stations() -> tuple[Station, ...]:
    """Every station of the city, as the package has them."""
    rows = json.loads(files("ldt_stack.city").joinpath("data", "stations.json").read_text(encoding="utf-8"))
    return tuple(Station(**{**row, "coordinates": tuple(row["coordinates"])}) for row in rows)


def columns_of(station: Station) -> dict[str, Series]:
    """The recorded columns that a station replays; empty for what does not change."""
    if station.series is None:
        return {}
    series = load_series(station.series)
    return {station.column: series[station.column]} if station.column else dict(series)


def description_entity(station: Station) -> JsonObject:
    """What does not change about a station: name, place, provenance."""
    theme = THEMES[station.type]
    return {
        "id": station.id,
        "type": station.type,
        "name": text_property(station.name),
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(station.coordinates)}},
        "source": text_property(theme.source),
        "dataProvider": text_property(DATA_PROVIDER if station.series else "OpenStreetMap contributors"),
        "license": text_property(theme.licence),
        "seeAlso": text_property(f"https://www.openstreetmap.org/{station.osm}"),
        **theme.static(station),
    }


def observation(station: Station, clock: SeriesClock, moment: datetime, shifts: Mapping[str, int]) -> JsonObject:
    """The attributes of a station at a wall instant, interpolated between recorded values.

    Source: CIM 009 V1.9.1, clause 4.5.2 (normalized form), 4.8 (observedAt).
    """
    local = helsinki_time(clock.city_time(moment))
    columns = columns_of(station)
    values = {
        name: series.interpolated(series.position(local, shifts[series.name])) for name, series in columns.items()
    }
    stamp = rfc3339(moment)
    attributes = THEMES[station.type].measured(station, values)
    return {
        "id": station.id,
        "type": station.type,
        "dateObserved": date_time(stamp),
        **{name: {**attribute, "observedAt": stamp} for name, attribute in attributes.items()},
    }


def recorded_instances(
    station: Station, clock: SeriesClock, moments: list[datetime], shifts: Mapping[str, int]
) -> JsonObject:
    """Temporal evolution (clause 5.2.20) of a station: recorded values only, no interpolation; gaps stay gaps."""
    evolution: JsonObject = {"id": station.id, "type": station.type}
    columns = columns_of(station)
    for moment in moments:
        local = helsinki_time(clock.city_time(moment))
        values = {
            name: series.recorded(series.position(local, shifts[series.name])) for name, series in columns.items()
        }
        present = {name: value for name, value in values.items() if value is not None}
        if len(present) != len(columns):
            continue
        stamp = rfc3339(moment)
        for name, attribute in THEMES[station.type].measured(station, present).items():
            evolution.setdefault(name, []).append({**attribute, "observedAt": stamp})
    return evolution
