"""The load scenarios: what is asked, in which mix, and how each answer is known to be right.

Every request checks its answer by status and one cheap fact of the body: its id, its count, its Location. Bodies are
not parsed on the hot path; counting the run's own id prefix is enough, because no other entity carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ldt_load.payloads import SECTIONS, Population, as_json
from ldt_load.schedule import Arrival, RateCurve, city_day, constant

BATCH = 20  # entities a batch upsert
PAGE = 20  # entities a page
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
READ = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check of an answer sees."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent, and the check that tells whether its answer is right.

    Attributes:
        writes: Ids that exist (or were changed) once this was acknowledged.
        sequence: The number that an update leaves behind, by which it can be found again.
        check: Returns what is wrong with an answer, or None.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    check: Callable[[Answer], str | None]
    writes: tuple[str, ...] = ()
    sequence: int | None = None


Build = Callable[[Population, Arrival], Request]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named load: mix of operations, curve and default rate.

    Attributes:
        mix: Operation name -> weight.
        rate: Default top rate, requests per second.
        population: Entities that are there before the clock starts.
    """

    name: str
    title: str
    mix: Mapping[str, float]
    rate: float
    population: int
    curve: RateCurve = field(default=constant)

    @property
    def temporal(self) -> bool:
        """Whether it asks the temporal API."""
        return "temporal" in self.mix


def _expect(status: int, *more: int) -> Callable[[Answer], str | None]:
    wanted = (status, *more)
    return lambda answer: None if answer.status in wanted else f"status {answer.status}, expected {wanted}"


def _counted(population: Population, expected: int) -> Callable[[Answer], str | None]:
    needle = population.prefix.encode()

    def check(answer: Answer) -> str | None:
        if answer.status != 200:
            return f"status {answer.status}, expected 200"
        found = answer.body.count(needle)
        return None if found == expected else f"{found} entities in the answer, expected {expected}"

    return check


def _seeded(population: Population, arrival: Arrival) -> int:
    return int(arrival.draw * population.size)


def create(population: Population, arrival: Arrival) -> Request:
    """Create Entity (5.6.1): 201 with a Location that names the entity."""
    entity_id = population.created_id(arrival.number)

    def check(answer: Answer) -> str | None:
        if answer.status != 201:
            return f"status {answer.status}, expected 201"
        location = answer.headers.get("location", "")
        right = location.endswith((entity_id, quote(entity_id, safe="")))
        return None if right else f"Location {location!r} does not name the entity"

    body = as_json(population.entity(entity_id, arrival.number, arrival.number))
    return Request("POST", "/entities", JSON, body, check, (entity_id,))


def update(population: Population, arrival: Arrival) -> Request:
    """Update Attributes (5.6.2): 204."""
    number = _seeded(population, arrival)
    entity_id = population.id(number)
    sequence = arrival.number + 1
    body = as_json(population.update(number, sequence))
    path = f"/entities/{quote(entity_id, safe=':')}/attrs"
    return Request("PATCH", path, JSON, body, _expect(204), (entity_id,), sequence)


def batch(population: Population, arrival: Arrival) -> Request:
    """Batch Upsert (5.6.8) of new entities: 201 with the ids that were created."""
    ids = tuple(population.batch_id(arrival.number, place) for place in range(BATCH))
    body = as_json([population.entity(entity_id, arrival.number + place) for place, entity_id in enumerate(ids)])

    def check(answer: Answer) -> str | None:
        if answer.status != 201:
            return f"status {answer.status}, expected 201"
        found = answer.body.count(population.prefix.encode())
        return None if found == BATCH else f"{found} ids in the answer, expected {BATCH}"

    return Request("POST", "/entityOperations/upsert", JSON, body, check, ids)


def retrieve(population: Population, arrival: Arrival) -> Request:
    """Retrieve Entity (5.7.1): 200 and the entity that was asked for."""
    entity_id = population.id(_seeded(population, arrival))
    needle = entity_id.encode()

    def check(answer: Answer) -> str | None:
        if answer.status != 200:
            return f"status {answer.status}, expected 200"
        return None if needle in answer.body else "the body is not the entity that was asked for"

    return Request("GET", f"/entities/{quote(entity_id, safe=':')}", READ, None, check)


def query(population: Population, arrival: Arrival) -> Request:
    """Query Entities by type and q (5.7.2, 4.9): exactly the entities of one section, at most a page of them."""
    section = int(arrival.draw * SECTIONS)
    expected = min(PAGE, population.section_size(section))
    path = f"/entities?type={population.type}&q=section=={section}%3BlaneId%3E=1&limit={PAGE}"
    return Request("GET", path, READ, None, _counted(population, expected))


def geo(population: Population, arrival: Arrival) -> Request:
    """Geo-query (4.10): the entities within 500 m of a section's place are those of that section."""
    section = int(arrival.draw * SECTIONS)
    lon, lat = population.section_place(section)
    expected = min(PAGE, population.section_size(section))
    path = (
        f"/entities?type={population.type}&georel=near%3BmaxDistance==500&geometry=Point"
        f"&coordinates=%5B{lon},{lat}%5D&limit={PAGE}"
    )
    return Request("GET", path, READ, None, _counted(population, expected))


def page(population: Population, arrival: Arrival) -> Request:
    """A page somewhere in the result, with its count (6.3.10, 6.3.13)."""
    offset = int(arrival.draw * max(1, population.size - PAGE))
    expected = min(PAGE, population.size - offset)
    full = _counted(population, expected)

    def check(answer: Answer) -> str | None:
        wrong = full(answer)
        if wrong is not None:
            return wrong
        count = answer.headers.get("ngsild-results-count")
        return None if count == str(population.size) else f"NGSILD-Results-Count {count!r}, expected {population.size}"

    path = f"/entities?type={population.type}&limit={PAGE}&offset={offset}&count=true"
    return Request("GET", path, READ, None, check)


def temporal(population: Population, arrival: Arrival) -> Request:
    """Retrieve the temporal evolution of an entity, its last five values (5.7.3)."""
    entity_id = population.id(_seeded(population, arrival))
    needle = entity_id.encode()

    def check(answer: Answer) -> str | None:
        if answer.status not in (200, 206):
            return f"status {answer.status}, expected 200 or 206"
        return None if needle in answer.body else "the body is not the entity that was asked for"

    path = f"/temporal/entities/{quote(entity_id, safe=':')}?attrs=sequence&lastN=5&options=temporalValues"
    return Request("GET", path, READ, None, check)


OPERATIONS: Mapping[str, Build] = {
    "create": create,
    "update": update,
    "batch": batch,
    "retrieve": retrieve,
    "query": query,
    "geo": geo,
    "page": page,
    "temporal": temporal,
}

INGEST = Scenario(
    name="ingest",
    title="Sensors write",
    mix={"create": 5, "update": 4, "batch": 1},
    rate=20.0,
    population=200,
)
QUERY_MIX = Scenario(
    name="query-mix",
    title="Services and dashboards read",
    mix={"retrieve": 45, "query": 25, "geo": 10, "page": 10, "temporal": 10},
    rate=40.0,
    population=400,
)
CITY_DAY = Scenario(
    name="city-day",
    title="A day in the city, two rush hours",
    mix={"update": 70, "retrieve": 14, "query": 8, "geo": 4, "temporal": 4},
    rate=40.0,
    population=400,
    curve=city_day,
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in (INGEST, QUERY_MIX, CITY_DAY)}
