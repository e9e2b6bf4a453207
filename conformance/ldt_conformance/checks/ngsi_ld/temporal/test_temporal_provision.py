"""Provision of Temporal Evolutions as a whole: ETSI GS CIM 009 V1.9.1, clauses 5.6.11, 5.6.12, 5.6.16, 6.18 to 6.20."""

from ldt_conformance import Broker, TemporalEntity, check, expect_problem, expect_status, require
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import read_back_history, stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import (
    AT,
    DECLARED,
    series_of,
    values,
)
from ldt_conformance.clients import property_
from ldt_conformance.expectations import expect_equal, expect_location

NO_URI = "then an error of type BadRequestData shall be"


@check(
    id="temporal-create/new",
    title="A Temporal Evolution is created with every instance, and a Location header",
    clause=[
        cim009("5.6.11.4", "Otherwise, implementations shall create the provided Temporal Evolution of an Entity."),
        cim009("6.18.3.1", "Upon creation success, the HTTP response shall include a"),
    ],
    requirements=["ngsi-ld/5.6.11"],
    test_purposes=purposes("CI/Prov/TE/007_01_01", "CI/Prov/TE/007_01_02"),
    pics=["PICS_TemEvoEntCre"],
    **DECLARED,
)
def test_create_new(broker: Broker) -> None:
    history = series_of(broker)

    response = broker.create_temporal(history)

    expect_status(response, 201)
    expect_location(response, f"/entities/{history.id}")
    found = read_back_history(broker, history.id)
    expect_equal((values(found, "speed"), values(found, "fuel")), ([120, 80, 100], [60, 55, 50]), "speed and fuel")


@check(
    id="temporal-create/adds",
    title="A second creation adds its instances to those there and answers 204",
    clause=cim009(
        "5.6.11.4",
        "Attribute instances included by the Temporal Evolution shall be added to the existing Entity as mandated by",
    ),
    requirements=["ngsi-ld/5.6.11"],
    test_purposes=purposes("CI/Prov/TE/008_01_01"),
    pics=["PICS_TemEvoEntCre"],
    **DECLARED,
)
def test_create_adds(broker: Broker) -> None:
    """Ruling W24: instances with new timestamps must be there; the fixture has no duplicates."""
    history = stored_history(broker, series_of(broker))
    more = TemporalEntity(history.id, history.type).with_series("speed", [(70, AT[4]), (60, AT[5])])

    response = broker.create_temporal(more)

    expect_status(response, 204)
    expect_equal(values(read_back_history(broker, history.id), "speed"), [120, 80, 100, 70, 60], "speed")


