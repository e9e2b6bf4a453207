"""Who has seen a request already: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.4, 5.2.40, 5.12 and 6.3.18."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from ldt_stack.broker.federation.registration import Registration

_PSEUDONYM: Final = "!#$&'*+-.^_`|~"  # what a pseudonym may have beside letters and digits; "%" is the escape


def own_alias(alias: str, tenant: str | None) -> str:
    """The pseudonym of a tenant of this broker: "this id shall be identifying a specific Tenant" (5.2.40)."""
    return alias if tenant is None else f"{alias}.{quote(tenant, safe=_PSEUDONYM)}"


def loops(registration: Registration, via: tuple[str, ...], own: str) -> bool:
    """Whether asking a Context Source would come back to who has been asked already.

    Args:
        registration: Which source.
        via: Pseudonyms that the request has passed.
        own: Our own. If the request passed us before, whatever we would ask is asked already.
    """
    return own in via or (registration.alias is not None and registration.alias in (*via, own))
