"""Paging and counting: ETSI GS CIM 009 V1.9.1, clauses 5.5.9, 6.3.10 and 6.3.13."""

from ldt_conformance import Broker, Level, Mode, Reason, check, expect_list, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.consumption.paging import MAX_PAGES, follow, link
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.checks.ngsi_ld.sample import Sample
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, inconclusive, precondition
from ldt_conformance.expectations import expect_equal

WRITE = Mode.SANDBOX_WRITE
COUNT = "NGSILD-Results-Count"


def five(broker: Broker) -> tuple[str, list[str]]:
    """Five stored Entities of one type; returns the type and the ids, sorted."""
    base = broker.new_entity("Page")
    entities = [
        stored(broker, base.with_id(broker.new_id("Page")).with_property("number", index)) for index in range(5)
    ]
    return str(base.type), sorted(entity.id for entity in entities)


def pages(broker: Broker, kind: str) -> list[Response]:
    """All pages of two Entities, by the next links alone; offset is one option of several (5.5.9.2)."""
    found = [broker.query_entities({"type": kind, "limit": 2})]
    while len(found) < MAX_PAGES and (following := link(found[-1], "next")) is not None:
        found.append(follow(broker, found[-1], following))
    return found


@check(
    id="pagination/limit",
    title="limit bounds the number of Entities in an answer",
    level=Level.MUST,
    clause=cim009(
        "6.3.10", "It defines the limit to the number of NGSI-LD Elements that shall be retrieved at a maximum"
    ),
    requirements=["ngsi-ld/6.3.10"],
    test_purposes=purposes("CI/Cons/E/019_06_01"),
    pics=["PICS_HTTP_PAGINATION_LIMIT"],
    mode=WRITE,
)
def test_limit(broker: Broker) -> None:
    kind, ids = five(broker)

    found = expect_list(broker.query_entities({"type": kind, "limit": 2}))

    expect_equal(len(found), 2, f"the number of Entities with limit=2 of {len(ids)}")


@check(
    id="pagination/limit-sample",
    title="limit=1 gives one Entity at most",
    level=Level.MUST,
    clause=cim009("5.5.9.1", "the maximum page size per iteration shall not overpass L."),
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.5.9"],
    test_purposes=purposes("CI/Cons/E/019_06_01"),
    pics=["PICS_HTTP_PAGINATION_LIMIT"],
)
def test_limit_sample(broker: Broker, sample: Sample) -> None:
    found = expect_list(broker.query_entities({"type": sample.type, "limit": 1}))

    expect_equal(len(found), 1, "the number of Entities with limit=1")


@check(
    id="pagination/iterate",
    title="Following the next links gives every Entity once",
    level=Level.MUST,
    clause=cim009(
        "6.3.10",
        "For the next page, the Link Target shall be a URI-reference that could be dereferenced by an NGSI-LD Client",
    ),
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.5.9"],
    mode=WRITE,
)
def test_iterate(broker: Broker) -> None:
    kind, ids = five(broker)

    seen = [str(item.get("id")) for page in pages(broker, kind) for item in expect_list(page)]

    expect_equal(sorted(seen), ids, "the ids over all pages")


@check(
    id="pagination/next-sample",
    title="Where more Entities remain there is a next link, and it leads to others",
    level=Level.MUST,
    clause=cim009("5.5.9.1", "implementations shall flag NGSI-LD Clients of the existence of such NGSI-LD Elements."),
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.5.9"],
)
def test_next_sample(broker: Broker, sample: Sample) -> None:
    if len(sample.entities) < 2:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"only one Entity of type {sample.type}", expected="two Entities")
    first = broker.query_entities({"type": sample.type, "limit": 1})

    entities = expect_list(first)
    following = link(first, "next")
    if following is None:
        fail('a Link header with rel="next"', f"Link: {first.headers.get('link') or '(none)'}")
    second = expect_list(follow(broker, first, following))
    if not second or second[0].get("id") == entities[0].get("id"):
        # Entities that come while we page push the first one to the second place; a broker that repeats itself does so
        # however often it is asked.
        again = expect_list(broker.query_entities({"type": sample.type, "limit": 1}))
        precondition([item.get("id") for item in again] == [entities[0].get("id")], "the first Entity is another now")
        seen = f"{entities[0].get('id')} again" if second else "an empty array"
        fail("another Entity on the next page", seen)


@check(
    id="pagination/last-page",
    title="The last page has no next link but a previous one",
    level=Level.MUST,
    clause=cim009(
        "5.5.9.1",
        "When the last page of NGSI-LD Elements is reached, only the pointer to the previous page shall be provided",
    ),
    requirements=["ngsi-ld/5.5.9"],
    mode=WRITE,
)
def test_last_page(broker: Broker) -> None:
    kind, _ = five(broker)

    found = pages(broker, kind)

    precondition(len(found) > 1, "the first page has no next link; that there is one is judged by another check")
    if len(found) == MAX_PAGES:
        fail("a last page, without a next link", f"a next link on each of {MAX_PAGES} pages of five Entities")
    if not expect_list(found[-1]):
        fail("Entities on the page that the last next link leads to", "an empty array")
    expect_equal(link(found[-1], "prev") is not None, True, "whether the last page has a prev link")


