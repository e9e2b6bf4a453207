"""Queries that reach registered Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.7.2, 6.3.17 and 6.3.18.

Each query names a type that only the run uses, so that its answer can be expected in full.
"""

import re
from typing import Any

from ldt_conformance import Broker, Entity, check
from ldt_conformance.checks.ngsi_ld.consumption.paging import elements
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    LIMITED,
    PARTIAL,
    RESPECTED,
    Vehicle,
    arrived,
    new_vehicle,
    offering,
    until,
)
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source
from ldt_conformance.checks.ngsi_ld.given import registered, stored
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import describe, expect_equal, expect_ids, expect_list, require
from ldt_conformance.receiver import Receiver

FORWARDED = cim009("5.7.2.4", "forwarded for remote querying by matching endpoints. The result of each remote query is")
MERGED = cim009("5.7.2.4", "the past shall be discarded. The Entity Arrays are then merged together with the locally")
QUERIES = ["queryEntity", "queryBatch"]
WARNING = "NGSILD-Warning"


def source_of(broker: Broker, receiver: Receiver, vehicle: Vehicle, entity: Entity, **members: Any) -> Source:
    """A Context Source that holds an Entity and is registered to be queried for it, with what `members` change."""
    source = context_source(receiver, entity.to_json())
    registration = offering(broker, source, vehicle, *QUERIES, properties=[vehicle.near, vehicle.far])
    registered(broker, registration.with_members(**members))
    return source


def asked(broker: Broker, vehicle: Vehicle, source: Source, **options: Any) -> Response:
    """The answer to a query of a type, as soon as it reaches the source."""
    params = {"type": vehicle.type, **options.pop("params", {})}
    return until(lambda: broker.query_entities(params, **options), source.queries, source)


def expect_values(response: Response, vehicle: Vehicle, near: int | None, far: int | None) -> None:
    """Fail unless the one Entity is listed, with these values of both Attributes."""
    listed = expect_list(response)
    expect_ids(listed, [vehicle.id])
    expect_equal(vehicle.values(listed[0]), (near, far), "what is held here and at the source")


