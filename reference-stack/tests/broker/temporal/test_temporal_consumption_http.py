"""Consumption of temporal evolutions over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.7.3, 5.7.4, 6.18, 6.19 and 6.24."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ..api import API, CAR, NULL
from .evolutions import EVOLUTIONS, SERIES, at, post, prop, refused, retrieve, values

pytestmark = pytest.mark.anyio
SINCE = {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}


async def query(running: Any, **parameters: Any) -> Any:
    answer = await running.client.get(EVOLUTIONS, params={"type": "Car", **SINCE, **parameters})
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


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


async def test_numbers_that_are_equal_or_very_great(running: Any) -> None:
    """1 and 1.0 are one value; what no number can express is left out, and never fails (4.5.19.1)."""
    await post(running, speed=[prop(n, i) for i, n in enumerate((1, 1.0, {"a": 1}, {"a": 1.0}))])
    await post(running, mass=[prop(1e308, 1), prop(1e308, 2)])

    async def aggregated(name: str, methods: str) -> dict[str, Any]:
        found = await retrieve(running, pick=name, format="aggregatedValues", aggrMethods=methods)
        return {method: rows[0][0] for method, rows in found[name].items() if method != "type"}

    assert await aggregated("speed", "distinctCount") == {"distinctCount": 2}
    assert await aggregated("mass", "avg,sum,sumsq,max") == {"avg": 1e308, "max": 1e308}
    assert await aggregated("mass", "stddev") == {"stddev": 0}
    assert await retrieve(running, pick="mass", format="aggregatedValues", aggrMethods="sum") == {}


async def test_an_attribute_without_values_is_left_out(running: Any) -> None:
    """One that was deleted, or never observed, is no reason to refuse a query for all others (5.7.4.4)."""
    for entity_id, value in ((CAR, 1), ("urn:ngsi-ld:Car:2", 2)):
        car = {"id": entity_id, "type": "Car", "speed": value}
        assert (await running.client.post(f"{API}/entities", json=car)).status_code == 201
    await running.client.delete(f"{API}/entities/{CAR}/attrs/speed")
    asked = {"pick": "speed", "format": "aggregatedValues", "aggrMethods": "sum,totalCount", "timeAt": at(0)}

    deleted = await query(running, timerel="after", timeproperty="deletedAt", **asked)
    both = await query(running, timerel="after", timeproperty="modifiedAt", **asked)
    never = await retrieve(running, pick="speed", format="aggregatedValues", aggrMethods="max")

    assert deleted == [{}]
    assert [[row[0] for row in one["speed"]["sum"]] for one in both] == [[1], [2]]
    assert never == {}


@pytest.mark.parametrize(
    "members",
    [
        {"value": {"@type": "@id", "@value": "urn:ngsi-ld:Bus:1"}},
        {"value": {"@type": "URI", "@value": "urn:ngsi-ld:Bus:1"}},
        {"value": "urn:ngsi-ld:Bus:1", "valueType": "https://uri.etsi.org/ngsi-ld/URI"},
    ],
)
async def test_no_uri_is_the_greatest(running: Any, members: dict[str, Any]) -> None:
    """max and min of URIs are N/A, their counts are not (table 4.5.19.1-2)."""
    await post(running, next=[{"type": "Property", "observedAt": at(1), **members}])
    path = f"{EVOLUTIONS}/{CAR}?pick=next&format=aggregatedValues&aggrMethods="

    await refused(running.client.get(path + "max,min"), 400, "InvalidRequest")
    counted = await running.client.get(path + "max,distinctCount")

    assert counted.json()["next"] == {"type": "Property", "distinctCount": [[1, at(1), at(1)]]}


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


async def test_a_scope_has_no_dataset(running: Any) -> None:
    """datasetId selects "Attribute instances" (5.7.3.4, 5.7.4.4); a scope is none, and is shown as of current state."""
    scope = [{"type": "Property", "value": "/Madrid", "observedAt": at(1)}]
    await post(running, speed=[prop(1, 1, datasetId="urn:x:d"), prop(2, 2)], scope=scope)

    for dataset, speed in (("urn:x:d", [1]), ("@none", [2]), ("urn:x:other", [])):
        (found,) = await query(running, timerel="after", timeAt=at(0), datasetId=dataset)
        assert (values(found["scope"]), values(found.get("speed", []))) == (["/Madrid"], speed)
        assert (await retrieve(running, datasetId=dataset, lastN=1))["scope"] == found["scope"]


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
    aggregated = [
        await running.client.post(
            path, params={"format": "aggregatedValues"}, json={**body, "aggrParams": {"aggrMethods": methods}}
        )
        for methods in ("max,min", ["max", "min"])
    ]

    assert answer.status_code == 200
    assert [values(one["speed"]) for one in answer.json()] == [[4, 5]]
    for shown in aggregated:
        assert (shown.json()[0]["speed"]["max"][0][0], shown.json()[0]["speed"]["min"][0][0]) == (5, 4)
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
        comma, point = (at(0).replace("Z", fraction) for fraction in (",5Z", ".5Z"))
        assert await part(timerel="after", timeAt=comma) == (206, f"DateTime {point}-{at(4)}/*", [1, 2, 3, 4])


async def test_what_is_whole_is_no_part(start_broker: Any) -> None:
    """206 is for an answer that is "not able to respond with the full representation at once" (6.3.10) alone.

    Four instances of one instant do not fit, but an answer always has two instants: here those are all.
    """
    async with start_broker(temporal_page_instances=3) as running:
        await post(running, speed=[prop(n, 0) for n in range(4)] + [prop(9, 1)])
        for parameters in ({}, {"lastN": 5}, {"timerel": "after", "timeAt": at(0)}):
            answer = await running.client.get(f"{EVOLUTIONS}/{CAR}", params=parameters)
            assert (answer.status_code, "content-range" in answer.headers) == (200, False)
            assert values(answer.json()["speed"]) == [0, 1, 2, 3, 9]


async def test_json_ld_and_other_media_types(running: Any) -> None:
    """application/ld+json has the @context in the body; GeoJSON is not acceptable here (6.3.4, 6.3.6)."""
    await post(running, **SERIES)

    linked = await running.client.get(f"{EVOLUTIONS}/{CAR}", headers={"Accept": "application/ld+json"})
    geojson = await running.client.get(f"{EVOLUTIONS}/{CAR}", headers={"Accept": "application/geo+json"})

    assert "@context" in linked.json()
    assert geojson.status_code == 406