@check(
    id="pagination/first-page",
    title="The first page has a next link and no previous one",
    level=Level.MUST,
    clause=cim009("5.5.9.1", "shall be included for all pagination iterations excepting the first one"),
    requirements=["ngsi-ld/5.5.9"],
    mode=WRITE,
)
def test_first_page(broker: Broker) -> None:
    kind, _ = five(broker)

    response = broker.query_entities({"type": kind, "limit": 2})

    expect_status(response, 200)
    shown = {relation: link(response, relation) is not None for relation in ("next", "prev")}
    expect_equal(shown, {"next": True, "prev": False}, "links that are there")


@check(
    id="pagination/link-type",
    title="A paging link names the media type that was asked for",
    level=Level.MUST,
    clause=cim009(
        "6.3.10",
        'At least, the "type" Link Target Attribute shall be included by the previously described serialized Link',
    ),
    requirements=["ngsi-ld/6.3.10"],
    mode=WRITE,
)
def test_link_type(broker: Broker) -> None:
    kind, _ = five(broker)

    response = broker.query_entities({"type": kind, "limit": 2}, accept="application/ld+json")

    following = link(response, "next")
    precondition(following is not None, "no next link to look at; that there is one is judged by another check")
    expect_equal(
        following.parameters.get("type") if following else None, "application/ld+json", "type of the next link"
    )


@check(
    id="pagination/count",
    title="count=true gives the number of all matching Entities, whatever the limit",
    level=Level.MUST,
    clause=cim009("6.3.13", "If true, then a special HTTP header (NGSILD-Results-Count) is set in the response."),
    requirements=["ngsi-ld/6.3.13"],
    test_purposes=purposes("CI/Cons/E/019_07_01"),
    pics=["PICS_HTTP_COUNT_RESULTS"],
    mode=WRITE,
)
def test_count(broker: Broker) -> None:
    kind, ids = five(broker)

    response = broker.query_entities({"type": kind, "limit": 2, "count": True})

    expect_status(response, 200)
    expect_equal(response.headers.get(COUNT), str(len(ids)), COUNT)


@check(
    id="pagination/count-query",
    title="count=true counts what the query matches",
    level=Level.MUST,
    clause=cim009("6.3.13", "the total number of matching results (e.g. number of Entities) is returned."),
    requirements=["ngsi-ld/6.3.13"],
    test_purposes=purposes("CI/Cons/E/019_07_02"),
    pics=["PICS_HTTP_COUNT_RESULTS"],
    mode=WRITE,
)
def test_count_query(broker: Broker) -> None:
    kind, _ = five(broker)

    response = broker.query_entities({"type": kind, "q": "number<3", "limit": 1, "count": True})

    expect_status(response, 200)
    expect_equal(response.headers.get(COUNT), "3", COUNT)


@check(
    id="pagination/count-alone",
    title="limit=0 with count=true gives the count and an empty array",
    level=Level.MUST,
    clause=cim009(
        "6.3.13", 'To get only the count itself, and no entities, the URI parameter limit may have the value "0"'
    ),
    requirements=["ngsi-ld/6.3.13"],
    pics=["PICS_HTTP_COUNT_RESULTS"],
)
def test_count_alone(broker: Broker, sample: Sample) -> None:
    response = broker.query_entities({"type": sample.type, "limit": 0, "count": True})

    expect_equal(expect_list(response), [], "the answer")
    number = response.headers.get(COUNT, "")
    if not number.isdigit() or int(number) < 1:
        fail(f"{COUNT} of at least 1", f"{COUNT}: {number or '(none)'}")


@check(
    id="pagination/limit-zero",
    title="limit=0 without count is a Bad Request",
    level=Level.MUST,
    clause=cim009(
        "6.3.13",
        "Setting the URI parameter limit to zero without including the count URI parameter will result in a 400",
    ),
    requirements=["ngsi-ld/6.3.13"],
)
def test_limit_zero(broker: Broker) -> None:
    """Ruling W10: the type is not named by the clause; BadRequestData is expected, InvalidRequest tolerated."""
    response = broker.query_entities({"type": broker.new_type(), "limit": 0})

    expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])


@check(
    id="pagination/negative",
    title="A negative limit or offset is refused",
    level=Level.MUST,
    clause=cim009("6.3.10", "Only values greater or equal to 0."),
    requirements=["ngsi-ld/6.3.10"],
)
def test_negative(broker: Broker) -> None:
    """Ruling W10: 400; BadRequestData is expected, InvalidRequest tolerated."""
    kind = broker.new_type()
    for params in ({"limit": -1}, {"offset": -1}):
        response = broker.query_entities({"type": kind, **params})
        expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])
