"""Waiting until something of ours has expired: ETSI GS CIM 009 V1.9.1, clauses 4.8, 5.8.1.4 and 5.9.2.4.

When a Registration goes and a Subscription says that it has expired is not told to the second; a target that looks for
what has expired once a minute is waited for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ldt_conformance.clients import Broker
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import describe, expect_object

LIFE_SECONDS = (
    3  # the Date header knows no fractions and may be kept for a second, so one of them is certain to be left
)
EXPIRY_SECONDS = 65.0
PAUSE_SECONDS = 0.25


def soon(broker: Broker, response: Response) -> str:
    """A DateTime a moment from now, by the clock of the target as far as the Date header of its answer tells it."""
    try:
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        now = datetime.now(UTC)
    settling = broker.settling.seconds if broker.settling is not None else None
    life = LIFE_SECONDS + 2 * math.ceil(settling or 0.0)  # what shows late must show before it has expired
    return f"{now + timedelta(seconds=life):%Y-%m-%dT%H:%M:%SZ}"


def expect_gone(retrieve: Callable[[], Response], due: str) -> None:
    """Fail unless what expires is ResourceNotFound in time."""
    _await(retrieve, due, lambda response: response.status == 404, "deleted")


def expect_expired(retrieve: Callable[[], Response], due: str) -> Response:
    """The Subscription with the status "expired"; fails unless it has it in time, or is deleted (404, see 4.8)."""

    def is_over(response: Response) -> bool:
        return response.status == 404 or expect_object(response).get("status") == "expired"

    return _await(retrieve, due, is_over, "expired")


def _await(retrieve: Callable[[], Response], due: str, is_over: Callable[[Response], bool], what: str) -> Response:
    deadline = time.monotonic() + EXPIRY_SECONDS
    while not is_over(response := retrieve()):
        if time.monotonic() > deadline:
            fail(f"{what} when {due} is reached", f"after {EXPIRY_SECONDS:g} s: {describe(response)}")
        time.sleep(PAUSE_SECONDS)
    return response
