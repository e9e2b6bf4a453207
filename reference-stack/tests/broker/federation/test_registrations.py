"""Context Source Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.2.9, 5.9 and 5.10.1; 6.8 and 6.9."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.registrations import MEMBERS, check_registration, expand_registration

from ..api import NULL, create, refused, send
from .registrations import CAR, REGISTRATION, exclusive, register, registration

pytestmark = pytest.mark.anyio
PATH = f"/csourceRegistrations/{REGISTRATION}"
FUTURE, PAST = "2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z"


async def test_what_was_registered_is_retrieved(running: Any) -> None:
    """All members come back in the names of the caller; output-only members that were sent do not count."""
    document = registration(
        [{"type": ["Car", "Vehicle"], "idPattern": "urn:.*"}],
        properties=["speed"],
        mode="redirect",
        operations=["redirectionOps", "queryBatch"],
        contextSourceInfo=[{"key": "X-Key", "value": "secret"}, {"key": "jsonldContext", "value": "http://a.test/c"}],
        contextSourceAlias="theirs",
        management={"timeout": 500, "cooldown": 1000, "localOnly": True, "cacheDuration": "PT5M"},
        location={"type": "Point", "coordinates": [8.5, 49.1]},
        datasetId=["urn:a:b", "@none"],
        scope="/Madrid",
        tenant="theirs",
        expiresAt=FUTURE,
        refreshRate="PT1H",
        registrationName="cars",
        owner="City",
    )
    answer = await send(
        running.client, "POST", "/csourceRegistrations", {**document, "status": "failed", "timesSent": 7}, 201
    )
    assert answer.headers["location"] == f"/ngsi-ld/v1/csourceRegistrations/{REGISTRATION}"

    found = await send(running.client, "GET", PATH, None, 200)

    assert found.json() == document
    shown = (await send(running.client, "GET", f"{PATH}?options=sysAttrs", None, 200)).json()
    assert shown["createdAt"] == shown["modifiedAt"]


async def test_names_follow_the_context_of_whoever_asks(running: Any) -> None:
    """A term expanded at registration is compacted with the @context of the retrieval (5.5.7)."""
    context = {"Car": "https://cars.test/Car", "speed": "https://cars.test/speed", "owner": "https://cars.test/owner"}
    document = {**registration(properties=["speed"], owner="City"), "@context": context}
    await send(running.client, "POST", "/csourceRegistrations", document, 201, content_type="application/ld+json")

    found = (await send(running.client, "GET", PATH, None, 200)).json()

    info = found["information"][0]
    assert (info["entities"][0]["type"], info["propertyNames"]) == (
        "https://cars.test/Car",
        ["https://cars.test/speed"],
    )
    assert found["https://cars.test/owner"] == "City"


async def test_an_id_is_generated(running: Any) -> None:
    """5.9.2.4: "a new identifier (URI) shall be automatically generated"."""
    identifier = await register(running.client, registration(id=None))
    assert identifier.startswith("urn:")
    await send(running.client, "GET", f"/csourceRegistrations/{identifier}", None, 200)


async def test_an_id_in_use_is_refused(running: Any) -> None:
    """AlreadyExists, whoever it points to."""
    await register(running.client, registration())
    await refused(running.client, "POST", "/csourceRegistrations", registration(), 409, "AlreadyExists")


@pytest.mark.parametrize(
    "change",
    [
        {"type": None},
        {"type": "Subscription"},
        {"id": "no uri"},
        {"endpoint": None},
        {"endpoint": "no uri"},
        {"endpoint": "ftp://source.test"},
        {"endpoint": "http://"},
        {"information": None},
        {"information": []},
        {"information": {}},
        {"information": [{}]},
        {"information": [{"entities": []}]},
        {"information": [{"propertyNames": []}]},
        {"information": [{"propertyNames": "speed"}]},
        {"information": [{"entities": [{"id": CAR}]}]},
        {"information": [{"entities": [{"type": "Car", "id": "no uri"}]}]},
        {"information": [{"entities": [{"type": "Car", "idPattern": "("}]}]},
        {"information": [{"entities": [{"type": "Car", "name": "x"}]}]},
        {"mode": "best"},
        {"operations": []},
        {"operations": ["createEntities"]},
        {"expiresAt": PAST},
        {"expiresAt": "tomorrow"},
        {"location": {"type": "Point", "coordinates": ["a", 1]}},
        {"location": "here"},
        {"location": {"type": "Point", "coordinates": [1, 2], "note": None}},
        {"owner": {"type": "Property", "value": None}},
        {"owner": {"type": "Property", "value": {"name": NULL}}},
        {"datasetId": ["no uri"]},
        {"scope": "//"},
        {"tenant": ""},
        {"registrationName": ""},
        {"contextSourceAlias": "two words"},
        {"contextSourceInfo": {"key": "a", "value": "b"}},
        {"contextSourceInfo": [{"key": "a"}]},
        {"contextSourceInfo": [{"key": "a b", "value": "c"}]},
        {"contextSourceInfo": [{"key": "a", "value": "b\nc"}]},
        {"contextSourceInfo": [{"key": "accept", "value": "text/html"}]},
        {"contextSourceInfo": [{"key": "contentType", "value": "application/geo+json"}]},
        {"contextSourceInfo": [{"key": "jsonldContext", "value": "context.jsonld"}]},
        {"contextSourceInfo": [{"key": "ngsildConformance", "value": "1"}]},
        {"management": {"timeout": 0}},
        {"management": {"cooldown": "1"}},
        {"management": {"cacheDuration": "an hour"}},
        {"observationInterval": {"endAt": PAST}},
        {"managementInterval": {"startAt": FUTURE, "endAt": PAST}},
        {"refreshRate": "P"},
        {"description": NULL},
        {"management": {"timeout": NULL}},
        {"bad name": 1},
        {"mode": "auxiliary"},
        {"mode": "auxiliary", "operations": ["retrieveOps", "createEntity"]},
    ],
)
async def test_what_is_no_registration_is_refused(running: Any, change: dict[str, Any]) -> None:
    """5.9.2.4: "If the data types and restrictions expressed by clause 5.2.9 are not met" BadRequestData."""
    await refused(running.client, "POST", "/csourceRegistrations", registration(**change), 400, "BadRequestData")


@pytest.mark.parametrize("body", [b"{", b""])
async def test_what_is_no_json_is_refused(running: Any, body: bytes) -> None:
    """InvalidRequest (5.5.4)."""
    for method, path in (("POST", "/csourceRegistrations"), ("PATCH", PATH)):
        headers = {"Content-Type": "application/json"}
        answer = await running.client.request(method, f"/ngsi-ld/v1{path}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "document",
    [
        exclusive("speed", entity_id=None),  # type: ignore[arg-type]  # that is what is wrong with it
        registration([{"type": "Car", "idPattern": ".*"}], properties=["speed"], mode="exclusive"),
        registration([{"type": "Car", "id": CAR}], mode="exclusive"),
        registration((), properties=["speed"], mode="exclusive"),
        registration(
            [{"type": "Car", "id": CAR}, {"type": "Car", "id": CAR + "2"}], properties=["a"], mode="exclusive"
        ),
    ],
)
async def test_an_exclusive_registration_is_about_attributes_of_one_entity(running: Any, document: Any) -> None:
    """4.3.6.3."""
    await refused(running.client, "POST", "/csourceRegistrations", document, 400, "BadRequestData")


async def test_a_second_proxied_registration_of_the_same_attribute_is_a_conflict(running: Any) -> None:
    """5.9.2.4; a redirect one that is made after the exclusive one, too (4.3.6.3)."""
    await register(running.client, exclusive("speed", "brand"))

    for other in (
        exclusive("brand", id=None),
        registration(mode="redirect", id=None),
        registration([{"type": "Car", "idPattern": ":1$"}], properties=["speed"], mode="redirect", id=None),
        registration((), properties=["speed"], mode="redirect", id=None),
        registration([{"type": "Bus", "id": CAR}], properties=["speed"], mode="exclusive", id=None),
    ):
        await refused(running.client, "POST", "/csourceRegistrations", other, 409, "Conflict")
    for other in (
        exclusive("owner", id=None),
        exclusive("brand", entity_id=CAR + "2", id=None),
        registration([{"type": "Bus"}], mode="redirect", id=None),
        registration(properties=["wheels"], mode="redirect", id=None),
        registration(properties=["speed"], id=None),
        registration(properties=["speed"], mode="auxiliary", operations=["retrieveOps"], id=None),
    ):
        await register(running.client, other)


async def test_an_exclusive_registration_after_a_redirect_one_is_a_conflict(running: Any) -> None:
    """5.9.2.4: "If an exclusive or redirect Context Source Registration already matches"."""
    await register(running.client, registration(mode="redirect"))
    await refused(running.client, "POST", "/csourceRegistrations", exclusive("speed", id=None), 409, "Conflict")
    await register(running.client, registration(mode="redirect", id=None))  # several redirects may overlap


async def test_what_is_held_locally_cannot_be_proxied(running: Any) -> None:
    """5.9.2.4: an Entity with a registered Attribute (exclusive), or that matches (redirect)."""
    await create(running.client, CAR, speed={"type": "Property", "value": 1})

    for document in (
        exclusive("speed"),
        registration(mode="redirect"),
        registration([{"type": "Car", "idPattern": "Car"}], properties=["speed", "brand"], mode="redirect"),
    ):
        await refused(running.client, "POST", "/csourceRegistrations", document, 409, "Conflict")
    for document in (
        exclusive("brand", id=None),
        registration([{"type": "Bus"}], mode="redirect", id=None),
        registration(properties=["colour"], mode="redirect", id=None),
    ):
        await register(running.client, document)


async def test_an_update_replaces_members(running: Any) -> None:
    """5.5.8: what the Fragment has replaces, what it has not stays, the NGSI-LD Null removes."""
    await register(running.client, registration(expiresAt=FUTURE, management={"timeout": 1, "cooldown": 2}))
    fragment = {
        "type": "ContextSourceRegistration",
        "expiresAt": NULL,
        "management": {"timeout": 9},
        "information": [{"propertyNames": ["speed"]}],
    }

    await send(running.client, "PATCH", PATH, fragment, 204)

    found = (await send(running.client, "GET", PATH, None, 200)).json()
    assert "expiresAt" not in found
    assert found["management"] == {"timeout": 9}
    assert found["information"] == [{"propertyNames": ["speed"]}]
    assert found["endpoint"] == "http://source.test"


@pytest.mark.parametrize(
    "fragment",
    [
        {"endpoint": NULL},
        {"information": NULL},
        {"information": []},
        {"type": "Subscription"},
        {"expiresAt": PAST},
        {"expiresAt": None},
        {"id": "urn:another:one"},
        {"mode": "exclusive"},
        {"contextSourceInfo": [{"key": "accept", "value": "text/html"}]},
        [],
    ],
)
async def test_an_update_that_makes_no_registration_is_refused(running: Any, fragment: Any) -> None:
    """5.9.3.4; nothing changes."""
    await register(running.client, registration())
    await refused(running.client, "PATCH", PATH, fragment, 400, "BadRequestData")
    assert (await send(running.client, "GET", PATH, None, 200)).json() == registration()


async def test_an_update_to_redirect_meets_the_same_conflicts(running: Any) -> None:
    """5.9.3.4."""
    await create(running.client, CAR)
    await register(running.client, registration())
    await refused(running.client, "PATCH", PATH, {"mode": "redirect"}, 409, "Conflict")


async def test_a_deleted_registration_is_gone(running: Any) -> None:
    """5.9.4."""
    await register(running.client, registration())
    await send(running.client, "DELETE", PATH, None, 204)
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"mode": "inclusive"})):
        await refused(running.client, method, PATH, body, 404, "ResourceNotFound")


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("DELETE", None), ("PATCH", {})])
async def test_an_id_that_is_no_uri_is_refused(running: Any, method: str, body: Any) -> None:
    """5.9.3.4, 5.9.4.4, 5.10.1.4."""
    await refused(running.client, method, "/csourceRegistrations/nouri", body, 400, "BadRequestData")


async def test_an_expired_registration_is_gone(running: Any) -> None:
    """5.9.2.4: "implementations shall delete the Registration when this point in time is reached"."""
    await register(running.client, registration(expiresAt=FUTURE))
    running.clock.advance(3600 * 24 * 365 * 80)

    await refused(running.client, "GET", PATH, None, 404, "ResourceNotFound")
    assert (await send(running.client, "GET", "/csourceRegistrations?type=Car", None, 200)).json() == []
    await register(running.client, registration())


async def test_tenants_have_their_own_registrations(running: Any) -> None:
    """4.14; registering creates a tenant (5.5.10)."""
    await register(running.client, registration(), ngsild_tenant="city")
    await refused(running.client, "GET", PATH, None, 404, "ResourceNotFound")
    answer = await send(running.client, "GET", PATH, None, 200, ngsild_tenant="city")
    assert answer.headers["ngsild-tenant"] == "city"
    await refused(running.client, "GET", PATH, None, 404, "NonexistentTenant", ngsild_tenant="none")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("urn:a:b") | st.just("Car"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBER = st.sampled_from([*sorted(MEMBERS), "id", "type", "own"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(MEMBER, JSON, max_size=3))
def test_whatever_comes_is_taken_or_refused(changes: dict[str, Any]) -> None:
    """Validation ends with a Registration or BadRequestData, never otherwise."""
    document = {**registration(), **changes}
    try:
        check_registration(expand_registration(document, core_context()))
    except BadRequestData as error:
        assert error.detail  # noqa: PT017 — that it is this error is what is tested
