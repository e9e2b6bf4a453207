"""Answers that keep to an earlier version of the specification: `Prefer: ngsi-ld=<version>`.

ETSI GS CIM 009 V1.9.1, clauses 4.3.6.8, 5.7.1.4, 5.7.2.4 and 6.3.6. Versions are said as major.minor; one that this
broker does not know yet gets what it knows. A preference that cannot be read is ignored (RFC 7240, 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ldt_stack.broker.http.messages import Request
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.operations.consumption.linked import Shown
from ldt_stack.broker.representation import Links
from ldt_stack.broker.representation.conformance import Version, amend_entity, parse_version
from ldt_stack.broker.store.data import TemporalEntity

NON_AUTHORITATIVE: Final = 203  # "returning an altered response body" (table 6.4.3.2-3)
_NEWEST: Final[Version] = (1, 9)
_VERSION: Final = re.compile(r"\d{1,3}\.\d{1,3}(?:\.\d{1,3})?", re.ASCII)


def preferences(request: Request) -> dict[str, str]:
    """The Prefer header (RFC 7240): names and values."""
    found: dict[str, str] = {}
    for entry in ",".join(request.header_values("prefer")).split(","):
        name, _, value = entry.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wanted_version(request: Request) -> Version | None:
    """The version that the answer shall keep to; None: the client does not say."""
    if "prefer" not in request.headers:
        return None
    text = preferences(request).get("ngsi-ld", "")
    return min(parse_version(text), _NEWEST) if _VERSION.fullmatch(text) else None


def applied(version: Version) -> dict[str, str]:
    """Preference-Applied, "indicating which version of the NGSI-LD specification the payload body conforms to"."""
    return {"Preference-Applied": f"ngsi-ld={version[0]}.{version[1]}"}


def amend_shown(shown: Sequence[Shown], version: Version, ld_context: LdContext) -> tuple[list[Shown], bool]:
    """The Entities as that version knew them, linked ones too; and whether that makes any difference."""
    amended, altered = [], False
    linked: dict[int, Links] = {}  # those of one answer are mostly the same: amended once
    for one in shown:
        entity, links = amend_entity(one.entity, version, ld_context), one.options.links
        altered = altered or entity != one.entity
        if links is not None:
            known = linked.get(id(links.entities))
            if known is None:
                entities = {name: amend_entity(entity, version, ld_context) for name, entity in links.entities.items()}
                altered = altered or entities != links.entities
                known = linked[id(links.entities)] = replace(links, entities=entities)
            links = replace(links, entities=known.entities)
        amended.append(Shown(entity, replace(one.options, links=links)))
    return amended, altered


def amend_evolution(evolution: TemporalEntity, version: Version, ld_context: LdContext) -> tuple[TemporalEntity, bool]:
    """A temporal evolution likewise; that an Attribute has several instances is what an evolution is for."""
    amended = TemporalEntity(
        amend_entity(evolution.head, version, ld_context),
        {
            name: [amend_entity({name: [one]}, version, ld_context)[name][0] for one in instances]
            if name != "scope"
            else instances
            for name, instances in evolution.attributes.items()
        },
        evolution.complete,
    )
    return amended, amended != evolution