@check(
    id="distributed-query/from-source",
    title="A query lists an Entity that only a registered Context Source holds",
    clause=FORWARDED,
    **DISTRIBUTED,
)
def test_from_source(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = source_of(broker, context_server, vehicle, vehicle.there())

    response = asked(broker, vehicle, source)

    expect_values(response, vehicle, None, 90)


@check(
    id="distributed-query/merged",
    title="A query lists an Entity once, with the Attributes held here and at a registered Context Source",
    clause=MERGED,
    **DISTRIBUTED,
)
def test_merged(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    source = source_of(broker, context_server, vehicle, vehicle.there())

    response = asked(broker, vehicle, source)

    expect_values(response, vehicle, 55, 90)


@check(
    id="distributed-query/post",
    title="A query by POST lists an Entity that only a registered Context Source holds",
    clause=[FORWARDED, cim009("4.20", "5.7.2 Query Entities (batch entity queries only)")],
    **DISTRIBUTED,
)
def test_post(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = source_of(broker, context_server, vehicle, vehicle.there())

    response = until(lambda: broker.query_entities_post({"entities": [{"type": vehicle.type}]}), source.queries, source)

    expect_values(response, vehicle, None, 90)


@check(
    id="distributed-query/pages",
    title="Pages lead to what is held here and at a registered Context Source, each Entity once",
    clause=[
        MERGED,
        cim009(
            "4.3.6.7", "To process each Context Consumption request efficiently, and to support consistent pagination"
        ),
    ],
    **DISTRIBUTED,
)
def test_pages(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    near = [stored(broker, vehicle.here().with_id(broker.new_id("Vehicle"))) for _ in range(2)]
    source = source_of(broker, context_server, vehicle, vehicle.there())
    asked(broker, vehicle, source)

    first = broker.query_entities({"type": vehicle.type, "limit": 1})

    expect_ids(elements(broker, first), [vehicle.id, *(entity.id for entity in near)])


@check(
    id="distributed-query/auxiliary",
    title="In a query an auxiliary Context Source adds Attributes and overrides none",
    clause=[
        cim009(
            "5.7.2.4",
            "querying by matching endpoints. Data from the Entity Array received is added to the payload only when",
        ),
        cim009(
            "4.3.6.2",
            "An auxiliary Context Source Registration never overrides data held directly within a Context Broker.",
        ),
    ],
    **DISTRIBUTED,
)
def test_auxiliary(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    source = source_of(
        broker, context_server, vehicle, vehicle.whole(near=99), operations=["queryEntity"], mode="auxiliary"
    )

    response = asked(broker, vehicle, source)

    expect_values(response, vehicle, 55, 90)


@check(
    id="distributed-query/expired",
    title="A query does not list what has expired at a Context Source",
    clause=cim009(
        "5.7.2.4", "Array. Within each Entity Array, any Entities where an expiresAt DateTime is present and the"
    ),
    **{**DISTRIBUTED, "since": "1.9.1"},
)
def test_expired(broker: Broker, context_server: Receiver) -> None:
    """Another one of the same kind, which lasts, is listed: else it would prove nothing."""
    lasting, expired = new_vehicle(broker), new_vehicle(broker)
    source = source_of(broker, context_server, lasting, lasting.there())
    source.entity |= {"expiresAt": "2099-01-01T00:00:00Z"}
    expect_listed(broker, lasting, source)
    stored(broker, expired.here())
    source = source_of(broker, context_server, expired, expired.there())
    source.entity |= {"expiresAt": "2020-01-01T00:00:00Z"}

    response = asked(broker, expired, source)

    precondition(source.queries(), "the source was not queried; that it is is judged by another check")
    expect_values(response, expired, 55, None)


@check(
    id="distributed-query/split",
    title="Where Entities may be split, a condition is met by what is held here and at a Context Source together",
    clause=[
        cim009(
            "5.7.2.4",
            "geoquery, Scope query, Attributes) shall be removed before forwarding the request. These filters then",
        ),
        cim009("6.4.3.2", "If true it is assumed that single Entities are"),
    ],
    **{**DISTRIBUTED, "since": "1.9.1"},
)
def test_split(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    source = source_of(broker, context_server, vehicle, vehicle.there())
    asked(broker, vehicle, source)
    split = {"type": vehicle.type, "splitEntities": True}

    met = broker.query_entities({**split, "q": f"{vehicle.near}==55;{vehicle.far}==90"})
    unmet = broker.query_entities({**split, "q": f"{vehicle.near}==55;{vehicle.far}==91"})

    expect_values(met, vehicle, 55, 90)
    expect_ids(expect_list(unmet), [])


@check(
    id="distributed-query/other-operations",
    title="A Context Source is not queried where its Registration does not offer it",
    clause=[
        RESPECTED,
        cim009(
            "5.7.2.4",
            'the query and support the "queryEntity" operation (see operations and operation groups in clause',
        ),
    ],
    **DISTRIBUTED,
)
def test_other_operations(broker: Broker, context_server: Receiver) -> None:
    """A second Registration shows that the first one, which came before it, has taken effect."""
    vehicle, other = new_vehicle(broker), new_vehicle(broker)
    source = source_of(broker, context_server, vehicle, vehicle.there(), operations=["createEntity"])
    later = source_of(broker, context_server, other, other.there())
    expect_listed(broker, other, later)

    response = broker.query_entities({"type": vehicle.type})

    expect_not_queried(response, source, 0)


def expect_listed(broker: Broker, vehicle: Vehicle, source: Source) -> None:
    """Make sure that a source is queried, or that it is not would prove nothing."""
    response = require(asked(broker, vehicle, source), 200, step="querying the Context Source")
    precondition(
        source.queries() and vehicle.id in response.text,
        f"the Entity of the Context Source is not listed, where there arrived {arrived(source)}: {describe(response)}",
    )


def expect_not_queried(response: Response, source: Source, before: int) -> None:
    """Fail unless nothing is listed, and a source was queried no more often than before."""
    expect_ids(expect_list(response), [])
    expect_equal(len(source.queries()) - before, 0, "the number of queries at the source")


@check(
    id="distributed-query/local-scope",
    title="A query with local=true asks no Context Source",
    clause=cim009("6.3.18", "If local=true then no Context Source Registrations shall be considered as matching to"),
    **LIMITED,
)
def test_local_scope(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = source_of(broker, context_server, vehicle, vehicle.there())
    expect_listed(broker, vehicle, source)
    before = len(source.queries())

    response = broker.query_entities({"type": vehicle.type, "local": True})

    expect_not_queried(response, source, before)


@check(
    id="distributed-query/narrowed",
    title="A Context Source is not queried for Entities that its Registration does not offer",
    clause=cim009(
        "4.3.6.1", "requests. For instance, if a registration states that only Entities of a given type are offered"
    ),
    **DISTRIBUTED,
)
def test_narrowed(broker: Broker, context_server: Receiver) -> None:
    vehicle, other = new_vehicle(broker), new_vehicle(broker)
    stored(broker, other.here())
    source = source_of(broker, context_server, vehicle, vehicle.there())
    both = {"type": [vehicle.type, other.type], "id": [vehicle.id, other.id]}

    listed = expect_list(asked(broker, vehicle, source, params=both))

    precondition(source.queries(), "the source was not queried; that it is is judged by another check")
    expect_ids(listed, [vehicle.id, other.id])
    beyond = source.queries_for(other.id, other.type)
    if beyond:
        fail(f"queries of nothing but {vehicle.type} and {vehicle.id}", f"{beyond[0].query} {beyond[0].body!r}")


@check(
    id="distributed-query/source-info",
    title="What a Registration says is to be conveyed to its Context Source is in the distributed request",
    clause=[
        cim009(
            "4.3.6.5",
            "is present, it contains, whatever extra information the Context Broker shall convey when contacting",
        ),
        cim009(
            "6.3.19",
            'added for each member named "key" of the key-value pairs that make up the array shall be generated',
        ),
    ],
    **DISTRIBUTED,
)
def test_source_info(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    pair = {"key": "X-Ldt-Check", "value": broker.unique("value")}
    source = source_of(broker, context_server, vehicle, vehicle.there(), contextSourceInfo=[pair])

    expect_listed(broker, vehicle, source)

    values = [request.headers.get(pair["key"]) for request in source.queries()]
    expect_equal(set(values), {pair["value"]}, f"the header {pair['key']} of the distributed request")


@check(
    id="distributed-query/error-warned",
    title="Where a Context Source answers a query with an error, what is held here is listed with the warning 299",
    clause=[
        cim009(
            "6.3.17", '"NGSILD-Warning" HTTP headers shall also be used to indicate instances of abnormal behaviour for'
        ),
        cim009("6.3.17", "An error response (such as 403 - Forbidden) was received from the registration"),
    ],
    **PARTIAL,
)
def test_error_warned(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    source = source_of(broker, context_server, vehicle, vehicle.there())
    source.respond(403)

    response = asked(broker, vehicle, source)

    precondition(source.queries(), "the source was not queried; that it is is judged by another check")
    expect_values(response, vehicle, 55, None)
    said = ", ".join(response.headers.get_list(WARNING))
    if not re.search(r"(^|, *)299\b", said):
        fail(f"a header {WARNING} with 299", f"{WARNING}: {said or '(none)'}")
