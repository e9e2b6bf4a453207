"""Registrations by place, time, filters and page: ETSI GS CIM 009 V1.9.1, clauses 5.10.2, 4.9, 5.5.9 and 6.3.10."""

import json
from typing import Any

from ldt_conformance import Broker, Mode, Registration, check, expect_ids, expect_list, expect_problem
from ldt_conformance.checks.ngsi_ld.consumption.paging import MAX_PAGES, follow, link
from ldt_conformance.checks.ngsi_ld.context_sources.registering import (
    EARLIER,
    FARO,
    LATER,
    NORTH,
    PORTO,
    READ,
    expect_found,
    source,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.clients import JSON
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import expect_equal

BASE: dict[str, Any] = {"requirements": ["ngsi-ld/5.10.2"], "pics": ["PICS_DisCsoReg"], **READ}
FOUND: dict[str, Any] = {**BASE, "mode": Mode.SANDBOX_WRITE}
PAGED: dict[str, Any] = {**FOUND, "requirements": ["ngsi-ld/5.10.2", "ngsi-ld/6.3.10"]}
PLACE = cim009("5.10.2.4", "If present, the geoquery is matched against the GeoProperty identified in the geoquery.")
LATEST = cim009(
    "5.10.2.4",
    "If no temporal query is present, only Context Source Registrations for Context Sources providing latest",
)
OBSERVATION = cim009(
    "5.10.2.4", "query is matched against the observationInterval (if present). If the timeproperty is"
)
MANAGEMENT = cim009(
    "5.10.2.4", "or deletedAt, the temporal query is matched against the managementInterval (if present)."
)
CONTAINED = cim009(
    "5.10.2.4", "is contained in or is an endpoint of a time period included in the specified time interval."
)
TOO_WIDE = cim009(
    "5.10.2.4", "If none of them is provided, then an error of type BadRequestData shall be raised (too wide"
)
BEFORE = {"timerel": "before", "timeAt": "2021-08-01T22:00:00Z"}


def placed(broker: Broker) -> tuple[str, dict[str, Registration]]:
    """A type, and two Registrations of it: A of Porto, B of Faro."""
    kind = broker.new_type()
    sources = {"A": PORTO, "B": FARO}
    return kind, {label: source(broker).offering(kind).with_members(location=place) for label, place in sources.items()}


def timed(broker: Broker, labels: str) -> tuple[str, dict[str, Registration]]:
    """A type, and Registrations of it: A and B observed, C and D managed, E of what is latest; A and C in time."""
    kind = broker.new_type()
    members: dict[str, dict[str, Any]] = {
        "A": {"observationInterval": EARLIER},
        "B": {"observationInterval": LATER},
        "C": {"managementInterval": EARLIER},
        "D": {"managementInterval": LATER},
        "E": {},
    }
    return kind, {label: source(broker).offering(kind).with_members(**members[label]) for label in labels}


@check(
    id="registration-query/near-point",
    title="A geoquery near a point finds the Registrations of that place, by location where it names no GeoProperty",
    clause=[PLACE, cim009("5.10.2.4", "GeoProperty is specified in the geoquery, the default property is location.")],
    test_purposes=purposes("CS/DISC/037_07_01"),
    **FOUND,
)
def test_near_point(broker: Broker) -> None:
    kind, registrations = placed(broker)

    near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[-8.503,41.202]"}
    expect_found(broker, registrations, {"type": kind, **near}, "A")


@check(
    id="registration-query/within-polygon",
    title="A geoquery within a polygon finds the Registrations whose place lies in it",
    clause=PLACE,
    test_purposes=purposes("CS/DISC/037_07_02"),
    **FOUND,
)
def test_within_polygon(broker: Broker) -> None:
    """Ruling W25: the polygon of the test purpose is not closed; ours is."""
    kind, registrations = placed(broker)

    within = {"georel": "within", "geometry": "Polygon", "coordinates": json.dumps(NORTH), "geoproperty": "location"}
    expect_found(broker, registrations, {"type": kind, **within}, "A")


@check(
    id="registration-query/latest",
    title="Without a temporal query only Registrations of latest information are found",
    clause=LATEST,
    test_purposes=purposes("CS/DISC/037_08_01"),
    **FOUND,
)
def test_latest(broker: Broker) -> None:
    kind, registrations = timed(broker, "ACE")

    expect_found(broker, registrations, {"type": kind}, "E")


@check(
    id="registration-query/observed-at",
    title="A temporal query by observedAt finds the Registrations whose observationInterval contains the time",
    clause=[OBSERVATION, CONTAINED],
    test_purposes=purposes("CS/DISC/037_09_01"),
    **FOUND,
)
def test_observed_at(broker: Broker) -> None:
    kind, registrations = timed(broker, "ABC")

    expect_found(broker, registrations, {"type": kind, "timeproperty": "observedAt", **BEFORE}, "A")


@check(
    id="registration-query/default-timeproperty",
    title="A temporal query without timeproperty is one by observedAt",
    clause=[
        OBSERVATION,
        cim009("5.10.2.4", "observedAt or no timeproperty is specified in the temporal query (default:"),
    ],
    test_purposes=purposes("CS/DISC/037_09_02"),
    **FOUND,
)
def test_default_timeproperty(broker: Broker) -> None:
    kind, registrations = timed(broker, "ABCE")

    expect_found(broker, registrations, {"type": kind, **BEFORE}, "A")


@check(
    id="registration-query/created-at",
    title="A temporal query by createdAt finds the Registrations whose managementInterval contains the time",
    clause=[MANAGEMENT, CONTAINED],
    test_purposes=purposes("CS/DISC/037_09_03"),
    **FOUND,
)
def test_created_at(broker: Broker) -> None:
    kind, registrations = timed(broker, "ACD")

    expect_found(broker, registrations, {"type": kind, "timeproperty": "createdAt", **BEFORE}, "C")


@check(
    id="registration-query/modified-at",
    title="A temporal query by modifiedAt finds the Registrations whose managementInterval contains the time",
    clause=[MANAGEMENT, CONTAINED],
    test_purposes=purposes("CS/DISC/037_09_04"),
    **FOUND,
)
def test_modified_at(broker: Broker) -> None:
    kind, registrations = timed(broker, "CDE")

    expect_found(broker, registrations, {"type": kind, "timeproperty": "modifiedAt", **BEFORE}, "C")


@check(
    id="registration-query/between",
    title="A temporal query between two times finds the Registrations whose interval overlaps with them",
    clause=cim009("5.10.2.4", 'of the "between" relation there is a match if there is an overlap between the interval'),
    **FOUND,
)
def test_between(broker: Broker) -> None:
    kind, registrations = timed(broker, "ABDE")

    overlap = {"timerel": "between", "timeAt": "2021-11-01T00:00:00Z", "endTimeAt": "2022-02-01T00:00:00Z"}
    expect_found(broker, registrations, {"type": kind, **overlap}, "AB")


# --- filters: on members of the Registration itself, beside a selector of Entities or Attributes ----------------------


@check(
    id="registration-query/csf",
    title="A context source filter finds the Registrations whose members meet it",
    clause=[
        cim009("5.10.2.4", "If present, the conditions specified by the context source query filter match the"),
        cim009("4.9", "filter out Context Sources by the values of properties that describe them, defined when"),
    ],
    since="1.8.1",
    **FOUND,
)
def test_csf(broker: Broker) -> None:
    kind, name = broker.new_type(), broker.unique("north")
    names = {"A": name, "B": broker.unique("south")}
    registrations = {
        label: source(broker).offering(kind).with_members(registrationName=one) for label, one in names.items()
    }

    expect_found(broker, registrations, {"type": kind, "csf": f'registrationName=="{name}"'}, "A")


@check(
    id="registration-query/scope",
    title="A Scope query finds the Registrations whose scope matches",
    clause=cim009("5.10.2.4", "If present, the Scope query (as mandated by clause 4.19) is matched against the scope"),
    since="1.8.1",
    **FOUND,
)
def test_scope(broker: Broker) -> None:
    """That what says nothing of Scopes matches none, or any, is said nowhere: each Registration has one."""
    kind = broker.new_type()
    scopes = {"A": "/Madrid/Gardens", "B": "/Lisbon/Gardens"}
    registrations = {label: source(broker).offering(kind).with_members(scope=one) for label, one in scopes.items()}

    expect_found(broker, registrations, {"type": kind, "scopeQ": "/Madrid/#"}, "A")


@check(
    id="registration-query/csf-alone",
    title="A query of Registrations by nothing but a context source filter is BadRequestData",
    clause=TOO_WIDE,
    **BASE,
)
def test_csf_alone(broker: Broker) -> None:
    response = broker.query_registrations({"csf": 'registrationName=="north"'})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-query/scope-alone",
    title="A query of Registrations by nothing but a Scope query is BadRequestData",
    clause=TOO_WIDE,
    since="1.8.1",
    **BASE,
)
def test_scope_alone(broker: Broker) -> None:
    response = broker.query_registrations({"scopeQ": "/Madrid"})

    expect_problem(response, status=400, error_type="BadRequestData")


