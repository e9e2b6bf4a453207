"""Entity Types and Attributes that Context Sources know of: ETSI GS CIM 009 V1.9.1, clause 5.7.11.

"As an alternative to relying on local information only, the request can be forwarded to all Context Sources which
support the respective operation"; what they answer beyond their Registration is left out (4.3.6.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import SourceInvalid
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.reading import or_warning, wire_names
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject, JsonValue

T = TypeVar("T")


async def ask_sources(
    broker: Surroundings,
    call: Call,
    operation: str,
    path: Callable[[LdContext], str],
    parse: Callable[[Registration, JsonValue, LdContext], T],
    concerned: Callable[[Registration], bool] = lambda _: True,
) -> list[T]:
    """What every source that offers an operation answers; those that fail give a warning, those with 404 nothing.

    A source with several Registrations is asked once: what it has would be counted once for each.

    Args:
        broker: Whose Registrations.
        call: The request.
        operation: Of clause 4.20.
        path: With its query, below the API root, its names in a @context.
        parse: Reads an answer to a Registration, or to several in one; a KeyError, TypeError or NgsiLdError means that
            it is not valid.
        concerned: Which sources.
    """
    if call.local:
        return []
    registrations = [
        one
        for one in await broker.registrations.registrations(call.tenant, broker.now)
        if operation in one.operations and not one.temporal and concerned(one)
    ]

    async def ask(registration: Registration) -> T | None:
        names = wire_names(await broker.sources.names_for(registration, call.ld_context))

        async def read(reply: Reply) -> T:
            try:
                return parse(registration, reply.body, reply.ld_context)
            except (KeyError, TypeError, NgsiLdError) as error:
                raise SourceInvalid(f"{registration.id}: it answered with another data type ({error!r})") from None

        request = SourceRequest("GET", path(names), names=names)
        return await broker.sources.ask(registration, call, request, read, absent=True)

    answers = await asyncio.gather(*(or_warning(call, one, ask(one)) for one in _by_source(registrations)))
    return [answer for answer in answers if answer is not None]


def _by_source(registrations: Sequence[Registration]) -> list[Registration]:
    """One Registration for each source, with all that it offers: Registrations that make the very same request."""
    sources: dict[tuple[object, ...], list[Registration]] = {}
    for one in registrations:
        key = (one.endpoint.rstrip("/"), one.tenant, one.source_info, one.alias, one.management.local_only)
        sources.setdefault(key, []).append(one)
    return [
        replace(same[0], information=tuple(info for one in same for info in one.information))
        for same in sources.values()
    ]


def offers_type(registration: Registration, entity_type: str) -> bool:
    """Whether a Registration is (possibly) about Entities of a type (IRI)."""
    return any(
        not info.entities or any(entity_type in one.types for one in info.entities) for info in registration.information
    )


def offers_attribute(registration: Registration, attribute: str) -> bool:
    """Whether a Registration is (possibly) about an Attribute (IRI)."""
    return any(info.attributes is None or attribute in info.attributes for info in registration.information)


def names_of(values: JsonValue, ld_context: LdContext) -> list[str]:
    """IRIs of a list of names.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("expected an array of names")
    return [ld_context.expand_term(value) for value in values]


def object_of(value: JsonValue) -> JsonObject:
    """An object.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def objects_of(values: JsonValue) -> list[JsonObject]:
    """A list of objects.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise TypeError("expected an array of objects")
    return values


def segment(name: str) -> str:
    """A name as a segment of a path."""
    return quote(name, safe=":")
