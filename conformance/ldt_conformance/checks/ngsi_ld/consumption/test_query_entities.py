"""Query Entities: ETSI GS CIM 009 V1.9.1, clauses 5.7.2, 6.4.3.2 and 6.23.3.1; selectors, projection and forms."""

from collections.abc import Mapping

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_entity,
    expect_ids,
    expect_list,
    expect_members,
    expect_object,
)
from ldt_conformance.checks.ngsi_ld.consumption.queries import page, query_check
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import LISBON, PARKING, read_back, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.sample import Sample, has_type
from ldt_conformance.clients import GEO_JSON
from ldt_conformance.comparators import attribute_value, expand_name, instances, members_of, same_value
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive
from ldt_conformance.expectations import expect_equal

WRITE = Mode.SANDBOX_WRITE
QUERY = ["ngsi-ld/5.7.2"]
PICS = ["PICS_QueEnt_AND_QueEntPos"]


def fleet(broker: Broker) -> Mapping[str, Entity]:
    """A and B have a speed, C has none."""
    base = broker.new_entity("Vehicle")
    return {
        "A": base.with_property("speed", 50).with_property("brandName", "Mercedes"),
        "B": base.with_id(broker.new_id("Truck")).with_property("speed", 80),
        "C": base.with_id(broker.new_id("Vehicle")).with_property("brandName", "Opel"),
    }


@check(
    id="query-entities/by-type",
    title="A query by type gives Entities of that type alone, each with id and type",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.4", "the Entity Type names match the selector of Entity Types (expanded) that is passed as a parameter;"
    ),
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_01_02"),
    pics=PICS,
)
def test_by_type(broker: Broker, sample: Sample) -> None:
    found = expect_list(broker.query_entities({"type": sample.type, "limit": 20}))

    if not found:
        fail(f"Entities of type {sample.type}, which were there a moment ago", "an empty array")
    wrong = [
        item for item in found if not isinstance(item, dict) or "id" not in item or not has_type(item, sample.type)
    ]
    expect_equal(wrong[:3], [], "elements that are no Entity of that type")


test_exact_type = query_check(
    id="query-entities/by-type-exact",
    title="A query by type gives every Entity of that type",
    population=fleet,
    params={},
    expected="ABC",
    clause=(
        "5.7.2.4",
        "the Entity Type names match the selector of Entity Types (expanded) that is passed as a parameter;",
    ),
    requirements=QUERY,
    test_purposes=["CI/Cons/E/019_01_02"],
)


test_by_ids = query_check(
    id="query-entities/by-ids",
    title="A list of ids beside the type gives those Entities alone",
    population=fleet,
    params={"id": "{id_A},{id_C}"},
    expected="AC",
    clause=("5.7.2.4", "id is equal to any of the id(s) passed as a parameter;"),
    requirements=QUERY,
    test_purposes=["CI/Cons/E/019_01_01"],
)


test_by_id_pattern = query_check(
    id="query-entities/by-id-pattern",
    title="An id pattern gives the Entities whose id matches it",
    population=fleet,
    params={"idPattern": "urn:ngsi-ld:.*Vehicle:.*"},
    expected="AC",
    clause=("5.7.2.4", "id matches the id pattern passed as a parameter;"),
    requirements=QUERY,
    test_purposes=["CI/Cons/E/019_01_03"],
)


test_by_attrs = query_check(
    id="query-entities/by-attrs",
    title="attrs gives the Entities that have at least one of the Attributes",
    population=fleet,
    params={"attrs": "speed,wheels"},
    expected="AB",
    clause=(
        "5.7.2.4",
        "if the Attribute list is present, in order for an Entity to match, it shall contain at least one of the",
    ),
    requirements=QUERY,
    test_purposes=["CI/Cons/E/019_01_04"],
)


@check(
    id="query-entities/attrs-projection",
    title="attrs also reduces the Entities to the Attributes named",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.5", "matching Entity, only the Attributes specified by the Attribute list parameter shall be included."
    ),
    requirements=[*QUERY, "ngsi-ld/4.21"],
    test_purposes=purposes("CI/Cons/E/019_01_04"),
    pics=PICS,
)
def test_attrs_projection(broker: Broker, sample: Sample) -> None:
    name = sample.attribute_name()

    found = expect_list(broker.query_entities({"type": sample.type, "attrs": name, "limit": 5}))

    if not found:
        fail(f"at least the Entity {sample.id}, which has {name}", "an empty array")
    shown = {member for item in found for member in members_of(item)}
    expect_equal(shown, members_of({name: 1}), "the Attributes of the answer")


