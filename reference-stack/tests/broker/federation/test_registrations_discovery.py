"""Query Context Source Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.10.2, 5.12 and 6.8.3.2."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from ..api import DEFAULT, refused, send
from .registrations import CAR, register, registration

pytestmark = pytest.mark.anyio


async def found(running: Any, query: str) -> list[str]:
    """The last parts of the ids of what a query finds."""
    answer = await send(running.client, "GET", f"/csourceRegistrations?{query}", None, 200)
    return [one["id"].rpartition(":")[2] for one in answer.json()]


async def put(running: Any, name: str, *arguments: Any, **members: Any) -> None:
    await register(running.client, registration(*arguments, id=f"urn:ngsi-ld:CSR:{name}", **members))


@pytest.fixture
async def several(running: Any) -> Any:
    """Registrations of all shapes of EntityInfo and Attributes."""
    await put(running, "cars")
    await put(running, "carOne", [{"type": "Car", "id": CAR}])
    await put(running, "carPattern", [{"type": "Car", "idPattern": ":9[0-9]$"}])
    await put(running, "speed", (), properties=["speed"])
    await put(running, "carBrand", properties=["brand"])
    await put(running, "redCars", [{"type": ["Car", "Red"]}])
    await put(running, "busses", [{"type": "Bus"}])
    return running


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Car", "cars carOne carPattern speed carBrand redCars"),
        ("type=Bus", "speed busses"),
        ("type=Bus|Car", "cars carOne carPattern speed carBrand redCars busses"),
        ("type=(Car;Red)", "speed redCars"),
        (f"type=Car&id={CAR}", "cars carOne speed carBrand redCars"),
        ("type=Car&id=urn:a:90", "cars carPattern speed carBrand redCars"),
        (f"type=Car&id=urn:a:b,{CAR}", "cars carOne speed carBrand redCars"),
        ("type=Car&idPattern=:1$", "cars carOne carPattern speed carBrand redCars"),
        ("type=Car&idPattern=:2$", "cars carPattern speed carBrand redCars"),
        ("type=Car&attrs=brand", "cars carOne carPattern carBrand redCars"),
        ("attrs=speed", "cars carOne carPattern speed redCars busses"),
        ("attrs=colour", "cars carOne carPattern redCars busses"),
        ("attrs=brand,speed", "cars carOne carPattern speed carBrand redCars busses"),
        ("type=Car&q=brand==%22VW%22", "cars carOne carPattern carBrand redCars"),
        ("type=Car&attrs=", "cars carOne carPattern speed carBrand redCars"),
    ],
)
async def test_entities_and_attributes_select(several: Any, query: str, expected: str) -> None:
    """5.12."""
    assert await found(several, query) == expected.split()


async def test_only_what_matches_of_a_registration_is_shown(running: Any) -> None:
    """5.10.2.5: "in particular only matching RegistrationInfo elements"."""
    document = registration()
    document["information"] = [{"entities": [{"type": "Bus"}]}, {"entities": [{"type": "Car"}], "propertyNames": ["a"]}]
    await register(running.client, document)
    shown = (await send(running.client, "GET", "/csourceRegistrations?type=Car", None, 200)).json()
    assert shown[0]["information"] == [document["information"][1]]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=urn:a:b",
        "idPattern=.*",
        "csf=a==1",
        "pick=speed",
        "scopeQ=/a",
        "type=Car&id=nouri",
        "type=Car&idPattern=(",
        "type=Car&q=(",
        "type=(",
        "type=Car&georel=near&geometry=Point&coordinates=[1,2]",
        "type=Car&georel=within",
        "type=Car&timerel=before",
        "type=Car&timerel=sometime&timeAt=2020-01-01T00:00:00Z",
        "type=Car&timerel=after&timeAt=now",
        "type=Car&csf=(",
        "type=Car&limit=0",
    ],
)
async def test_a_query_that_is_too_wide_or_not_valid_is_refused(running: Any, query: str) -> None:
    """5.10.2.4."""
    await refused(running.client, "GET", f"/csourceRegistrations?{query}", None, 400, "BadRequestData")


async def test_unknown_parameters_are_refused(running: Any) -> None:
    """6.3.20."""
    await refused(running.client, "GET", "/csourceRegistrations?type=Car&colour=red", None, 400, "InvalidRequest")


AREA = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]}


@pytest.mark.parametrize(
    ("geo", "expected"),
    [
        ("near;maxDistance==1000&geometry=Point&coordinates=[5,5]", True),
        ("near;maxDistance==1000&geometry=Point&coordinates=[50,50]", False),
        ("near;minDistance==1000&geometry=Point&coordinates=[5,5]", True),
        ("within&geometry=Polygon&coordinates=[[[5,5],[20,5],[20,20],[5,20],[5,5]]]", True),
        ("within&geometry=Polygon&coordinates=[[[15,15],[20,15],[20,20],[15,20],[15,15]]]", False),
        ("intersects&geometry=Point&coordinates=[5,5]", True),
        ("contains&geometry=Point&coordinates=[5,5]", True),
        ("contains&geometry=Point&coordinates=[15,5]", False),
        ("equals&geometry=Point&coordinates=[5,5]", True),
        ("equals&geometry=Point&coordinates=[15,5]", False),
        ("disjoint&geometry=Point&coordinates=[5,5]", True),
        ("disjoint&geometry=Polygon&coordinates=[[[-1,-1],[11,-1],[11,11],[-1,11],[-1,-1]]]", False),
        ("near;maxDistance==1000&geometry=Point&coordinates=[50,50]&geoproperty=operationSpace", True),
    ],
)
async def test_an_area_matches_what_may_be_in_it(running: Any, geo: str, expected: bool) -> None:
    """5.10.2.4: "if the location directly matches or if the location possibly contains locations that would match"."""
    await put(running, "area", location=AREA, properties=["speed"])
    assert await found(running, f"type=Car&georel={geo}") == (["area"] if expected else [])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "latest"),
        ("&timerel=before&timeAt=2020-06-01T00:00:00Z", "observed open"),
        ("&timerel=after&timeAt=2020-06-01T00:00:00Z&timeproperty=observedAt", "observed open"),
        ("&timerel=after&timeAt=2021-06-01T00:00:00Z", "open"),
        ("&timerel=after&timeAt=2021-01-01T00:00:00Z", "observed open"),
        ("&timerel=before&timeAt=2019-06-01T00:00:00Z", ""),
        ("&timerel=between&timeAt=2019-01-01T00:00:00Z&endTimeAt=2020-06-01T00:00:00Z", "observed open"),
        ("&timerel=between&timeAt=2018-01-01T00:00:00Z&endTimeAt=2019-06-01T00:00:00Z", ""),
        ("&timerel=before&timeAt=2020-06-01T00:00:00Z&timeproperty=createdAt", "managed"),
        ("&timerel=before&timeAt=2020-06-01T00:00:00Z&timeproperty=deletedAt", "managed"),
    ],
)
async def test_a_temporal_query_finds_sources_with_a_matching_interval_alone(
    running: Any, query: str, expected: str
) -> None:
    """5.9.1, 5.10.2.4."""
    year = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}
    await put(running, "latest")
    await put(running, "observed", observationInterval=year)
    await put(running, "open", observationInterval={"startAt": "2020-01-01T00:00:00Z"})
    await put(running, "managed", managementInterval=year)
    assert await found(running, f"type=Car{query}") == expected.split()


async def test_context_source_properties_filter(running: Any) -> None:
    """4.9: csf is about what describes the Context Source, in the names of the request."""
    await put(running, "city", owner="City", registrationName="one")
    await put(running, "state", owner={"type": "Property", "value": "State"}, registrationName="two")
    assert await found(running, "type=Car&csf=" + quote('owner=="City"')) == ["city"]
    assert await found(running, "type=Car&csf=" + quote('owner=="State"')) == ["state"]
    assert await found(running, "type=Car&csf=" + quote('registrationName~="t.*"')) == ["state"]
    assert await found(running, "type=Car&csf=" + quote("owner")) == ["city", "state"]


@pytest.mark.parametrize(
    "csf",
    [
        "expiresAt>2090-01-01T00:00:00Z",
        "expiresAt==2099-01-01T00:00:00.000Z",
        'id=="urn:ngsi-ld:CSR:one"',
        "id==urn:ngsi-ld:CSR:one",
        'id~=".*one"',
        'type=="ContextSourceRegistration";expiresAt',
        "managementInterval[startAt]<2021-01-01T00:00:00Z",
        "management[timeout]==500",
    ],
)
async def test_any_member_of_a_registration_can_be_filtered_by(running: Any, csf: str) -> None:
    """4.9: "the name of a Context Source Property member of the CSourceRegistration, see Table 5.2.9-1"."""
    interval = {"startAt": "2020-01-01T00:00:00Z"}
    await put(
        running,
        "one",
        expiresAt="2099-01-01T00:00:00Z",
        management={"timeout": 500},
        managementInterval=interval,
        registrationName="one",
    )
    await put(running, "two", managementInterval={"startAt": "2022-01-01T00:00:00Z"})
    time = "timerel=after&timeAt=2023-01-01T00:00:00Z&timeproperty=createdAt"
    assert await found(running, f"type=Car&{time}&csf={quote(csf)}") == ["one"]


@pytest.mark.parametrize("sub", ["text", 5, ["text"], {"a": 1}, [[]]])
async def test_whatever_a_context_source_property_holds_can_be_asked_for(running: Any, sub: Any) -> None:
    """5.2.9 does not say what it is: a sub-Attribute that is none ended in a 500, of every query with such a filter."""
    await put(running, "odd", owner={"type": "Property", "value": "City", f"{DEFAULT}part": sub})
    assert await found(running, "type=Car&csf=" + quote("owner.part==1")) == []
    assert await found(running, "type=Car&csf=" + quote('owner=="City"')) == ["odd"]


async def test_scopes_and_datasets_filter(running: Any) -> None:
    """5.10.2.4, 5.12."""
    await put(running, "madrid", scope=["/Madrid/Centro"], datasetId=["urn:d:1", "@none"])
    await put(running, "paris", scope="/Paris")
    assert await found(running, "type=Car&scopeQ=/Madrid/%23") == ["madrid"]
    assert await found(running, "type=Car&datasetId=urn:d:2") == ["paris"]
    assert await found(running, "type=Car&datasetId=urn:d:2,@none") == ["madrid", "paris"]


async def test_pages(running: Any) -> None:
    """5.5.9, 6.3.10, 6.3.13."""
    for number in range(5):
        await put(running, str(number))
    answer = await send(running.client, "GET", "/csourceRegistrations?type=Car&limit=2&count=true", None, 200)
    assert answer.headers["ngsild-results-count"] == "5"
    seen = [one["id"] for one in answer.json()]
    while "next" in answer.links:
        answer = await running.client.get(answer.links["next"]["url"])
        seen += [one["id"] for one in answer.json()]
    assert [identifier[-1] for identifier in seen] == list("01234")
    assert await found(running, "type=Car&offset=9") == ["4"]
    last = await send(running.client, "GET", "/csourceRegistrations?type=Car&limit=1&offset=99", None, 200)
    before = await running.client.get(last.links["prev"]["url"])
    assert [one["id"][-1] for one in before.json()] == ["3"]
    assert await found(running, "type=Car&limit=0&count=true") == []
