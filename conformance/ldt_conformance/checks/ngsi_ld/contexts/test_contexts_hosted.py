"""Add, Serve, List and Delete of hosted @contexts: ETSI GS CIM 009 V1.9.1, clauses 5.13.2 to 5.13.5, 6.29 and 6.30."""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.contexts.storing_contexts import (
    CONTEXTS,
    MEMBERS,
    PATH,
    SINCE,
    add_context,
    delete_context,
    details,
    holds,
    hosted,
    listed,
    own_context,
    path_of,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import read_back
from ldt_conformance.clients import JSON
from ldt_conformance.engine.transport.journal import last_segment
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import describe, expect_date_time, expect_equal, expect_object, require

WRITE = Mode.SANDBOX_WRITE
SHARED: dict[str, Any] = {"capability": CONTEXTS, "since": SINCE, "level": Level.MUST, "mode": WRITE}
ADD = {**SHARED, "requirements": ["ngsi-ld/5.13.2"], "pics": ["PICS_AddUse@coTheInt"]}
LIST = {**SHARED, "requirements": ["ngsi-ld/5.13.3"], "pics": ["PICS_LisAllCac@co"]}
SERVE = {**SHARED, "requirements": ["ngsi-ld/5.13.4"], "pics": ["PICS_SerOneSpeUse@co"]}
DELETE = {**SHARED, "requirements": ["ngsi-ld/5.13.5"], "pics": ["PICS_DelOneSpe@coInt"]}
FULL = cim009("5.13.4.4", "the broker shall give back the full content of the @context")
VALIDATION = cim009("5.13.2.4", "The behaviour described in clause 5.5.4 about JSON and JSON-LD validation shall be")
EVERY = cim009("5.13.3.4", "The broker shall provide a URL or JSON object for each @context currently stored")


@check(
    id="contexts/add",
    title="An @context that is added is stored as Hosted, and its identifier comes back",
    clause=[
        cim009("5.13.2.4", "That identifier shall be given back as a result in the output data."),
        cim009("5.13.2.4", 'The entry is flagged as being of kind "Hosted".'),
    ],
    test_purposes=purposes("CTX/Prov/050_01_01"),
    **ADD,
)
def test_add(broker: Broker) -> None:
    response = add_context(broker, own_context(broker))

    expect_status(response, 201)
    location = response.headers.get("location")
    if not location:
        fail("a Location header with the path of the @context", describe(response))
    expect_equal(details(broker, last_segment(location)).get("kind"), "Hosted", "kind")


@check(
    id="contexts/serve",
    title="A hosted @context is served as it was added",
    clause=FULL,
    test_purposes=purposes("CTX/Cons/053_01_01"),
    **SERVE,
)
def test_serve(broker: Broker) -> None:
    ld_context = own_context(broker)
    identifier = hosted(broker, ld_context)

    response = broker.send("GET", path_of(identifier))

    expect_equal(expect_object(response).get("@context"), ld_context, "the @context")


@check(
    id="contexts/serve-without-details",
    title="With details=false a hosted @context is served in full",
    clause=FULL,
    test_purposes=purposes("CTX/Cons/053_01_02"),
    **SERVE,
)
def test_serve_without_details(broker: Broker) -> None:
    ld_context = own_context(broker)
    identifier = hosted(broker, ld_context)

    response = broker.send("GET", path_of(identifier), params={"details": False})

    expect_equal(expect_object(response).get("@context"), ld_context, "the @context")


@check(
    id="contexts/serve-details",
    title="With details=true a hosted @context is described: URL, localId, kind and createdAt",
    clause=[
        cim009("5.13.4.4", "if details is set to true, the broker shall give back metadata about the @context"),
        cim009("5.13.3.5", "a list of resulting JSON objects containing the following fields"),
    ],
    test_purposes=purposes("CTX/Cons/053_02_01"),
    **{**SERVE, "since": "1.8.1"},  # the member was called timestamp before (ruling W20)
)
def test_serve_details(broker: Broker) -> None:
    identifier = hosted(broker, own_context(broker))

    found = details(broker, identifier)

    expect_members(found, present=MEMBERS)
    expect_equal((found["localId"], found["kind"]), (identifier, "Hosted"), "localId and kind")
    expect_date_time(found["createdAt"], "createdAt")


@check(
    id="contexts/serve-unknown",
    title="Serving an @context that is not stored is ResourceNotFound",
    clause=cim009("5.13.4.4", "give back ResourceNotFound if"),
    test_purposes=purposes("CTX/Cons/053_03_01"),
    **{**SERVE, "mode": Mode.PROBE},
)
def test_serve_unknown(broker: Broker) -> None:
    response = broker.send("GET", path_of(broker.new_id("LdContext")), params={"details": True})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="contexts/hosted-is-used",
    title="The URL of a hosted @context serves as @context of further requests",
    clause=cim009("5.13.1", "effectively using the Context Broker as a @context server."),
    test_purposes=purposes("CTX/Cons/053_04_01"),
    **SERVE,
)
def test_hosted_is_used(broker: Broker) -> None:
    """NumberOfHits is optional (5.13.3.5): where it is shown, it must have grown."""
    ld_context = own_context(broker)
    identifier = hosted(broker, ld_context)
    before = details(broker, identifier)
    entity = broker.new_entity().with_property("speed", 1)

    require(broker.create_entity(entity, ld_context=str(before["URL"])), 201, step="creating an Entity with it")

    expect_members(read_back(broker, entity.id), present=[ld_context["speed"]], absent=["speed"])
    after = details(broker, identifier)
    if "numberOfHits" in after and not after["numberOfHits"] > before.get("numberOfHits", 0):
        fail("a greater numberOfHits than before", f"{before.get('numberOfHits')}, then {after['numberOfHits']}")


