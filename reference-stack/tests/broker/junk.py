"""Documents that are almost right: a few members of them changed, added, renamed or gone."""

from __future__ import annotations

import copy
import random
from typing import Any

JUNK: list[Any] = [None, True, -1, 1e300, "", "x", "urn:a:b", "@none", [], {}, [[]], [{}], {"a": None}, {"@id": 1}]
JUNK += ["2020-01-01T00:00:00Z", "urn:ngsi-ld:null", {"type": "Property"}, {"type": ["a"]}, {"@value": "x"}]
NAMES = ["@context", "@id", "@graph", "", "id", "type", "scope", "expiresAt", "createdAt", "deletedAt", "datasetId"]
NAMES += ["observedAt", "value", "object", "languageMap", "speed", "instanceId", "http://x y", "a:b", "previousValue"]


def mutated(chance: random.Random, value: Any) -> Any:
    """The value with a few members changed, added, renamed or gone."""
    value = [copy.deepcopy(value)]  # so that all of it can be changed, too
    for _ in range(chance.randint(1, 3)):
        holder, key = value, 0
        while isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.75:  # type: ignore[index]
            holder = holder[key]
            key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        if isinstance(holder, dict) and chance.random() < 0.5:
            moved = holder.pop(key)
            holder[chance.choice(NAMES)] = copy.deepcopy(chance.choice([moved, *JUNK]))
        else:
            holder[key] = copy.deepcopy(chance.choice(JUNK))
    return value[0]
