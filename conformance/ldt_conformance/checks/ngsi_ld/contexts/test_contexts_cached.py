"""Cached and implicitly created @contexts: ETSI GS CIM 009 V1.9.1, clauses 5.13.1 to 5.13.5.

A broker need not cache ("brokers may automatically store", 5.13.1), nor create an @context before it needs one: where
it has not, there is nothing to judge, and the check is inconclusive.
"""

import re
from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.contexts.storing_contexts import (
    CONTEXTS,
    MEMBERS,
    PATH,
    SINCE,
    delete_context,
    details,
    holds,
    hosted,
    listed,
    own_context,
    path_of,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.clients import JSON
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, precondition
from ldt_conformance.expectations import expect_equal, expect_object, require
from ldt_conformance.receiver import Inbox, Receiver

WRITE = Mode.SANDBOX_WRITE
SHARED: dict[str, Any] = {"capability": CONTEXTS, "since": SINCE, "level": Level.MUST, "mode": WRITE}
ADD = {**SHARED, "requirements": ["ngsi-ld/5.13.2"], "pics": ["PICS_AddUse@coTheInt"]}
LIST = {**SHARED, "requirements": ["ngsi-ld/5.13.3"], "pics": ["PICS_LisAllCac@co"]}
SERVE = {**SHARED, "requirements": ["ngsi-ld/5.13.4"], "pics": ["PICS_SerOneSpeUse@co"]}
DELETE = {**SHARED, "requirements": ["ngsi-ld/5.13.5"], "pics": ["PICS_DelOneSpe@coInt"]}
FILTER = cim009("5.13.3.3", "A kind filter indicating the kind of stored @contexts that are to be included")


def entry_of(broker: Broker, url: str, kind: str) -> dict[str, Any] | None:
    """The metadata of the stored @context of a kind with this URL, None if there is none."""
    found = [one for one in listed(broker, details=True, kind=kind) if isinstance(one, dict) and one.get("URL") == url]
    return found[0] if found else None


def cached(broker: Broker, served: Inbox) -> dict[str, Any]:
    """The cached copy of an @context that has been used once; its metadata."""
    entity = broker.new_entity().with_property("speed", 1)
    require(broker.create_entity(entity, ld_context=served.url), 201, step="creating an Entity with a remote @context")
    entry = entry_of(broker, served.url, "Cached")
    precondition(entry is not None, f"the broker keeps no copy of {served.url}: what it does with one cannot be seen")
    return entry or {}


def implicit(broker: Broker) -> str:
    """The identifier of an @context that the broker created in order to name it in the Link of a JSON answer.

    The Link is asked for with an @context that came inline (6.3.6); the transport notes what it names as ours.
    """
    query = {"type": "Query", "entities": [{"type": broker.new_type()}], "@context": [own_context(broker), {}]}
    response = broker.send("POST", "/entityOperations/query", body=query, accept=JSON)
    require(response, 200, step="querying with an inline @context")
    found = re.search(rf"{PATH}/([^>]+)>", response.headers.get("link", ""))
    if found is None:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE,
            "the broker has created no @context for one that came inline",
            expected="an @context of kind ImplicitlyCreated",
        )
    return found[1]


@check(
    id="contexts/used-is-cached",
    title="A cached copy is described by its URL, its own identifier and its kind",
    clause=[
        cim009("5.13.1", "The original @context's URL, if any, is"),
        cim009("5.13.3.5", "a list of resulting JSON objects containing the following fields"),
    ],
    test_purposes=purposes("CTX/Cons/052_07_01"),
    **{**LIST, "since": "1.8.1"},  # ruling W20
)
def test_used_is_cached(broker: Broker, receiver: Receiver) -> None:
    entry = cached(broker, receiver.serve_context(own_context(broker)))

    expect_members(entry, present=MEMBERS)
    expect_equal(entry["kind"], "Cached", "kind")


