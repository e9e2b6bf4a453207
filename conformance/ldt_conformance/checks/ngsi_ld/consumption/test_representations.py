"""Languages and GeoJSON of a retrieved Entity: ETSI GS CIM 009 V1.9.1, clauses 4.5.16, 4.5.17, 4.15 and 5.7.1."""

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_entity,
    expect_members,
    expect_object,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import LISBON, stored
from ldt_conformance.checks.ngsi_ld.sample import Sample
from ldt_conformance.clients import GEO_JSON, point
from ldt_conformance.comparators import instances, same_value
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal

WRITE = Mode.SANDBOX_WRITE
SIMPLIFIED = {"options": "keyValues"}
GEOMETRY = cim009(
    "4.5.16.1",
    "A parameter of the request (named geometryProperty) may be used to indicate the name of the GeoProperty",
)


@check(
    id="retrieve-entity/geojson",
    title="As GeoJSON an Entity is a Feature: geometry from location, Attributes in properties",
    level=Level.MUST,
    clause=cim009(
        "4.5.16.2",
        "The value of the selected GeoProperty (a GeoJSON geometry object) used to define the spatial location of",
    ),
    requirements=["ngsi-ld/4.5.16", "ngsi-ld/6.3.15"],
    test_purposes=purposes("CI/Cons/E/018_05_02"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_geojson(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, accept=GEO_JSON))

    expect_equal((found.get("type"), found.get("id")), ("Feature", stored_entity.id), "type and id")
    properties = found.get("properties") or {}
    expect_entity({"type": stored_entity.type, **stored_entity.attributes}, properties)
    if not same_value(LISBON, found.get("geometry")):
        fail(f"geometry {LISBON}", f"geometry {found.get('geometry')}")


@check(
    id="retrieve-entity/geojson-simplified",
    title="As simplified GeoJSON the properties show values alone",
    level=Level.MUST,
    clause=cim009("4.5.17.0", "When both simplified (see clause 4.5.4) and GeoJSON representation is requested"),
    requirements=["ngsi-ld/4.5.17", "ngsi-ld/6.3.15"],
    test_purposes=purposes("CI/Cons/E/018_05_01"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_geojson_simplified(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, accept=GEO_JSON, params=SIMPLIFIED))

    properties = found.get("properties") or {}
    shown = {name: properties.get(name) for name in ("speed", "brandName")}
    expect_equal(shown, {"speed": 55, "brandName": "Mercedes"}, "properties")


@check(
    id="retrieve-entity/geojson-geometry-property",
    title="geometryProperty selects the geometry of the Feature",
    level=Level.MUST,
    clause=GEOMETRY,
    requirements=["ngsi-ld/4.5.16", "ngsi-ld/6.3.15"],
    test_purposes=purposes("CI/Cons/E/018_05_03"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_geometry_property(broker: Broker) -> None:
    place = point(3.0, 4.0)
    entity = broker.new_entity().with_geo_property("location", LISBON).with_geo_property("observationSpace", place)
    stored(broker, entity)

    params = {"geometryProperty": "observationSpace"}
    found = expect_object(broker.retrieve_entity(entity.id, accept=GEO_JSON, params=params))

    if not same_value(place, found.get("geometry")):
        fail(f"geometry {place}", f"geometry {found.get('geometry')}")


@check(
    id="retrieve-entity/geojson-no-geometry",
    title="Where the Entity lacks the GeoProperty, the geometry is null",
    level=Level.MUST,
    clause=cim009("4.5.16.1", "geometry shall be undefined and returned with a value of null"),
    requirements=["ngsi-ld/4.5.16"],
    test_purposes=purposes("CI/Cons/E/018_05_04"),
    pics=["PICS_EntRet"],
)
def test_no_geometry(broker: Broker, sample: Sample) -> None:
    params = {"geometryProperty": broker.unique("absent")}

    found = expect_object(broker.retrieve_entity(sample.id, accept=GEO_JSON, params=params))

    expect_members(found, present=["geometry"])
    expect_equal(found["geometry"], None, "geometry")


@check(
    id="retrieve-entity/language",
    title="lang turns a LanguageProperty into a Property in that language and says which",
    level=Level.MUST,
    clause=cim009("5.7.1.5", "LanguageProperty in question shall be converted into a Property."),
    requirements=["ngsi-ld/4.15"],
    test_purposes=purposes("CI/Cons/E/018_07_01"),
    pics=["PICS_LANGFILTER", "PICS_EntRet"],
    since="1.4.1",
    mode=WRITE,
)
def test_language(broker: Broker) -> None:
    entity = broker.new_entity("Building").with_language_property("street", {"fr": "Grand Place", "nl": "Grote Markt"})
    stored(broker, entity)

    found = expect_object(broker.retrieve_entity(entity.id, params={"lang": "nl"}))

    street = instances(found, "street").get(None) or {}
    shown = {name: street.get(name) for name in ("type", "value", "lang")}
    expect_equal(shown, {"type": "Property", "value": "Grote Markt", "lang": "nl"}, "street")


@check(
    id="retrieve-entity/language-ranked",
    title="lang with ranked preferences takes the best language that is there",
    level=Level.MUST,
    clause=cim009(
        "4.15", "Quality value ranking - return all LanguageProperties as a string in Swiss French or French with"
    ),
    requirements=["ngsi-ld/4.15"],
    test_purposes=purposes("CI/Cons/E/018_07_02", "CI/Cons/E/018_07_04"),
    pics=["PICS_LANGFILTER", "PICS_EntRet"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_ranked(broker: Broker) -> None:
    words = {"en": "main square", "nl": "Grote Markt", "de": "Marktplatz"}
    entity = stored(broker, broker.new_entity("Building").with_language_property("street", words))

    found = expect_object(
        broker.retrieve_entity(entity.id, params={"lang": "fr-CH,fr;q=0.9,de;q=0.8,en;q=0.5,*;q=0.1"})
    )

    street = instances(found, "street").get(None) or {}
    expect_equal((street.get("value"), street.get("lang")), ("Marktplatz", "de"), "street value and lang")


@check(
    id="retrieve-entity/language-any",
    title="lang=* takes any language that is there and says which",
    level=Level.MUST,
    clause=cim009("4.15", "it shall default to any supported language."),
    requirements=["ngsi-ld/4.15"],
    test_purposes=purposes("CI/Cons/E/018_07_03"),
    pics=["PICS_LANGFILTER", "PICS_EntRet"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_any(broker: Broker) -> None:
    words = {"fr": "Grand Place", "nl": "Grote Markt"}
    entity = stored(broker, broker.new_entity("Building").with_language_property("street", words))

    found = expect_object(broker.retrieve_entity(entity.id, params={"lang": "*"}))

    street = instances(found, "street").get(None) or {}
    if words.get(str(street.get("lang"))) != street.get("value") or street.get("type") != "Property":
        fail(f"street as a Property with value and lang from {words}", f"street {street}")


@check(
    id="retrieve-entity/language-simplified",
    title="lang in simplified representation gives the string itself",
    level=Level.MUST,
    clause=cim009("4.15", "where the value will be a string for the specified natural language."),
    requirements=["ngsi-ld/4.15", "ngsi-ld/4.5.4"],
    test_purposes=purposes("CI/Cons/E/018_07_05"),
    pics=["PICS_LANGFILTER", "PICS_EntRet"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_simplified(broker: Broker) -> None:
    words = {"fr": "Grand Place", "nl": "Grote Markt"}
    entity = stored(broker, broker.new_entity("Building").with_language_property("street", words))

    found = expect_object(broker.retrieve_entity(entity.id, params={"lang": "nl", "options": "keyValues"}))

    expect_equal(found.get("street"), "Grote Markt", "street")


@check(
    id="retrieve-entity/language-any-simplified",
    title="lang=* in simplified representation gives a string in any language that is there",
    level=Level.MUST,
    clause=cim009("4.15", "it shall default to any supported language."),
    requirements=["ngsi-ld/4.15", "ngsi-ld/4.5.4"],
    test_purposes=purposes("CI/Cons/E/018_07_06"),
    pics=["PICS_LANGFILTER", "PICS_EntRet"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_any_simplified(broker: Broker) -> None:
    words = {"fr": "Grand Place", "nl": "Grote Markt"}
    entity = stored(broker, broker.new_entity("Building").with_language_property("street", words))

    found = expect_object(broker.retrieve_entity(entity.id, params={"lang": "*", "options": "keyValues"}))

    if found.get("street") not in words.values():
        fail(f"street as one of {sorted(words.values())}", f"street {found.get('street')!r}")


@check(
    id="retrieve-entity/observation-space",
    title="observationSpace is a GeoProperty as any other, normalized and simplified",
    level=Level.MUST,
    clause=cim009("4.7.1", "observationSpace"),
    requirements=["ngsi-ld/4.7", "ngsi-ld/4.5.4"],
    test_purposes=purposes("CI/Cons/E/018_08_01", "CI/Cons/E/018_08_02"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_observation_space(broker: Broker) -> None:
    expect_space(broker, "observationSpace")


@check(
    id="retrieve-entity/operation-space",
    title="operationSpace is a GeoProperty as any other, normalized and simplified",
    level=Level.MUST,
    clause=cim009("4.7.1", "operationSpace"),
    requirements=["ngsi-ld/4.7", "ngsi-ld/4.5.4"],
    test_purposes=purposes("CI/Cons/E/018_09_01", "CI/Cons/E/018_09_02"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_operation_space(broker: Broker) -> None:
    expect_space(broker, "operationSpace")


def expect_space(broker: Broker, name: str) -> None:
    """Fail unless an area comes back in both representations."""
    area = {"type": "Polygon", "coordinates": [[[-9.2, 38.7], [-9.1, 38.7], [-9.1, 38.8], [-9.2, 38.8], [-9.2, 38.7]]]}
    entity = stored(broker, broker.new_entity("Building").with_geo_property(name, area))

    normalized = expect_object(broker.retrieve_entity(entity.id))
    simplified = expect_object(broker.retrieve_entity(entity.id, params={"options": "keyValues"}))

    expect_entity(entity.to_json(), normalized, exact_attributes=True)
    expect_equal(simplified.get(name), area, f"{name} in simplified representation")
