"""Temporal evolutions over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.6.11 to 5.6.16, 5.7.3, 5.7.4 and 6.18 to 6.24."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
EVOLUTIONS = f"{API}/temporal/entities"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
NULL = "urn:ngsi-ld:null"
CAR = "urn:ngsi-ld:Car:1"
SINCE = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}


def at(minute: int) -> str:
    return f"2026-01-01T12:{minute:02d}:00Z"


def prop(value: Any, minute: int, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(minute), **members}


async def post(running: Any, entity_id: str = CAR, **attributes: Any) -> Any:
    """Create or add to an evolution of type Car."""
    answer = await running.client.post(EVOLUTIONS, json={"id": entity_id, "type": "Car", **attributes})
    assert answer.status_code in (201, 204), answer.text
    return answer


async def retrieve(running: Any, entity_id: str = CAR, **parameters: Any) -> Any:
    answer = await running.client.get(f"{EVOLUTIONS}/{entity_id}", params=parameters)
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


async def query(running: Any, **parameters: Any) -> Any:
    answer = await running.client.get(EVOLUTIONS, params={"type": "Car", **SINCE, **parameters})
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


async def refused(answer: Any, status: int, error: str) -> None:
    found = await answer
    assert (found.status_code, found.json()["type"]) == (status, ERRORS + error), found.text


def values(attribute: list[dict[str, Any]]) -> list[Any]:
    return [one["value"] for one in attribute]


SERIES = {"speed": [prop(n, n) for n in range(6)], "colour": [prop("red", 0), prop("blue", 3)]}


# --- provision ------------------------------------------------------------


async def test_an_evolution_is_created_then_added_to(running: Any) -> None:
    """201 with Location, then 204; every instance is added, also one like another; types are united (5.6.11)."""
    first = await running.client.post(EVOLUTIONS, json={"id": CAR, "type": "Car", "speed": [prop(1, 1), prop(2, 2)]})
    second = await running.client.post(EVOLUTIONS, json={"id": CAR, "type": "Bus", "speed": [prop(2, 2), prop(3, 3)]})
    found = await retrieve(running)

    assert (first.status_code, first.headers["location"]) == (201, f"{EVOLUTIONS}/{CAR}")
    assert second.status_code == 204
    assert values(found["speed"]) == [1, 2, 2, 3]
    assert sorted(found["type"]) == ["Bus", "Car"]
    assert len({one["instanceId"] for one in found["speed"]}) == 4
    assert (await running.client.get(f"{API}/entities/{CAR}")).status_code == 404


async def test_the_simplified_form_is_accepted(running: Any) -> None:
    """ "Alternatively it is possible to specify the EntityTemporal by using the "Simplified …" form (5.2.20, 4.5.9)."""
    await post(
        running,
        speed={"type": "Property", "values": [[1, at(1)], [2, at(2)]]},
        near={"type": "Relationship", "objects": [["urn:ngsi-ld:Bus:1", at(1)]]},
        label={"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"en": "x"}}, at(1)]]},
    )
    found = await retrieve(running)

    assert [(one["value"], one["observedAt"]) for one in found["speed"]] == [(1, at(1)), (2, at(2))]
    assert found["near"][0]["object"] == "urn:ngsi-ld:Bus:1"
    assert found["label"][0]["languageMap"] == {"en": "x"}


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "Car"},
        {"id": "no uri", "type": "Car"},
        {"id": CAR},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property"}]},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property", "value": 1, "observedAt": "yesterday"}]},
        {"id": CAR, "type": "Car", "speed": {"type": "Property", "values": [[1]]}},
        {"id": CAR, "type": "Car", "speed": {"type": "Relationship", "values": [[1, at(1)]]}},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property", "value": NULL}]},
    ],
)
async def test_what_is_no_evolution_is_refused(running: Any, payload: dict[str, Any]) -> None:
    """BadRequestData, and nothing is written (5.5.4)."""
    await refused(running.client.post(EVOLUTIONS, json=payload), 400, "BadRequestData")
    assert (await running.client.get(f"{EVOLUTIONS}/{CAR}")).status_code == 404


