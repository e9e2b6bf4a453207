"""Entities to look at for checks that only read.

The site's own are preferred (those its file names as samples, else those of the first types it lists); types and
Entities that bear the marker of a check run are passed over, because they may be gone in a moment. Where there are none
and the mode allows writing, three are created. An empty answer proves nothing: without Entities, inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ldt_conformance.checks.ngsi_ld.given import LISBON, OBSERVED, PARKING, stored
from ldt_conformance.clients import Broker, point
from ldt_conformance.comparators import type_names
from ldt_conformance.engine.run_context import MARKER
from ldt_conformance.engine.site.model import Samples
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Mode, Reason, inconclusive

MAX_TYPES_TRIED = 6
PAGE = 5
ENTITY_META = frozenset({"id", "type", "scope", "@context", "createdAt", "modifiedAt", "expiresAt"})


@dataclass(frozen=True, slots=True)
class Sample:
    """Entities of one type, as the broker returned them (normalized, default @context).

    Attributes:
        type: Entity Type name as the broker gives it; usable in `type=`.
        entities: One to five Entities.
    """

    type: str
    entities: tuple[dict[str, Any], ...]

    @property
    def first(self) -> dict[str, Any]:
        """The first Entity."""
        return self.entities[0]

    @property
    def id(self) -> str:
        """The first Entity's id."""
        return str(self.first["id"])

    def attribute_name(self, kind: str | None = None) -> str:
        """An Attribute of the first Entity (of one kind, e.g. `GeoProperty`); inconclusive where there is none."""
        for name, value in self.first.items():
            instances = value if isinstance(value, list) else [value]
            kinds = [item.get("type") for item in instances if isinstance(item, dict)]
            if name not in ENTITY_META and (kind in kinds if kind else any(isinstance(item, str) for item in kinds)):
                return name
        return inconclusive(
            Reason.INSUFFICIENT_EVIDENCE, f"{self.id} has no {kind or 'Attribute'}", expected=f"a {kind or 'Attribute'}"
        )


@dataclass
class Choice:
    """The type and ids that a search found."""

    type: str | None = None
    searched: bool = False
    tried: list[str] = field(default_factory=list)


def find_sample(broker: Broker, mode: Mode, samples: Samples, choice: Choice) -> Sample:
    """Entities to look at; ends the check as inconclusive where there are none and none may be created."""
    if choice.type is not None or not choice.searched:
        found = _by_type(broker, choice.type) if choice.type else _search(broker, samples, choice)
        choice.searched = True
        if found is not None:
            choice.type = found.type
            return found
    if mode.allows(Mode.SANDBOX_WRITE):
        return _created(broker)
    return inconclusive(
        Reason.INSUFFICIENT_EVIDENCE,
        f"no Entity found to look at; types tried: {', '.join(choice.tried) or 'none listed'}. "
        "Name some in the site file (samples.entities), or allow the mode sandbox-write",
        expected="Entities at the site",
    )


def _search(broker: Broker, samples: Samples, choice: Choice) -> Sample | None:
    for entity_id in samples.entities:
        body = _json(broker.retrieve_entity(entity_id))
        if isinstance(body, dict) and "id" in body:
            name = body.get("type")
            choice.tried.append(str(name))
            found = _by_type(broker, str(name[0] if isinstance(name, list) else name))
            if found is not None:
                return found
    body = _json(broker.retrieve_types())
    names = body.get("typeList") if isinstance(body, dict) else None
    for name in [*samples.types, *_not_ours(names if isinstance(names, list) else [])[:MAX_TYPES_TRIED]]:
        choice.tried.append(name)
        found = _by_type(broker, name)
        if found is not None:
            return found
    return None


def _by_type(broker: Broker, name: str) -> Sample | None:
    body = _json(broker.query_entities({"type": name, "limit": PAGE}))
    listed = body if isinstance(body, list) else []
    entities = [item for item in listed if isinstance(item, dict) and MARKER not in str(item.get("id"))]
    return Sample(name, tuple(entities)) if entities else None


def _created(broker: Broker) -> Sample:
    template = broker.new_entity("Sample")
    for number in range(3):
        stored(
            broker,
            template.with_id(broker.new_id("Sample"))
            .with_property("speed", 50 + number, unit_code="KMH", observed_at=OBSERVED)
            .with_relationship("isParked", PARKING)
            .with_geo_property("location", point(LISBON["coordinates"][0] + number / 100, LISBON["coordinates"][1])),
        )
    found = _json(broker.query_entities({"type": str(template.type), "limit": PAGE}))
    entities = tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
    if not entities:
        inconclusive(Reason.PRECONDITION_UNMET, "Entities created as a sample are not found by type")
    return Sample(str(template.type), entities)


def _json(response: Response) -> Any:
    return response.json() if response.status == 200 and response.media_type.endswith("json") else None


def _not_ours(names: Iterable[Any]) -> list[str]:
    return [name for name in names if isinstance(name, str) and MARKER not in name]


def has_type(entity: dict[str, Any], name: str) -> bool:
    """Whether an Entity is of the type that was asked for."""
    return bool(type_names(entity) & type_names({"type": name}))