@check(
    id="temporal-create/invalid-json",
    title="A Temporal Evolution that is no JSON is an InvalidRequest",
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.11", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/TE/007_02_01", "CI/Prov/TE/007_02_02"),
    pics=["PICS_TemEvoEntCre"],
    **DECLARED,
)
def test_create_invalid_json(broker: Broker) -> None:
    for content in (b'{"id": ', b""):
        response = broker.send(
            "POST", "/temporal/entities/", content=content, content_type="application/json", expects_refusal=True
        )
        expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="temporal-create/missing-id",
    title="A Temporal Evolution without an id is BadRequestData",
    clause=cim009("5.5.4", "the API data type definitions, then an error of type BadRequestData shall be raised."),
    requirements=["ngsi-ld/5.6.11", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/TE/007_03_01"),
    pics=["PICS_TemEvoEntCre"],
    **DECLARED,
)
def test_create_missing_id(broker: Broker) -> None:
    body = {"type": broker.new_type(), "speed": [property_(1, observed_at=AT[1])]}

    response = broker.create_temporal(body, expects_refusal=True)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-create/id-no-uri",
    title="A Temporal Evolution whose id is no URI is BadRequestData",
    clause=cim009("5.5.4", "the API data type definitions, then an error of type BadRequestData shall be raised."),
    requirements=["ngsi-ld/5.6.11", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/TE/007_03_02"),
    pics=["PICS_TemEvoEntCre"],
    **DECLARED,
)
def test_create_id_no_uri(broker: Broker) -> None:
    response = broker.create_temporal(
        TemporalEntity(broker.not_a_uri(), broker.new_type()).with_series("a", [(1, AT[1])])
    )

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-append/adds",
    title="Instances added to a Temporal Evolution join those there",
    clause=cim009("5.6.12.4", "added to the target Temporal Evolution of an Entity."),
    requirements=["ngsi-ld/5.6.12"],
    test_purposes=purposes("CI/Prov/TEA/014_01_01"),
    pics=["PICS_TemEvoAttEntIns"],
    **DECLARED,
)
def test_append_adds(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    fragment = {"speed": [property_(70, observed_at=AT[4])], "colour": [property_("red", observed_at=AT[4])]}

    response = broker.append_temporal_attributes(history.id, fragment)

    expect_status(response, 204)
    found = read_back_history(broker, history.id)
    expect_equal((values(found, "speed"), values(found, "colour")), ([120, 80, 100, 70], ["red"]), "speed and colour")


@check(
    id="temporal-append/unknown-id",
    title="Adding to a Temporal Evolution that does not exist is ResourceNotFound",
    clause=cim009(
        "5.6.12.4",
        "one passed as a parameter held locally and no matching registrations apply, an error of type ResourceNotFound",
    ),
    requirements=["ngsi-ld/5.6.12"],
    test_purposes=purposes("CI/Prov/TEA/014_03_01"),
    pics=["PICS_TemEvoAttEntIns"],
    **DECLARED,
)
def test_append_unknown_id(broker: Broker) -> None:
    response = broker.append_temporal_attributes(broker.new_id(), {"speed": [property_(1, observed_at=AT[1])]})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-append/id-no-uri",
    title="Adding under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.6.12.4",
        "the Entity ID is not present or it is not a valid URI then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.12"],
    test_purposes=purposes("CI/Prov/TEA/014_02_02"),
    pics=["PICS_TemEvoAttEntIns"],
    **DECLARED,
)
def test_append_id_no_uri(broker: Broker) -> None:
    response = broker.append_temporal_attributes(broker.not_a_uri(), {"speed": [property_(1, observed_at=AT[1])]})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-append/invalid-json",
    title="A fragment that is no JSON is an InvalidRequest",
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.12", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/TEA/014_04_01", "CI/Prov/TEA/014_04_02"),
    pics=["PICS_TemEvoAttEntIns"],
    **DECLARED,
)
def test_append_invalid_json(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    for content in (b'{"speed": [', b""):
        response = broker.append_temporal_attributes(history.id, None, content=content, content_type="application/json")
        expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="temporal-delete/gone",
    title="A deleted Temporal Evolution answers 204 and is gone",
    clause=cim009("5.6.16.4", "the entire Temporal Evolution of the Entity shall be removed."),
    requirements=["ngsi-ld/5.6.16"],
    test_purposes=purposes("CI/Prov/TE/009_01_01"),
    pics=["PICS_TemEvoEntDel"],
    **DECLARED,
)
def test_delete_gone(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    require(broker.retrieve_temporal(history.id), 200, 206, step="retrieving the history before its deletion")

    response = broker.delete_temporal(history.id)

    expect_status(response, 204)
    expect_problem(broker.retrieve_temporal(history.id), status=404, error_type="ResourceNotFound")


@check(
    id="temporal-delete/unknown-id",
    title="Deleting a Temporal Evolution that does not exist is ResourceNotFound",
    clause=cim009(
        "5.6.16.4",
        "is equivalent held locally and no matching registrations apply, then an error of type ResourceNotFound",
    ),
    requirements=["ngsi-ld/5.6.16"],
    test_purposes=purposes("CI/Prov/TE/009_03_01"),
    pics=["PICS_TemEvoEntDel"],
    **DECLARED,
)
def test_delete_unknown_id(broker: Broker) -> None:
    expect_problem(broker.delete_temporal(broker.new_id()), status=404, error_type="ResourceNotFound")


@check(
    id="temporal-delete/id-no-uri",
    title="Deleting a Temporal Evolution under an id that is no URI is BadRequestData",
    clause=cim009("5.6.16.4", f"If the target Entity ID is not present or it is not a valid URI, {NO_URI}"),
    requirements=["ngsi-ld/5.6.16"],
    test_purposes=purposes("CI/Prov/TE/009_02_02"),
    pics=["PICS_TemEvoEntDel"],
    **DECLARED,
)
def test_delete_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.delete_temporal(broker.not_a_uri()), status=400, error_type="BadRequestData")