async def test_attributes_are_added(running: Any) -> None:
    """204; ResourceNotFound for an unknown evolution (5.6.12)."""
    await post(running, speed=[prop(1, 1)])

    added = await running.client.post(f"{EVOLUTIONS}/{CAR}/attrs/", json={"speed": [prop(2, 2)], "size": prop(5, 1)})

    assert added.status_code == 204
    assert {name: values(held) for name, held in (await retrieve(running)).items() if name in ("speed", "size")} == {
        "speed": [1, 2],
        "size": [5],
    }
    unknown = f"{EVOLUTIONS}/urn:ngsi-ld:Car:none/attrs"
    await refused(running.client.post(unknown, json={"speed": [prop(2, 2)]}), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ({}, ["other"]),
        ({"datasetId": "urn:ngsi-ld:Dataset:1"}, ["default"]),
        ({"deleteAll": "true"}, None),
    ],
)
async def test_an_attribute_is_deleted(running: Any, parameters: dict[str, str], left: list[str] | None) -> None:
    """The default instances, those of a dataset, or all (5.6.13)."""
    other = prop("other", 2, datasetId="urn:ngsi-ld:Dataset:1")
    await post(running, speed=[prop("default", 1), other], size=prop(1, 1))

    answer = await running.client.delete(f"{EVOLUTIONS}/{CAR}/attrs/speed", params=parameters)
    found = await retrieve(running)

    assert answer.status_code == 204
    assert (values(found["speed"]) if left else found.get("speed")) == left
    assert values(found["size"]) == [1]


async def test_an_instance_is_modified(running: Any) -> None:
    """It is replaced; instanceId and createdAt stay, modifiedAt moves (5.6.14)."""
    await post(running, speed=[prop(1, 1, unitCode="KMH"), prop(2, 2)])
    before = (await retrieve(running, options="sysAttrs"))["speed"]
    path = f"{EVOLUTIONS}/{CAR}/attrs/speed/{before[0]['instanceId']}"

    answer = await running.client.patch(path, json={"speed": [prop(9, 1)]})
    after = (await retrieve(running, options="sysAttrs"))["speed"]

    assert answer.status_code == 204
    assert after[1] == before[1]
    assert (after[0]["value"], after[0]["instanceId"]) == (9, before[0]["instanceId"])
    assert after[0]["createdAt"] == before[0]["createdAt"]
    assert after[0]["modifiedAt"] > before[0]["modifiedAt"]
    assert "unitCode" not in after[0]
    await refused(running.client.patch(path, json={"speed": [prop(1, 1), prop(2, 2)]}), 400, "BadRequestData")
    await refused(running.client.patch(path, json={"size": [prop(1, 1)]}), 400, "BadRequestData")


