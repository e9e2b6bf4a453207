"""Retrieve Temporal Evolution of an Entity: ETSI GS CIM 009 V1.9.1, clauses 5.7.3, 4.11 and 6.19.3.1."""

from typing import Any

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    Reason,
    check,
    expect_members,
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import TEMPORAL, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored, stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import (
    AT,
    BROKER_AND_HISTORY,
    DECLARED,
    LAST_N,
    READ,
    eventually,
    half_past,
    instances,
    series_of,
    stored_in_terms,
    temporal_object,
    values,
)
from ldt_conformance.clients import property_
from ldt_conformance.comparators import members_of, type_names
from ldt_conformance.engine.verdicts import warn
from ldt_conformance.expectations import describe, expect_equal, require
from ldt_conformance.receiver import Receiver

RETRIEVE = ["PICS_TemEvoEntRet"]


@check(
    id="temporal-retrieve/whole",
    title="A Temporal Evolution is retrieved with id, type and every instance",
    clause=cim009(
        "5.7.3.5", "A JSON-LD object representing the Temporal Evolution of the target Entity as mandated by clause"
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_01_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_whole(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id))

    expect_equal((found.get("id"), type_names(found)), (history.id, type_names({"type": history.type})), "id and type")
    expect_equal((values(found, "speed"), values(found, "fuel")), ([120, 80, 100], [60, 55, 50]), "speed and fuel")


@check(
    id="temporal-retrieve/attrs",
    title="attrs reduces a Temporal Evolution to the Attributes named",
    clause=cim009("6.19.3.1", "List of Attributes to be retrieved."),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_03_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_attrs(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"attrs": "fuel"}))

    expect_equal(members_of(found), members_of({"fuel": 1}), "the Attributes of the answer")
    expect_equal(values(found, "fuel"), [60, 55, 50], "fuel")


@check(
    id="temporal-retrieve/two-attrs",
    title="attrs keeps each of several Attributes named, and no other",
    clause=cim009("6.19.3.1", "List of Attributes to be retrieved."),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_03_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_two_attrs(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker).with_series("load", [(3, AT[1])]))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"attrs": "fuel,speed"}))

    expect_equal(members_of(found), members_of({"fuel": 1, "speed": 1}), "the Attributes of the answer")
    expect_equal((values(found, "fuel"), values(found, "speed")), ([60, 55, 50], [120, 80, 100]), "fuel and speed")