# --- pages: the type and Attribute asked for are the check's own, so nobody else's Registration is among them ---------


def pages(broker: Broker, limit: int, most: int = MAX_PAGES) -> tuple[list[str], list[Response]]:
    """The ids of three Registrations, and the pages of a query that finds them, by the next links alone (5.5.9.2)."""
    kind, name = broker.new_type(), broker.unique("speed")
    ids = [registered(broker, source(broker).offering(kind, properties=[name])) for _ in range(3)]
    found = [broker.query_registrations({"type": kind, "attrs": name, "limit": limit}, accept=JSON)]
    while len(found) < most and (following := link(found[-1], "next")) is not None:
        found.append(follow(broker, found[-1], following))
    return ids, found


def expect_links(response: Response, *, previous: bool, following: bool) -> None:
    """Fail unless the paging links are there that must be, and no others; each says the media type (6.3.10)."""
    for relation, wanted in (("prev", previous), ("next", following)):
        found = link(response, relation)
        if (found is not None) != wanted:
            seen = response.headers.get("link") or "(none)"
            fail(f'{"a" if wanted else "no"} Link header with rel="{relation}"', f"Link: {seen}")
        if found is not None:
            expect_equal(found.parameters.get("type"), JSON, f"type of the {relation} link")


@check(
    id="registration-query/first-page",
    title="The first page of Registrations has a link further on and none back",
    clause=cim009("5.5.9.1", "implementations shall flag NGSI-LD Clients of the existence of such NGSI-LD Elements."),
    **PAGED,
)
def test_first_page(broker: Broker) -> None:
    _, found = pages(broker, 1, most=1)

    expect_equal(len(expect_list(found[0])), 1, "the number of Registrations with limit=1 of 3")
    expect_links(found[0], previous=False, following=True)