async def test_an_instance_and_an_evolution_are_deleted(running: Any) -> None:
    """204 and gone (5.6.15, 5.6.16); the current state stays."""
    await running.client.post(f"{API}/entities", json={"id": CAR, "type": "Car", "speed": prop(1, 1)})
    await post(running, speed=[prop(2, 2)])
    instance = (await retrieve(running))["speed"][0]["instanceId"]

    one = await running.client.delete(f"{EVOLUTIONS}/{CAR}/attrs/speed/{instance}")
    left = values((await retrieve(running))["speed"])
    whole = await running.client.delete(f"{EVOLUTIONS}/{CAR}")

    assert (one.status_code, left, whole.status_code) == (204, [2], 204)
    assert (await running.client.get(f"{EVOLUTIONS}/{CAR}")).status_code == 404
    assert (await running.client.get(f"{API}/entities/{CAR}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "urn:ngsi-ld:Car:none", 404, "ResourceNotFound"),
        ("GET", "invalid", 400, "BadRequestData"),
        ("GET", f"{CAR}?attrs=none", 404, "ResourceNotFound"),
        ("GET", f"{CAR}?pick=near{{speed}}", 400, "BadRequestData"),
        ("GET", f"{CAR}?nonsense=1", 400, "InvalidRequest"),
        ("GET", f"{CAR}?options=temporalValues,aggregatedValues", 400, "InvalidRequest"),
        ("GET", f"{CAR}?lastN=0", 400, "BadRequestData"),
        ("GET", f"{CAR}?timeAt=2026-01-01T00:00:00Z", 400, "BadRequestData"),
        ("GET", f"{CAR}?timerel=after&timeAt=soon", 400, "BadRequestData"),
        ("GET", f"{CAR}?timeproperty=expiresAt", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=median", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=max&aggrPeriodDuration=1H", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=avg&attrs=colour", 400, "InvalidRequest"),
        ("DELETE", "urn:ngsi-ld:Car:none", 404, "ResourceNotFound"),
        ("DELETE", "invalid", 400, "BadRequestData"),
        ("DELETE", f"{CAR}/attrs/none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed?datasetId=urn:none:1", 404, "ResourceNotFound"),
        ("DELETE", "urn:ngsi-ld:Car:none/attrs/speed", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/none/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed/invalid", 400, "BadRequestData"),
        ("DELETE", f"{CAR}/attrs/in(valid/urn:ngsi-ld:instance:none", 400, "BadRequestData"),
        ("PATCH", f"{CAR}/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("PATCH", "urn:ngsi-ld:Car:none/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("PATCH", f"{CAR}/attrs/speed/invalid", 400, "BadRequestData"),
        ("PATCH", "invalid/attrs/speed/urn:ngsi-ld:instance:none", 400, "BadRequestData"),
    ],
)
async def test_what_is_refused(running: Any, method: str, path: str, status: int, error: str) -> None:
    """Unknown ids and names are ResourceNotFound, malformed ones BadRequestData (5.6.12 to 5.6.16, 5.7.3)."""
    await post(running, **SERIES)
    body = {"json": {"speed": [prop(1, 1)]}} if method == "PATCH" else {}

    await refused(running.client.request(method, f"{EVOLUTIONS}/{path}", **body), status, error)


# --- consumption ------------------------------------------------------------


async def test_history_follows_the_current_state(running: Any) -> None:
    """Creation, update and deletion of Attributes and scope over the core API are in the evolution (4.3.1, 4.5.7)."""
    entity = f"{API}/entities/{CAR}"
    body = {"id": CAR, "type": "Car", "scope": "/A", "speed": prop(1, 1), "says": {"languageMap": {"en": "x"}}}
    assert (await running.client.post(f"{API}/entities", json=body)).status_code == 201
    assert (await running.client.patch(f"{entity}/attrs", json={"speed": prop(2, 2)})).status_code == 204
    for name in ("speed", "says", "scope"):
        assert (await running.client.delete(f"{entity}/attrs/{name}")).status_code == 204

    every = await retrieve(running)
    gone = await retrieve(running, **SINCE, timeproperty="deletedAt")

    assert sorted(values(every["speed"]), key=str) == [1, 2, NULL]
    assert values(every["scope"])[0] == "/A"
    assert values(gone["speed"]) == [NULL]
    assert gone["says"][0]["languageMap"] == {"@none": NULL}
    assert values(gone["scope"]) == [NULL]
    assert re.fullmatch(r"\d{4}-.*Z", gone["speed"][0]["deletedAt"])


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"timerel": "before", "timeAt": at(2)}, [0, 1]),
        ({"timerel": "after", "timeAt": at(4)}, [4, 5]),
        ({"timerel": "between", "timeAt": at(2), "endTimeAt": at(4)}, [2, 3]),
        ({"lastN": 2}, [4, 5]),
        ({"timerel": "before", "timeAt": at(4), "lastN": 2}, [2, 3]),
        ({}, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_intervals(running: Any, parameters: dict[str, Any], expected: list[int]) -> None:
    """before is exclusive, after inclusive, between both in turn (4.11); lastN are the newest (5.7.3.4)."""
    await post(running, **SERIES)

    assert values((await retrieve(running, **parameters))["speed"]) == expected
    if parameters.get("timerel"):
        (found,) = await query(running, **parameters)
        assert values(found["speed"]) == expected


async def test_projection_and_system_times(running: Any) -> None:
    """attrs, pick and omit choose Attributes, options=sysAttrs shows system times (4.21, 6.3.11)."""
    await post(running, **SERIES)

    assert (await retrieve(running, attrs="speed")).keys() == {"id", "type", "speed"}
    assert (await retrieve(running, pick="id,colour")).keys() == {"id", "colour"}
    assert (await retrieve(running, omit="speed")).keys() == {"id", "type", "colour"}
    plain, full = await retrieve(running), await retrieve(running, options="sysAttrs")
    assert not {"createdAt", "modifiedAt"} & (plain.keys() | plain["speed"][0].keys())
    assert {"createdAt", "modifiedAt"} <= full.keys() & full["speed"][0].keys()


async def test_simplified_values(running: Any) -> None:
    """4.5.9, over format and over the deprecated options (6.3.12)."""
    await post(
        running,
        **SERIES,
        near={"type": "Relationship", "object": "urn:ngsi-ld:Bus:1", "observedAt": at(1)},
        fuel={"type": "VocabProperty", "vocab": "Electric", "observedAt": at(1)},
        raw={"type": "JsonProperty", "json": {"a": 1}, "observedAt": at(1)},
        gears={"type": "ListProperty", "valueList": [1, 2], "observedAt": at(1)},
        says={"type": "LanguageProperty", "languageMap": {"en": "x"}, "observedAt": at(1)},
    )

    found = await retrieve(running, format="temporalValues")

    assert found == await retrieve(running, options="temporalValues")
    assert found["colour"] == {"type": "Property", "values": [["red", at(0)], ["blue", at(3)]]}
    assert found["near"] == {"type": "Relationship", "objects": [["urn:ngsi-ld:Bus:1", at(1)]]}
    assert found["fuel"] == {"type": "VocabProperty", "vocabs": [[{"vocab": "Electric"}, at(1)]]}
    assert found["raw"] == {"type": "JsonProperty", "jsons": [[{"json": {"a": 1}}, at(1)]]}
    assert found["gears"] == {"type": "ListProperty", "valueLists": [[[1, 2], at(1)]]}
    assert found["says"] == {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"en": "x"}}, at(1)]]}


