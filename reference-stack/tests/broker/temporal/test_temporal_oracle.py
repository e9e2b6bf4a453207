"""What a temporal query shows is what a plain reading of clauses 4.11 and 5.7.4.4 says.

The oracle looks at the instances as they were sent; the broker is asked for Entities and for one Entity.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..query.test_query_oracle import Stage, staged

Json = Any
SLICE = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SOAK = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = ("speed", "level", "owner")
# Every minute in three spellings; a comparison of text would order them wrongly.
SPELLINGS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.0Z", "%Y-%m-%dT%H:%M:%S,000000Z")
MINUTES = st.integers(-1, 12)
START = datetime(2026, 1, 1, tzinfo=UTC)


def spelled(minute: int, spelling: int) -> str:
    """An instant on the grid."""
    return (START + timedelta(minutes=minute)).strftime(SPELLINGS[spelling % 3])


@dataclass(frozen=True)
class Interval:
    """A temporal query: minutes on the grid, in some spelling."""

    timerel: str
    minute: int
    end: int
    spelling: int
    last: int

    @property
    def parameters(self) -> dict[str, str]:
        """As they are sent."""
        sent = {"timerel": self.timerel, "timeAt": spelled(self.minute, self.spelling)}
        if self.timerel == "between":
            sent["endTimeAt"] = spelled(self.end, self.spelling + 1)
        return sent | ({"lastN": str(self.last)} if self.last else {})

    def shows(self, instances: list[Json]) -> list[int]:
        """Minutes of the instances of one Attribute that are shown: those in the interval, the newest of them."""
        minutes = sorted((one["minute"] for one in instances if self._holds(one["minute"])), reverse=True)
        return minutes[: self.last] if self.last else minutes

    def _holds(self, minute: int) -> bool:
        if self.timerel == "before":
            return minute < self.minute
        if self.timerel == "after":
            return minute >= self.minute
        return self.minute <= minute < self.end


INTERVALS = st.builds(
    lambda timerel, minute, length, spelling, last: Interval(timerel, minute, minute + length, spelling, last),
    st.sampled_from(["before", "after", "between"]),
    MINUTES,
    st.integers(1, 6),
    st.integers(0, 2),
    st.integers(0, 3),
)


def evolution(pick: random.Random) -> dict[str, list[Json]]:
    """Instances by Attribute: a minute each, no minute twice; some Attributes are missing."""
    found = {}
    for name in NAMES:
        minutes = pick.sample(range(11), pick.randint(0, 5))
        if minutes:
            found[name] = [{"minute": minute, "spelling": pick.randrange(3)} for minute in minutes]
    return found


def payload(identifier: str, instances: dict[str, list[Json]]) -> Json:
    """An EntityTemporal; the value of an instance is its minute."""

    def one(name: str, instance: Json) -> Json:
        held = {"object": f"urn:minute:{instance['minute']}"} if name == "owner" else {"value": instance["minute"]}
        kind = "Relationship" if name == "owner" else "Property"
        return {"type": kind, **held, "observedAt": spelled(instance["minute"], instance["spelling"])}

    attributes = {name: [one(name, instance) for instance in some] for name, some in instances.items()}
    return {"id": identifier, "type": "Series", **attributes}


def shown(entity: Json) -> dict[str, list[int]]:
    """Minutes by Attribute, the newest first."""
    found = {}
    for name in NAMES:
        instances = entity.get(name, [])
        instances = instances if isinstance(instances, list) else [instances]
        minutes = [int(str(one.get("value", one.get("object"))).rpartition(":")[2]) for one in instances]
        if minutes:
            found[name] = sorted(minutes, reverse=True)
    return found


@pytest.fixture(scope="module")
def histories() -> Iterator[tuple[Stage, dict[str, dict[str, list[Json]]]]]:
    """A stage, and the evolutions that it has."""
    pick = random.Random(11)  # noqa: S311 — test data
    sent = {f"urn:ngsi-ld:Series:{number}": evolution(pick) for number in range(25)}
    for stage in staged([{"type": "Point", "coordinates": [1, 2]}]):
        for identifier, instances in sent.items():
            answer = stage.send("POST", "/temporal/entities", json=payload(identifier, instances))
            assert answer.status_code == 201, answer.text
        yield stage, sent


def check_intervals(histories: tuple[Stage, dict[str, dict[str, list[Json]]]], limits: settings) -> int:
    """Compare; returns how many intervals showed some Entities, not all."""
    stage, sent = histories
    telling = 0

    @limits
    @given(INTERVALS)
    def agrees(interval: Interval) -> None:
        nonlocal telling
        expected = {}
        for identifier, attributes in sent.items():
            found = {name: minutes for name, some in attributes.items() if (minutes := interval.shows(some))}
            if found:
                expected[identifier] = found
        answer = stage.send(
            "GET", "/temporal/entities", params={"type": "Series", "limit": "1000", **interval.parameters}
        )
        assert answer.status_code == 200, answer.text
        assert {entity["id"]: shown(entity) for entity in answer.json()} == expected
        identifier = f"urn:ngsi-ld:Series:{interval.minute + 3}"
        single = stage.send("GET", f"/temporal/entities/{identifier}", params=interval.parameters)
        # 5.7.3.4: an Entity without data in the interval "shall not appear in the final result set".
        assert single.status_code == (200 if identifier in expected else 404), single.text
        if single.status_code == 200:
            assert shown(single.json()) == expected[identifier]
        telling += 0 < len(expected) < len(sent)

    agrees()
    return telling


def test_shows_the_instances_of_the_interval(histories: Any) -> None:
    """The instances within the interval, the newest lastN of each Attribute, of the Entities that have any."""
    assert check_intervals(histories, SLICE) > 10


@pytest.mark.soak
def test_shows_the_instances_of_the_interval_again_and_again(histories: Any) -> None:
    """As above, many times."""
    check_intervals(histories, SOAK)
