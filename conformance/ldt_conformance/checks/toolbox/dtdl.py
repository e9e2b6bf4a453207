"""Reading DTDL: are these interfaces, do their references resolve, and which model do they say they correspond to?

Source: Digital Twins Definition Language versions 2 to 4: an Interface has an `@context` of `dtmi:dtdl:context;<n>`, an
`@id` that is a DTMI, and may refer to others by `extends`, and by `target` and `schema` of its contents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CONTEXT = re.compile(r"^dtmi:dtdl:context;[234](\.\d+)?$")
DTMI = re.compile(
    r"^dtmi:[A-Za-z](?:[\w]*[A-Za-z0-9])?(?::[A-Za-z](?:[\w]*[A-Za-z0-9])?)*(?:;[1-9]\d{0,8}(?:\.\d+)?)?$"
)
Interface = Mapping[str, Any]


def interfaces_in(document: Any) -> list[Interface]:
    """The interfaces of a DTDL document (one, or an array of them); [] where it is none."""
    listed = document if isinstance(document, list) else [document]
    found = [entry for entry in listed if isinstance(entry, dict) and "Interface" in _words(entry.get("@type"))]
    return [entry for entry in found if any(CONTEXT.match(word) for word in _words(entry.get("@context")))]


def judge_interfaces(interfaces: Sequence[Interface]) -> tuple[list[str], set[str]]:
    """What is wrong with interfaces, one sentence each; and the ids of those that name a Smart Data Model."""
    known = {str(entry.get("@id")) for entry in interfaces}
    faults = [f"{name!r} is no DTMI" for name in sorted(known) if not DTMI.match(name)]
    for entry in interfaces:
        lost = [reference for reference in _references(entry) if reference not in known]
        faults += [f"{entry.get('@id')} refers to {name}, which is not among the interfaces" for name in lost]
    return faults, {str(entry.get("@id")) for entry in interfaces if _names_a_model(entry)}


def _references(entry: Interface) -> Iterator[str]:
    extends = entry.get("extends")
    for parent in extends if isinstance(extends, list) else [extends]:
        if isinstance(parent, str):
            yield parent
    contents = entry.get("contents")
    for content in contents if isinstance(contents, list) else []:
        kinds = _words(content.get("@type")) if isinstance(content, dict) else []
        key = "target" if "Relationship" in kinds else "schema" if "Component" in kinds else None
        if key is not None and isinstance(content.get(key), str):
            yield content[key]


def _names_a_model(entry: Interface) -> bool:
    """Whether the interface says in words which Smart Data Model it corresponds to; a like name alone says nothing."""
    said = json.dumps({name: entry.get(name) for name in ("comment", "description", "displayName")})
    return "smartdatamodels.org" in said or "smart-data-models" in said or "Smart Data Model" in said


def _words(value: Any) -> list[str]:
    return [word for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)]