@check(
    id="query-entities/existence-sample",
    title="A query for the existence of an Attribute gives Entities that have it",
    level=Level.MUST,
    clause=cim009(
        "4.9", "Existence (only attribute is specified). A matching entity shall contain the target element."
    ),
    requirements=["ngsi-ld/4.9", *QUERY],
)
def test_existence_sample(broker: Broker, sample: Sample, run: RunContext) -> None:
    """Q knows short names alone (4.9), so the Attribute gets one by the @context of a POST query."""
    name = expand_name(sample.attribute_name())
    term = run.unique("probed")  # a broker may keep the @context of a query; the marker says whose it is
    terms = {term: name}
    query = {"entities": [{"type": sample.type}], "q": term, "@context": terms}

    found = expect_list(broker.query_entities_post(query, params=page(broker)))

    if not found:
        fail(f"at least the Entity {sample.id}, which has {name}", "an empty array")
    without = [item.get("id") for item in found if name not in members_of(item, terms)]
    expect_equal(without, [], f"Entities without {name}")


@check(
    id="query-entities/whole",
    title="A query gives the whole Entity where no projection is asked for",
    level=Level.MUST,
    clause=cim009("5.7.2.5", "If such parameter is not present, then all Attributes shall be included."),
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_01_02"),
    pics=PICS,
    mode=WRITE,
)
def test_whole(broker: Broker, stored_entity: Entity) -> None:
    found = expect_list(broker.query_entities({"type": str(stored_entity.type)}))

    expect_ids(found, [stored_entity.id])
    expect_entity(stored_entity.to_json(), found[0], exact_attributes=True)


@check(
    id="query-entities/pick",
    title="pick reduces every Entity to the members named",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.5", "every Entity within the payload body is reduced down to only contain the defined Entity members."
    ),
    requirements=[*QUERY, "ngsi-ld/4.21"],
    since="1.8.1",
    mode=WRITE,
)
def test_pick(broker: Broker, stored_entity: Entity) -> None:
    found = expect_list(broker.query_entities({"type": str(stored_entity.type), "pick": "id,speed"}))

    expect_ids(found, [stored_entity.id])
    expect_equal(sorted(set(found[0]) - {"@context"}), ["id", "speed"], "the members of the Entity")


@check(
    id="query-entities/omit",
    title="omit removes the members named from every Entity",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.5",
        "If an exclusionary list of Entity member names is present, the defined Entity members listed are removed",
    ),
    requirements=[*QUERY, "ngsi-ld/4.21"],
    since="1.8.1",
    mode=WRITE,
)
def test_omit(broker: Broker, stored_entity: Entity) -> None:
    found = expect_list(broker.query_entities({"type": str(stored_entity.type), "omit": "type,speed,location"}))

    expect_ids(found, [stored_entity.id])
    expect_equal(sorted(set(found[0]) - {"@context"}), ["brandName", "id", "isParked"], "the members of the Entity")


@check(
    id="query-entities/nothing-found",
    title="A query that nothing matches gives an empty array, not an error",
    level=Level.MUST,
    clause=cim009("5.7.2.5", "A JSON-LD array representing the matching entities as defined by clause 5.2.4"),
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_09_09"),
    pics=PICS,
)
def test_nothing_found(broker: Broker) -> None:
    expect_equal(expect_list(broker.query_entities({"type": broker.new_type()})), [], "the answer")