@check(
    id="temporal-retrieve/unknown-attrs",
    title="A retrieval of Attributes that a Temporal Evolution does not have finds nothing",
    clause=cim009("5.7.3.4", "corresponding to the temporal query interval, then such Entity shall be removed from S"),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_08_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_unknown_attrs(broker: Broker) -> None:
    """The Entity is not in the result: 404, as the test purpose has it; an answer with no instance only warns."""
    history = stored_history(broker, series_of(broker))
    require(broker.retrieve_temporal(history.id, params={"attrs": "speed"}), 200, 206, step="retrieving what is there")

    response = broker.retrieve_temporal(history.id, params={"attrs": "mileage"})

    if response.status == 200:
        found = temporal_object(response)
        expect_equal(
            [name for name in ("speed", "fuel", "mileage") if instances(found, name)], [], "the Attributes shown"
        )
    expect_problem(response, status=404, error_type="ResourceNotFound", tolerated=[(200, "")])


@check(
    id="temporal-retrieve/ld-context",
    title="A Temporal Evolution is retrieved in the terms of the @context that comes along",
    clause=cim009("5.7.3.4", "Term to URI expansion of Attribute names shall be observed as mandated by clause 5.5.7."),
    requirements=["ngsi-ld/5.7.3", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/TE/020_02_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_ld_context(broker: Broker, context_server: Receiver) -> None:
    history, served, full_name = stored_in_terms(broker, context_server)

    found = temporal_object(broker.retrieve_temporal(history.id, params={"attrs": "speed"}, ld_context=served))
    without = temporal_object(broker.retrieve_temporal(history.id))

    expect_members(found, present=["speed"])
    expect_equal(values(found, "speed"), [120, 80, 100], "speed, by its short name")
    expect_members(without, present=[full_name], absent=["speed"])


@check(
    id="temporal-retrieve/after",
    title="timerel=after gives the instances observed after a time",
    clause=cim009("4.11", "after relationship (production rule named afterRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_after(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"timerel": "after", "timeAt": half_past(10)}))

    expect_equal(values(found, "speed"), [80, 100], "speed after 10:30")


@check(
    id="temporal-retrieve/before",
    title="timerel=before gives the instances observed before a time",
    clause=cim009("4.11", "before relationship (production rule named beforeRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_before(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"timerel": "before", "timeAt": half_past(11)}))

    expect_equal(values(found, "speed"), [120, 80], "speed before 11:30")


@check(
    id="temporal-retrieve/between",
    title="timerel=between gives the instances observed between two times",
    clause=cim009("4.11", "between relationship (production rule named betweenRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_03"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_between(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    params = {"timerel": "between", "timeAt": half_past(10), "endTimeAt": half_past(11)}
    found = temporal_object(broker.retrieve_temporal(history.id, params=params))

    expect_equal(values(found, "speed"), [80], "speed between 10:30 and 11:30")


@check(
    id="temporal-retrieve/bounds",
    title="The lower bound of between is included and the upper one is not",
    clause=cim009("4.11", "is inclusive and the value specified for the upper bound of the range is exclusive."),
    requirements=["ngsi-ld/4.11"],
    since="1.9.1",
    **DECLARED,
)
def test_bounds(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    params = {"timerel": "between", "timeAt": AT[1], "endTimeAt": AT[3]}
    found = temporal_object(broker.retrieve_temporal(history.id, params=params))

    expect_equal(values(found, "speed"), [120, 80], "speed from 10:00 (included) to 12:00 (excluded)")


@check(
    id="temporal-retrieve/last-n",
    title="lastN gives the newest n instances of each Attribute",
    clause=cim009("5.7.3.4", LAST_N),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_05_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_last_n(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"lastN": 2}))

    expect_equal((values(found, "speed"), values(found, "fuel")), ([80, 100], [55, 50]), "speed and fuel with lastN=2")


@check(
    id="temporal-retrieve/last-n-all",
    title="lastN greater than the number of instances gives all of them",
    clause=cim009("5.7.3.4", LAST_N),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_05_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_last_n_all(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"lastN": 10}))

    expect_equal(values(found, "speed"), [120, 80, 100], "speed with lastN=10")


@check(
    id="temporal-retrieve/unknown-id",
    title="Retrieving a Temporal Evolution that does not exist is ResourceNotFound",
    clause=cim009(
        "5.7.3.4", "(URI) is equivalent held locally, and no matching registrations apply, then an error of type"
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_07_01"),
    pics=RETRIEVE,
    **READ,
)
def test_unknown_id(broker: Broker) -> None:
    expect_problem(broker.retrieve_temporal(broker.new_id()), status=404, error_type="ResourceNotFound")


@check(
    id="temporal-retrieve/id-no-uri",
    title="Retrieving a Temporal Evolution under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.7.3.4",
        "Entity ID is not present or it is not a valid URI, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_06_01"),
    pics=RETRIEVE,
    **READ,
)
def test_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.retrieve_temporal(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="temporal-retrieve/between-without-end",
    title="timerel=between without endTimeAt is BadRequestData",
    clause=cim009("4.11", "which is only used for the between relation and shall represent the end point for"),
    requirements=["ngsi-ld/4.11"],
    test_purposes=purposes("CI/Cons/TE/020_09_03"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_between_without_end(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    response = broker.retrieve_temporal(history.id, params={"timerel": "between", "timeAt": AT[1]})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-retrieve/timerel-without-time",
    title="timerel=after or before without timeAt is BadRequestData",
    clause=cim009(
        "4.11", "A timeAt parameter, which shall represent the comparison point for the before and after relation"
    ),
    requirements=["ngsi-ld/4.11"],
    test_purposes=purposes("CI/Cons/TE/020_09_01", "CI/Cons/TE/020_09_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_timerel_without_time(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    for timerel in ("after", "before"):
        response = broker.retrieve_temporal(history.id, params={"timerel": timerel})

        expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-history/mirrors-updates",
    title="What is written through the core API is found in the Temporal Evolution",
    level=Level.SHOULD,
    clause=cim009("4.3.1", "should consider updating the Temporal Evolution of an Entity whenever"),
    requirements=["ngsi-ld/4.3.1"],
    mode=Mode.SANDBOX_WRITE,
    capability=TEMPORAL,
    roles=BROKER_AND_HISTORY,
)
def test_mirrors_updates(broker: Broker) -> None:
    """Ruling M27: mirrored updates are expected, their absence is a warning."""
    entity = stored(broker, broker.new_entity("Vehicle").with_property("speed", 10, observed_at=AT[1]))
    update = {"speed": property_(20, observed_at=AT[2])}
    require(broker.update_attributes(entity.id, update), 204, step="updating the Entity")

    def both(found: dict[str, Any]) -> list[Any]:
        return [values(found, "speed")] if values(found, "speed") == [10, 20] else []

    if not eventually(broker, entity.id, both):
        observed = describe(broker.retrieve_temporal(entity.id))
        warn(Reason.SHOULD_VIOLATED, "speed 10 and 20 in the Temporal Evolution", observed)
