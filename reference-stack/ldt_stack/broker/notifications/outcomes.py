"""Counters and times of a Subscription's notifications: ETSI GS CIM 009 V1.9.1, clauses 5.2.14.2 and 5.8.6. Pure."""

from __future__ import annotations

from ldt_stack.broker.model.names import JsonObject


def after_attempt(status: JsonObject, at: str, *, delivered: bool) -> JsonObject:
    """The output-only members of NotificationParams after one more attempt.

    Args:
        status: As they were; empty before the first attempt. Not modified.
        at: The instant of sending, six digits, UTC.
        delivered: Whether the answer was 200 OK.
    """
    result = {**status, "timesSent": status.get("timesSent", 0) + 1, "lastNotification": at}
    if delivered:
        return {**result, "lastSuccess": at, "status": "ok"}
    return {**result, "lastFailure": at, "status": "failed", "timesFailed": status.get("timesFailed", 0) + 1}
