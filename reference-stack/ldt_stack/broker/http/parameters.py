"""Query parameters: ETSI GS CIM 009 V1.9.1, clauses 6.3.13 and 6.3.20."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from ldt_stack.broker.errors import BadRequestData, InvalidRequest
from ldt_stack.broker.http.messages import Request

_API: Final = "/ngsi-ld/v1/"
# 6.3.18, and what takes the parameters of a query (6.34.3.1, 6.35.3.1).
_DISTRIBUTED: Final = tuple(
    _API + resource for resource in ("entities", "types", "attributes", "entityOperations", "temporal/", "entityMaps")
)


def boolean(text: str | None, name: str, default: bool = False) -> bool:
    """A Boolean parameter: "true" or "false".

    Raises:
        BadRequestData: It is anything else.
    """
    if text is None:
        return default
    if text not in {"true", "false"}:
        raise BadRequestData(f'The parameter {name} is "{text}"; expected true or false')
    return text == "true"


def whole_number(text: str | None, name: str) -> int | None:
    """A number of 0 or more, or None if the parameter is absent.

    Raises:
        BadRequestData: It is no such number.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequestData(f'The parameter {name} is "{text}"; expected a whole number of 0 or more')
    return int(text)


def comma_list(text: str | None) -> tuple[str, ...]:
    """A comma separated list; empty if the parameter is absent."""
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def identifiers(text: str | None) -> tuple[str, ...]:
    """A comma separated list of URIs; an empty place is an element, which whoever checks the URIs refuses.

    Where an id is missing, nothing must be taken for all that there is.
    """
    return () if text is None else tuple(part.strip() for part in text.split(","))


def knows_local(path: str) -> bool:
    """Whether the parameter local can be given (6.3.18): not to what is always local, as the Registry API is."""
    return path.startswith(_DISTRIBUTED)


@cache  # by operation: there are few
def _allowed(names: tuple[str, ...], local: bool) -> frozenset[str]:
    return frozenset((*names, "local") if local else names)


def allow_parameters(request: Request, names: Iterable[str]) -> None:
    """Refuse parameters that the operation does not know (6.3.20), and any given twice.

    Raises:
        InvalidRequest: Names what is not known.
    """
    if not request.query_params:
        return
    allowed = _allowed(tuple(names), knows_local(request.path))
    seen: set[str] = set()
    for name, _ in request.query_pairs:
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise InvalidRequest(f'The parameter "{name}" is not one of this operation; it knows {known}')
        if name in seen:
            raise InvalidRequest(f'The parameter "{name}" is given twice')
        seen.add(name)


def read_options(request: Request, known: Iterable[str]) -> frozenset[str]:
    """The values of `options`.

    Raises:
        InvalidRequest: One is not supported by the operation (6.3.20).
    """
    given = request.query_params.get("options")
    if given is None:
        return frozenset()
    options = frozenset(comma_list(given))
    unknown = options - frozenset(known)
    if unknown:
        wrong, right = ",".join(sorted(unknown)), ", ".join(sorted(known))
        raise InvalidRequest(f"options={wrong} is not supported here; this operation knows {right}")
    return options