async def test_aggregated_values(running: Any) -> None:
    """All methods over periods that begin where the interval does; a period without values is left out (4.5.19)."""
    await post(running, speed=[prop(120, 3), prop(80, 5), prop(100, 7), prop(100, 20)])
    methods = "max,min,avg,sum,sumsq,stddev,totalCount,distinctCount"

    (found,) = await query(
        running, timerel="between", timeAt=at(0), endTimeAt=at(30), attrs="speed", format="aggregatedValues",
        aggrMethods=methods, aggrPeriodDuration="PT4M",
    )  # fmt: skip
    (whole,) = await query(
        running, timerel="between", timeAt=at(0), endTimeAt=at(30), attrs="speed", format="aggregatedValues",
        aggrMethods="totalCount,distinctCount",
    )  # fmt: skip

    assert found["speed"]["max"] == [[120, at(0), at(4)], [100, at(4), at(8)], [100, at(20), at(24)]]
    assert found["speed"]["avg"] == [[120, at(0), at(4)], [90, at(4), at(8)], [100, at(20), at(24)]]
    second = {method: found["speed"][method][1][0] for method in methods.split(",")}
    assert second == {
        "max": 100, "min": 80, "avg": 90, "sum": 180, "sumsq": 16400, "stddev": 10, "totalCount": 2, "distinctCount": 2
    }  # fmt: skip
    assert whole["speed"] == {
        "type": "Property", "totalCount": [[4, at(0), at(30)]], "distinctCount": [[3, at(0), at(30)]]
    }  # fmt: skip