@check(
    id="registration-query/second-page",
    title="The second of three pages of Registrations has links in both directions",
    clause=[
        cim009("5.10.2.4", "Pagination logic shall be in place as mandated by clause 5.5.9."),
        cim009("5.5.9.1", "shall be included for all pagination iterations excepting the first one"),
    ],
    test_purposes=purposes("CS/DISC/037_11_01"),
    **PAGED,
)
def test_second_page(broker: Broker) -> None:
    """Ruling W11: links are read by their relation and followed; that offset leads there as well is an option."""
    _, found = pages(broker, 1, most=2)

    precondition(len(found) == 2, "the first page has no next link; that there is one is judged by another check")
    expect_equal(len(expect_list(found[1])), 1, "the number of Registrations on the second page with limit=1")
    expect_links(found[1], previous=True, following=True)


@check(
    id="registration-query/last-page",
    title="The pages of Registrations hold each of them once, and the last has a link back and none further on",
    clause=cim009(
        "5.5.9.1",
        "When the last page of NGSI-LD Elements is reached, only the pointer to the previous page shall be provided",
    ),
    test_purposes=purposes("CS/DISC/037_11_02"),
    **PAGED,
)
def test_last_page(broker: Broker) -> None:
    """Rulings W11 and X2: the last page is reached by the links, not by an offset at the end."""
    ids, found = pages(broker, 2)

    precondition(len(found) > 1, "the first page has no next link; that there is one is judged by another check")
    seen = sorted(str(item.get("id")) for response in found for item in expect_list(response))
    expect_equal(seen, sorted(ids), "the ids over all pages")
    expect_links(found[-1], previous=True, following=False)


@check(
    id="registration-query/one-page",
    title="Where all Registrations are on one page there is no paging link",
    clause=cim009(
        "5.5.9.1", "The pointer to the previous page of NGSI-LD Elements shall be included for all pagination"
    ),
    test_purposes=purposes("CS/DISC/037_11_03"),
    **PAGED,
)
def test_one_page(broker: Broker) -> None:
    ids, found = pages(broker, 15, most=1)

    shorter = len(expect_list(found[0])) < len(ids) and link(found[0], "next") is not None
    precondition(not shorter, "the page is shorter than asked for, which it may be (5.5.9.1)")
    expect_ids(expect_list(found[0]), ids)
    expect_links(found[0], previous=False, following=False)
