"""What is written and asked for: entities whose every property follows from the seed, so that answers can be checked.

The population is laid out so that the right answer to every query is known beforehand: entity i belongs to section
i mod SECTIONS, and all entities of a section stand within fifty metres of the section's place, far from the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SECTIONS = 20
SECTION_STEP_DEGREES = 0.05  # about 5 km: no query around one section meets another
ORIGIN = (10.0, 50.0)  # lon, lat; a place in a field, no city's data


@dataclass(frozen=True, slots=True)
class Population:
    """The entities of a run: ids by prefix and number, one type of their own.

    Attributes:
        prefix: Unique to the run; every id starts with it, so nothing of the site can be met.
        type: Entity type, unique to the run.
        size: How many are there before the clock starts.
    """

    prefix: str
    type: str
    size: int

    def id(self, number: int) -> str:
        """The id of a seeded entity."""
        return f"{self.prefix}:{number:06d}"

    def created_id(self, arrival: int) -> str:
        """The id of the entity that the arrival with this number creates."""
        return f"{self.prefix}:c{arrival:08d}"

    def batch_id(self, arrival: int, place: int) -> str:
        """The id of one entity of the batch that this arrival upserts."""
        return f"{self.prefix}:b{arrival:08d}-{place:03d}"

    def section_size(self, section: int) -> int:
        """How many seeded entities a section has."""
        return len(range(section, self.size, SECTIONS))

    def place(self, number: int) -> tuple[float, float]:
        """Longitude and latitude of a seeded entity: its section's place, at most 50 m off."""
        section = number % SECTIONS
        offset = (number // SECTIONS % 50) * 0.000005
        return (round(ORIGIN[0] + section * SECTION_STEP_DEGREES + offset, 7), ORIGIN[1])

    def section_place(self, section: int) -> tuple[float, float]:
        """Longitude and latitude that all entities of a section are near to."""
        return (round(ORIGIN[0] + section * SECTION_STEP_DEGREES, 7), ORIGIN[1])

    def entity(self, entity_id: str, number: int, sequence: int = 0) -> dict[str, Any]:
        """A normalized Entity of ten Attributes, in the shape of a traffic observation."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

        def measured(value: float, unit: str) -> dict[str, Any]:
            return {"type": "Property", "value": value, "unitCode": unit, "observedAt": now}

        lon, lat = self.place(number)
        return {
            "id": entity_id,
            "type": self.type,
            "intensity": measured(100 + number % 400, "C62"),
            "averageVehicleSpeed": measured(20 + number % 60, "KMH"),
            "occupancy": measured(round(number % 100 / 100, 2), "C62"),
            "averageVehicleLength": measured(4.5, "MTR"),
            "sequence": measured(sequence, "C62"),
            "section": {"type": "Property", "value": number % SECTIONS},
            "laneId": {"type": "Property", "value": 1 + number % 4},
            "name": {"type": "Property", "value": f"Load test section {number % SECTIONS}"},
            "congested": {"type": "Property", "value": number % 7 == 0},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}},
        }

    def update(self, number: int, sequence: int) -> dict[str, Any]:
        """An Attribute fragment: the newest observation of a seeded entity."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "intensity": {"type": "Property", "value": 100 + sequence % 400, "unitCode": "C62", "observedAt": now},
            "sequence": {"type": "Property", "value": sequence, "unitCode": "C62", "observedAt": now},
        }


def as_json(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