async def names(running: Any, **parameters: Any) -> list[str]:
    return [one["id"].rpartition(":")[2] for one in await query(running, **parameters)]


async def test_conditions_look_at_the_instances_of_the_interval(running: Any) -> None:
    """q, geo-query and scope query are checked in the interval (5.7.4.4); what never was observed, always (C.5.5)."""

    def place(longitude: float, minute: int) -> dict[str, Any]:
        return {
            "type": "GeoProperty", "observedAt": at(minute), "value": {"type": "Point", "coordinates": [longitude, 0]}
        }  # fmt: skip

    await post(
        running, **SERIES, scope="/A", brand={"type": "Property", "value": "Volvo"}, location=[place(0, 1), place(9, 4)]
    )
    await post(running, "urn:ngsi-ld:Car:2", speed=[prop(1, 1)], brand={"type": "Property", "value": "Fiat"})
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[9,0]"}
    early = {"timerel": "before", "timeAt": at(3)}

    assert await names(running) == ["1", "2"]
    assert await names(running, q="speed>4") == ["1"]
    assert await names(running, q="speed>4", **early) == []
    assert await names(running, q='brand!="Volvo"', attrs="speed") == ["2"]
    assert await names(running, q="brand") == ["1", "2"]
    assert await names(running, **near) == ["1"]
    assert await names(running, **near, **early) == []
    assert await names(running, scopeQ="/A") == ["1"]
    assert await names(running, scopeQ="/B") == []
    assert await names(running, id="urn:ngsi-ld:Car:2") == ["2"]
    assert await names(running, idPattern="Car:1$") == ["1"]
    assert await names(running, type="Bus") == []
    (found,) = await query(running, q="speed>3", attrs="speed")
    assert values(found["speed"]) == [4, 5]


async def test_scopes_have_their_time(running: Any) -> None:
    """An Entity was within a scope from when it was set until the next one was (C.5.16)."""
    scopes = [{"type": "Property", "value": f"/{name}", "observedAt": at(n)} for n, name in ((1, "A"), (3, "B"))]
    await post(running, **SERIES, scope=scopes)

    def within(scope: str, begin: int, end: int) -> Any:
        return names(running, scopeQ=scope, timerel="between", timeAt=at(begin), endTimeAt=at(end))

    assert await within("/A", 2, 3) == ["1"]
    assert await within("/A", 4, 5) == []
    assert await within("/B", 4, 5) == ["1"]
    assert await within("/B", 0, 3) == []


async def test_queries_that_are_refused(running: Any) -> None:
    """No temporal query, too wide, linked Entities, ordering by anything but id or without local scope (5.7.4.4)."""
    bad: list[dict[str, str]] = [
        {"type": "Car"},
        {"type": "Car", "lastN": "2"},
        {"type": "Car", "timerel": "after"},
        {"type": "Car", "timerel": "between", "timeAt": at(1)},
        SINCE,
        {**SINCE, "id": CAR},
        {**SINCE, "type": "Car", "q": "near{speed>5}"},
        {**SINCE, "type": "Car", "q": ">>"},
        {**SINCE, "type": "Car", "orderBy": "id"},
        {**SINCE, "type": "Car", "orderBy": "speed", "local": "true"},
        {**SINCE, "type": "Car", "orderBy": "modifiedAt", "local": "true"},
    ]
    for parameters in bad:
        await refused(running.client.get(EVOLUTIONS, params=parameters), 400, "BadRequestData")