@check(
    id="query-entities/simplified",
    title="A query in simplified representation shows values and objects alone",
    level=Level.MUST,
    clause=cim009("6.3.7", "simplified representation of Entities shall be provided as defined by clause 4.5.4."),
    requirements=["ngsi-ld/6.3.7", "ngsi-ld/4.5.4"],
    test_purposes=purposes("CI/Cons/E/019_04_01"),
    pics=["PICS_HTTP_SIMP_REPR"],
    mode=WRITE,
)
def test_simplified(broker: Broker, stored_entity: Entity) -> None:
    found = expect_list(broker.query_entities({"type": str(stored_entity.type), "options": "keyValues"}))

    expect_ids(found, [stored_entity.id])
    shown = {name: found[0].get(name) for name in ("speed", "brandName", "isParked")}
    expect_equal(shown, {"speed": 55, "brandName": "Mercedes", "isParked": PARKING}, "values of the Attributes")


@check(
    id="query-entities/geojson",
    title="A query as GeoJSON is a FeatureCollection of the Entities",
    level=Level.MUST,
    clause=cim009("5.7.2.4", "the response shall be a GeoJSON FeatureCollection as mandated by clause 5.2.30"),
    requirements=["ngsi-ld/4.5.16", "ngsi-ld/6.3.15"],
    test_purposes=purposes("CI/Cons/E/019_05_01"),
    pics=PICS,
    mode=WRITE,
)
def test_geojson(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.query_entities({"type": str(stored_entity.type)}, accept=GEO_JSON))

    features = found.get("features") or []
    expect_equal(found.get("type"), "FeatureCollection", "type")
    expect_ids(features, [stored_entity.id])
    if features[0].get("type") != "Feature" or not same_value(LISBON, features[0].get("geometry")):
        fail(f"a Feature with the geometry {LISBON}", f"{features[0]}")


@check(
    id="query-entities/geojson-sample",
    title="As GeoJSON the site's Entities are a FeatureCollection whose Features have geometry and properties",
    level=Level.MUST,
    clause=cim009("4.5.16.3", '"features": a JSON array of GeoJSON Feature objects as defined in clause 4.5.16.2.'),
    requirements=["ngsi-ld/4.5.16"],
    test_purposes=purposes("CI/Cons/E/019_05_01"),
    pics=PICS,
)
def test_geojson_sample(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.query_entities({"type": sample.type, "limit": 5}, accept=GEO_JSON))

    features = found.get("features")
    if found.get("type") != "FeatureCollection" or not isinstance(features, list) or not features:
        fail("a FeatureCollection with Features", f"type {found.get('type')}, features {str(features)[:200]}")
    for feature in features:
        expect_members(feature, present=["id", "type", "geometry", "properties"])


@check(
    id="query-entities/language",
    title="lang turns LanguageProperties of a query's answer into Properties",
    level=Level.MUST,
    clause=cim009("5.7.2.5", "LanguageProperty in question shall be converted into a Property."),
    requirements=["ngsi-ld/4.15"],
    since="1.4.1",
    mode=WRITE,
)
def test_language(broker: Broker) -> None:
    words = {"fr": "Grand Place", "nl": "Grote Markt"}
    entity = stored(broker, broker.new_entity("Building").with_language_property("street", words))

    found = expect_list(broker.query_entities({"type": str(entity.type), "lang": "nl"}))

    expect_ids(found, [entity.id])
    street = instances(found[0], "street").get(None) or {}
    shown = {name: street.get(name) for name in ("type", "value", "lang")}
    expect_equal(shown, {"type": "Property", "value": "Grote Markt", "lang": "nl"}, "street")


@check(
    id="query-entities/updated-value",
    title="A query sees the value of the last update",
    level=Level.MUST,
    clause=cim009("5.7.2.4", "the filter conditions specified by the query are met (as mandated by clause 4.9);"),
    requirements=[*QUERY, "ngsi-ld/4.9"],
    mode=WRITE,
)
def test_updated_value(broker: Broker) -> None:
    entity = stored(broker, simple_vehicle(broker))
    update = {"speed": {"type": "Property", "value": 123}}
    if (
        broker.update_attributes(entity.id, update).status != 204
        or attribute_value(read_back(broker, entity.id), "speed") != 123
    ):
        inconclusive(Reason.PRECONDITION_UNMET, "the update that the query is to see was not carried out")

    new = expect_list(broker.query_entities({"type": str(entity.type), "q": "speed==123"}))
    old = expect_list(broker.query_entities({"type": str(entity.type), "q": "speed==55"}))

    expect_ids(new, [entity.id])
    expect_ids(old, [])