@check(
    id="contexts/list",
    title="Every hosted @context is listed by its URL",
    clause=EVERY,
    test_purposes=purposes(
        *(f"CTX/Cons/052_{number}" for number in ("01_01", "02_01", "02_03", "03_01", "03_03", "01_05")),
    ),
    **LIST,
)
def test_list(broker: Broker) -> None:
    """The list may hold more than ours (ruling E12): both are there afterwards and were not before."""
    before = listed(broker)
    wanted = [details(broker, hosted(broker, own_context(broker)))["URL"] for _ in range(2)]

    for found in (listed(broker), listed(broker, details=False)):
        expect_equal([url in found for url in wanted], [True, True], "whether the new @contexts are listed")
    expect_equal([url in before for url in wanted], [False, False], "whether they were listed before")


@check(
    id="contexts/list-hosted",
    title="With kind=Hosted hosted @contexts are listed, and under no other kind",
    clause=[EVERY, cim009("5.13.3.3", "A kind filter indicating the kind of stored @contexts that are to be included")],
    test_purposes=purposes(
        *(f"CTX/Cons/052_{number}" for number in ("01_02", "01_03", "01_04", "01_06", "01_07", "01_08")),
        *(f"CTX/Cons/052_{number}" for number in ("02_02", "02_04", "03_02", "03_04")),
    ),
    **LIST,
)
def test_list_hosted(broker: Broker) -> None:
    url = details(broker, hosted(broker, own_context(broker)))["URL"]

    shown = {kind: url in listed(broker, kind=kind) for kind in ("Hosted", "Cached", "ImplicitlyCreated")}

    expect_equal(shown, {"Hosted": True, "Cached": False, "ImplicitlyCreated": False}, "where it is listed")
    expect_equal(url in listed(broker, kind="Hosted", details=False), True, "whether it is listed with details=false")


@check(
    id="contexts/list-details",
    title="With details=true the list describes each @context",
    clause=cim009("5.13.3.5", "a list of resulting JSON objects containing the following fields"),
    test_purposes=purposes("CTX/Cons/052_05_01", "CTX/Cons/052_05_02"),
    **{**LIST, "since": "1.8.1"},  # ruling W20
)
def test_list_details(broker: Broker) -> None:
    wanted = {hosted(broker, own_context(broker)) for _ in range(2)}

    for found in (listed(broker, details=True), listed(broker, details=True, kind="Hosted")):
        ours = [entry for entry in found if isinstance(entry, dict) and entry.get("localId") in wanted]
        expect_equal({entry["localId"] for entry in ours}, wanted, "our @contexts in the list")
        for entry in ours:
            expect_members(entry, present=MEMBERS)


@check(
    id="contexts/list-refused",
    title="A kind that there is not, or details that are no Boolean, are BadRequestData",
    clause=cim009("5.13.3.3", 'possible kinds are "Cached", "Hosted" and "ImplicitlyCreated" (optional).'),
    test_purposes=purposes(*(f"CTX/Cons/052_04_0{number}" for number in range(1, 6))),
    **{**LIST, "mode": Mode.PROBE},
)
def test_list_refused(broker: Broker) -> None:
    for kind, wanted in (("other", None), (None, "other"), ("other", "other"), ("other", "true"), ("Hosted", "other")):
        response = broker.send("GET", PATH, params={"kind": kind, "details": wanted})
        expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])


