"""Ids of Attribute instances of the temporal evolution: ETSI GS CIM 009 V1.9.1, clause 4.5.7.

An id is a URI of 128 bits: what is the same for all of a process, then a number. Each number that is given out leaves
room behind it, so that instances that are written together need one id alone: the others follow it.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Final

INSTANCE: Final = "urn:ngsi-ld:instance:"
TOGETHER: Final = 4096
"""How many ids there are from one that was given out to the next."""

_PREFIX: Final = os.urandom(8)  # another one in every process
_numbers: Final = count(int.from_bytes(os.urandom(4), "big") << 16, TOGETHER)


def new_instance_id() -> str:
    """A URI for an Attribute instance, unique: where made, and the how manieth."""
    return INSTANCE + new_instance_key().hex()


def new_instance_key() -> bytes:
    """The same, as it is kept."""
    return _PREFIX + next(_numbers).to_bytes(8, "big")


def encode_instance_id(identifier: str) -> str | bytes:
    """One of ours as sixteen bytes, anybody else's as it is."""
    if identifier.startswith(INSTANCE):
        try:
            number = bytes.fromhex(identifier[len(INSTANCE) :])
        except ValueError:
            return identifier
        if len(number) == 16 and number.hex() == identifier[len(INSTANCE) :]:
            return number
    return identifier


def decode_instance_id(kept: str | bytes) -> str:
    """What `encode_instance_id` was given."""
    return kept if isinstance(kept, str) else INSTANCE + kept.hex()


def shifted(kept: bytes, places: int) -> bytes:
    """The id so many places behind, or before, one of ours; the same one where there is none."""
    number = int.from_bytes(kept, "big") + places
    return number.to_bytes(16, "big") if 0 <= number < 1 << 128 else kept
