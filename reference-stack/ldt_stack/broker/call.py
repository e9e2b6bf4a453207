"""`Call`: what an operation is told about the request beside its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ldt_stack.broker.ld_context import LdContext


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation is told beside its own arguments.

    Args:
        tenant: None is the default tenant (5.5.10); the space of a Snapshot where the operation is on one (5.5.15).
        ld_context: The request's own @context, core included; resolved before the operation starts (5.5.7).
        local: Whether context source registrations are left aside (5.5.13).
        via: Pseudonyms of the Context Sources that the request already passed (6.3.18).
        request_id: For logs.
        conveyed: What the request conveyed beside (HTTP headers, names in lower case), for Context Sources that want to
            have it passed on (4.3.6.5).
        warnings: What whoever called is to know beside the result (6.3.17): the operation adds to it.
        sources: Ids of the Registrations that may be asked, where an EntityMap says so (5.7.2.4); None: all that match.
        source_maps: Of Registrations, the EntityMap that their Context Source made for this query (linkedMaps, 5.2.39).
    """

    tenant: str | None
    ld_context: LdContext
    local: bool = False
    via: tuple[str, ...] = ()
    request_id: str = ""
    conveyed: Mapping[str, str] = field(default_factory=dict, compare=False)
    warnings: list[str] = field(default_factory=list, compare=False)
    sources: frozenset[str] | None = None
    source_maps: Mapping[str, str] = field(default_factory=dict, compare=False)