@check(
    id="contexts/cached-not-served",
    title="The content of a cached copy is not served",
    clause=cim009("5.13.4.4", 'give back OperationNotSupported error if it is of kind "Cached".'),
    **SERVE,
)
def test_cached_not_served(broker: Broker, receiver: Receiver) -> None:
    entry = cached(broker, receiver.serve_context(own_context(broker)))

    response = broker.send("GET", path_of(str(entry["localId"])))

    expect_problem(response, status=422, error_type="OperationNotSupported")


@check(
    id="contexts/cached-by-url",
    title="A cached copy is found by the URL that it came from",
    clause=cim009("5.13.4.3", 'For @contexts of kind "Cached" this can also be the'),
    **SERVE,
)
def test_cached_by_url(broker: Broker, receiver: Receiver) -> None:
    served = receiver.serve_context(own_context(broker))
    entry = cached(broker, served)

    expect_equal(details(broker, served.url).get("localId"), entry["localId"], "localId")


@check(
    id="contexts/cached-is-used",
    title="A cached copy serves a second request; where hits are counted, there are more",
    clause=cim009("5.13.1", "brokers may automatically store and use the stored copies of common"),
    test_purposes=purposes("CTX/Cons/053_06_01"),
    **{**SERVE, "level": Level.MAY},
)
def test_cached_is_used(broker: Broker, receiver: Receiver) -> None:
    served = receiver.serve_context(own_context(broker))
    before = cached(broker, served)
    fetches = len(served.received())

    require(broker.query_entities({"type": broker.new_type()}, ld_context=served.url), 200, step="using it again")

    after = details(broker, str(before["localId"]))
    if len(served.received()) > fetches:
        fail("no second download", f"{len(served.received())} downloads")
    if "numberOfHits" in after and not after["numberOfHits"] > before.get("numberOfHits", 0):
        fail("a greater numberOfHits than before", f"{before.get('numberOfHits')}, then {after['numberOfHits']}")


@check(
    id="contexts/add-references",
    title="A hosted @context may refer to others by their URLs",
    clause=cim009("5.13.2.4", "A new entry is created in the local storage and a locally unique identifier (URI) is"),
    test_purposes=purposes("CTX/Prov/050_01_02", "CTX/Prov/050_04_01"),
    **ADD,
)
def test_add_references(broker: Broker, receiver: Receiver) -> None:
    """Whether what it refers to is cached at once is not said: it is seen when the hosted one is used."""
    terms = own_context(broker)
    served = receiver.serve_context(terms)
    identifier = hosted(broker, [served.url, own_context(broker)])
    entity = broker.new_entity().with_property("speed", 1)

    url = str(details(broker, identifier)["URL"])
    require(broker.create_entity(entity, ld_context=url), 201, step="creating an Entity with it")

    expect_equal(bool(served.received()), True, "whether the broker fetched what it refers to")


@check(
    id="contexts/delete-cached",
    title="A cached copy that is deleted is not stored any more",
    clause=cim009("5.13.5.4", "implementations shall remove from the internal storage the"),
    test_purposes=purposes("CTX/Prov/051_03_01"),
    **DELETE,
)
def test_delete_cached(broker: Broker, receiver: Receiver) -> None:
    served = receiver.serve_context(own_context(broker))
    identifier = str(cached(broker, served)["localId"])

    response = delete_context(broker, served.url)

    expect_status(response, 204)
    expect_equal(holds(broker, identifier), False, "whether it is still listed")


@check(
    id="contexts/reload-cached",
    title="A cached copy that is reloaded is downloaded again",
    clause=cim009("5.13.5.4", "implementations shall try to re-download the"),
    **DELETE,
)
def test_reload_cached(broker: Broker, receiver: Receiver) -> None:
    served = receiver.serve_context(own_context(broker))
    cached(broker, served)
    fetches = len(served.received())

    response = delete_context(broker, served.url, reload=True)

    expect_status(response, 204)
    expect_equal(len(served.received()) > fetches, True, "whether it was fetched again")
    expect_equal(entry_of(broker, served.url, "Cached") is not None, True, "whether it is still listed")