async def test_entities_are_paged_and_ordered(running: Any) -> None:
    """limit, offset, count and Link headers; by id in local scope, also descending (5.5.9, 5.7.4)."""
    for number in range(3):
        await post(running, f"urn:ngsi-ld:Car:{number}", speed=prop(1, 1))

    first = await running.client.get(EVOLUTIONS, params={"type": "Car", **SINCE, "limit": 2, "count": "true"})
    second = await running.client.get(first.links["next"]["url"])

    assert first.headers["ngsild-results-count"] == "3"
    assert [one["id"][-1] for one in first.json() + second.json()] == ["0", "1", "2"]
    assert "next" not in second.links
    assert await names(running, orderBy="id;desc", local="true", limit=2) == ["2", "1"]
    assert await names(running, orderBy="id;desc", local="true", limit=2, offset=2) == ["0"]


async def test_query_by_post(running: Any) -> None:
    """temporalQ and aggrParams in the payload (5.2.21, 5.2.23, 5.2.44, 6.24)."""
    await post(running, **SERIES)
    path = f"{API}/temporal/entityOperations/query"
    temporal = {"timerel": "after", "timeAt": at(0), "lastN": 2}
    body = {"type": "Query", "entities": [{"type": "Car"}], "attrs": ["speed"], "temporalQ": temporal}

    answer = await running.client.post(path, json=body)
    aggregated = await running.client.post(
        path, params={"format": "aggregatedValues"}, json={**body, "aggrParams": {"aggrMethods": "max"}}
    )

    assert answer.status_code == 200
    assert [values(one["speed"]) for one in answer.json()] == [[4, 5]]
    assert aggregated.json()[0]["speed"]["max"][0][0] == 5
    for wrong in ({**body, "temporalQ": {}}, {**body, "temporalQ": []}, {**body, "type": "Car"}):
        await refused(running.client.post(path, json=wrong), 400, "BadRequestData")


async def test_a_part_is_announced(start_broker: Any) -> None:
    """206 with Content-Range in the unit DateTime; forwards without, backwards with lastN (6.3.10)."""
    async with start_broker(temporal_page_instances=4) as running:
        await post(running, speed=[prop(n, n) for n in range(10)])

        async def part(**parameters: Any) -> tuple[int, str | None, list[int]]:
            answer = await running.client.get(f"{EVOLUTIONS}/{CAR}", params=parameters)
            return answer.status_code, answer.headers.get("content-range"), values(answer.json()["speed"])

        last = {"lastN": 8}
        between = {"timerel": "between", "timeAt": at(1), "endTimeAt": at(9)}
        assert await part() == (206, f"DateTime {at(0)}-{at(3)}/*", [0, 1, 2, 3])
        assert await part(timerel="after", timeAt=at(1)) == (206, f"DateTime {at(1)}-{at(4)}/*", [1, 2, 3, 4])
        assert await part(timerel="before", timeAt=at(9)) == (206, f"DateTime {at(0)}-{at(3)}/*", [0, 1, 2, 3])
        assert await part(**between) == (206, f"DateTime {at(1)}-{at(4)}/*", [1, 2, 3, 4])
        assert await part(**last) == (206, f"DateTime {at(9)}-{at(6)}/8", [6, 7, 8, 9])
        assert await part(**last, **between) == (206, f"DateTime {at(9)}-{at(5)}/8", [5, 6, 7, 8])
        assert await part(**last, timerel="before", timeAt=at(8)) == (206, f"DateTime {at(8)}-{at(4)}/8", [4, 5, 6, 7])
        assert await part(timerel="after", timeAt=at(6)) == (200, None, [6, 7, 8, 9])
        assert await part(lastN=3) == (200, None, [7, 8, 9])


async def test_json_ld_and_other_media_types(running: Any) -> None:
    """application/ld+json has the @context in the body; GeoJSON is not acceptable here (6.3.4, 6.3.6)."""
    await post(running, **SERIES)

    linked = await running.client.get(f"{EVOLUTIONS}/{CAR}", headers={"Accept": "application/ld+json"})
    geojson = await running.client.get(f"{EVOLUTIONS}/{CAR}", headers={"Accept": "application/geo+json"})

    assert "@context" in linked.json()
    assert geojson.status_code == 406