@check(
    id="contexts/delete",
    title="A hosted @context that is deleted is not stored any more",
    clause=cim009("5.13.5.4", "implementations shall remove from the internal storage the"),
    test_purposes=purposes("CTX/Prov/051_01_01"),
    **DELETE,
)
def test_delete(broker: Broker) -> None:
    identifier = hosted(broker, own_context(broker))

    response = delete_context(broker, identifier)

    expect_status(response, 204)
    expect_equal(holds(broker, identifier), False, "whether it is still listed")
    expect_problem(broker.send("GET", path_of(identifier)), status=404, error_type="ResourceNotFound")


@check(
    id="contexts/delete-unknown",
    title="Deleting an @context that is not stored is ResourceNotFound",
    clause=cim009("5.13.5.4", "a ResourceNotFound error shall be raised."),
    test_purposes=purposes("CTX/Prov/051_02_01", "CTX/Prov/051_04_02", "CTX/Prov/051_04_03"),
    **DELETE,
)
def test_delete_unknown(broker: Broker) -> None:
    for params in ({}, {"reload": False}):
        response = delete_context(broker, broker.new_id("LdContext"), **params)
        expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="contexts/reload-unknown",
    title="Reloading an @context that is not stored is ResourceNotFound",
    clause=cim009("5.13.5.4", "does not correspond to any existing entry in the @context storage"),
    test_purposes=purposes("CTX/Prov/051_04_01"),
    **DELETE,
)
def test_reload_unknown(broker: Broker) -> None:
    response = delete_context(broker, broker.new_id("LdContext"), reload=True)

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="contexts/reload-invalid",
    title="Deleting an @context that is not stored with a reload that is no Boolean is refused",
    clause=[
        cim009("5.13.5.4", "does not correspond to any existing entry in the @context storage"),
        cim009("5.5.2", "The request includes input data which does not meet the"),
    ],
    test_purposes=purposes("CTX/Prov/051_04_04"),
    **DELETE,
)
def test_reload_invalid(broker: Broker) -> None:
    """Both are wrong, and no clause says which of them is told: BadRequestData and ResourceNotFound pass."""
    response = delete_context(broker, broker.new_id("LdContext"), reload="perhaps")

    if response.status == 404:
        expect_problem(response, status=404, error_type="ResourceNotFound")
    else:
        expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="contexts/reload-hosted",
    title="A hosted @context cannot be reloaded, and stays",
    clause=cim009("5.13.5.4", 'If reload is true and the kind of the @context is not "Cached"'),
    test_purposes=purposes("CTX/Prov/051_04_05"),
    **DELETE,
)
def test_reload_hosted(broker: Broker) -> None:
    identifier = hosted(broker, own_context(broker))

    response = delete_context(broker, identifier, reload=True)

    expect_problem(response, status=400, error_type="BadRequestData")
    expect_equal(holds(broker, identifier), True, "whether it is still listed")


@check(
    id="contexts/add-without-context",
    title="A body without an @context member is refused",
    clause=cim009(
        "5.13.2.4", "The behaviour described in clause 5.5.4 about JSON and JSON-LD validation shall be applied"
    ),
    test_purposes=purposes("CTX/Prov/050_02_01"),
    **ADD,
)
def test_add_without_context(broker: Broker) -> None:
    """Ruling W16: valid JSON of the wrong shape is BadRequestData; the InvalidRequest of the test purpose warns."""
    body = {broker.unique("speed"): "https://example.org/speed"}

    response = broker.send("POST", PATH, body=body, content_type=JSON, expects_refusal=True)

    expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])


@check(
    id="contexts/add-no-json",
    title="A body that is no JSON is InvalidRequest",
    clause=cim009(
        "5.13.2.4", "The behaviour described in clause 5.5.4 about JSON and JSON-LD validation shall be applied"
    ),
    test_purposes=purposes("CTX/Prov/050_02_02"),
    **ADD,
)
def test_add_no_json(broker: Broker) -> None:
    response = broker.send("POST", PATH, content=b'{"@context": {', content_type=JSON, expects_refusal=True)

    expect_problem(response, status=400, error_type="InvalidRequest")