@check(
    id="contexts/reload-fails",
    title="A reload that fails is LdContextNotAvailable, and the copy stays",
    clause=[
        cim009("5.13.5.4", "error of type LdContextNotAvailable shall be raised."),
        cim009("5.13.5.4", "operation ends without removing the existing @context."),
    ],
    test_purposes=purposes("CTX/Prov/051_05_01", "CTX/Cons/053_05_01"),
    **{**DELETE, "since": "1.8.1"},  # 503 before (ruling W1)
)
def test_reload_fails(broker: Broker, receiver: Receiver) -> None:
    served = receiver.serve_context(own_context(broker))
    identifier = str(cached(broker, served)["localId"])
    served.respond(503)

    response = delete_context(broker, served.url, reload=True)

    expect_problem(response, status=504, error_type="LdContextNotAvailable")
    expect_equal(details(broker, identifier).get("kind"), "Cached", "kind of what is still stored")


@check(
    id="contexts/implicit-served",
    title="An implicitly created @context is listed as such, described and served",
    clause=[FILTER, cim009("5.13.1", "These entries shall be served by brokers on-demand.")],
    test_purposes=purposes(
        "CTX/Prov/050_03_01",
        "CTX/Cons/053_07_01",
        *(f"CTX/Cons/052_06_0{number}" for number in range(1, 9)),
    ),
    **SERVE,
)
def test_implicit_served(broker: Broker) -> None:
    identifier = implicit(broker)
    entry = details(broker, identifier)

    expect_equal(entry.get("kind"), "ImplicitlyCreated", "kind")
    expect_equal("@context" in expect_object(broker.send("GET", path_of(identifier))), True, "whether it is served")
    for kind in (None, "ImplicitlyCreated", "Hosted", "Cached"):
        shown = [entry["URL"] in listed(broker, kind=kind, details=wanted) for wanted in (None, False)]
        expect_equal(shown, [kind in (None, "ImplicitlyCreated")] * 2, f"whether it is listed with kind={kind}")


@check(
    id="contexts/implicit-is-used",
    title="An implicitly created @context can be used like any other; where hits are counted, there are more",
    clause=cim009("5.13.1", "These entries shall be served by brokers on-demand."),
    test_purposes=purposes("CTX/Cons/053_08_01"),
    **{**SERVE, "level": Level.MAY},
)
def test_implicit_is_used(broker: Broker) -> None:
    """Ruling W33: the member is optional, and what counts as a hit is not defined."""
    identifier = implicit(broker)
    before = details(broker, identifier)

    require(broker.query_entities({"type": broker.new_type()}, ld_context=before["URL"]), 200, step="using it")

    after = details(broker, identifier)
    if "numberOfHits" in after and not after["numberOfHits"] > before.get("numberOfHits", 0):
        fail("a greater numberOfHits than before", f"{before.get('numberOfHits')}, then {after['numberOfHits']}")


@check(
    id="contexts/implicit-reload",
    title="An implicitly created @context cannot be reloaded",
    clause=cim009("5.13.5.4", 'If reload is true and the kind of the @context is not "Cached"'),
    test_purposes=purposes("CTX/Prov/051_07_01"),
    **DELETE,
)
def test_implicit_reload(broker: Broker) -> None:
    """By its local identifier (ruling E11)."""
    identifier = implicit(broker)

    response = delete_context(broker, identifier, reload=True)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="contexts/implicit-delete",
    title="An implicitly created @context can be deleted",
    clause=cim009("5.13.5.4", "implementations shall remove from the internal storage the"),
    test_purposes=purposes("CTX/Prov/051_06_01"),
    **DELETE,
)
def test_implicit_delete(broker: Broker) -> None:
    identifier = implicit(broker)

    response = delete_context(broker, identifier)

    expect_status(response, 204)
    expect_equal(holds(broker, identifier), False, "whether it is still listed")
