"""Why a request of the broker's own came to nothing."""

from __future__ import annotations

from typing import Literal

Reason = Literal["url", "address", "unreachable", "timeout", "size", "redirects", "header"]


class OutboundError(Exception):
    """No answer, or none that is within the limits.

    Attributes:
        reason: Which limit, or "url" for what is no http(s) URL, "header" for what is no HTTP header,
            "unreachable" for errors of the network.
        detail: A sentence with the URL.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def forbidden(host: str) -> OutboundError:
    """The error for a host that the policy does not allow; says nothing of the addresses behind a name."""
    return OutboundError("address", f"{host} is at an address that the settings of this broker forbid")
