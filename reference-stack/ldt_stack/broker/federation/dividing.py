"""Who gets which part of a write: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.2, 4.3.6.3, 5.6 and 5.12. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ldt_stack.broker.federation.loops import loops
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo


@dataclass(frozen=True, slots=True)
class Target:
    """What a write is about.

    Args:
        entity_id: Of the Entity.
        types: IRIs of its types; None: not known, neither from the request nor from what is held here.
        attributes: IRIs of the Attributes of the payload; None: the Entity as a whole.
        temporal: Whether it is about a temporal evolution.
    """

    entity_id: str
    types: frozenset[str] | None
    attributes: frozenset[str] | None
    temporal: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What one Context Source gets.

    Args:
        registration: Which.
        infos: What of the Registration covers the Entity.
        attributes: IRIs of the Attributes that it gets; None: everything.
        supported: The first of the operations asked for that it offers; None: none of them.
    """

    registration: Registration
    infos: tuple[RegistrationInfo, ...]
    attributes: frozenset[str] | None
    supported: str | None


@dataclass(frozen=True, slots=True)
class Division:
    """How a write is divided.

    Args:
        shares: What sources get.
        remaining: IRIs of the Attributes that are left to this broker; None: all.
        elsewhere: Whether all of the input is held elsewhere: nothing is to be done here. Never of an Entity that is
            deleted: "the input data shall be used to remove the entity locally if it exists" (5.6.6.4).
    """

    shares: tuple[Share, ...]
    remaining: frozenset[str] | None
    elsewhere: bool


def divide(
    registrations: Iterable[Registration],
    target: Target,
    operations: Sequence[str],
    via: tuple[str, ...],
    own: str,
) -> Division:
    """Divide a write, as the steps of 5.6.1.4, 5.6.2.4 … have it: exclusive, redirect, inclusive, then what remains.

    A proxied Registration takes what matches away, also where it cannot be forwarded; an inclusive one that does not
    offer the operation, or would loop, is left aside.
    """
    concerned = [
        (registration, infos)
        for registration in registrations
        if registration.temporal == target.temporal and (infos := _covering(registration, target))
    ]
    shares: list[Share] = []
    remaining, elsewhere = target.attributes, False
    for mode in ("exclusive", "redirect"):
        taken: set[str] = set()
        for registration, infos in concerned:
            if registration.mode != mode or not (part := _part(infos, remaining)):
                continue
            shares.append(Share(registration, infos, part.attributes, _supported(registration, operations)))
            taken |= part.attributes or frozenset()
            elsewhere = elsewhere or (part.whole and target.attributes is not None)
        if remaining is not None:
            remaining -= taken
    if target.attributes and not remaining:
        elsewhere = True
    if not elsewhere:
        for registration, infos in concerned:
            supported = _supported(registration, operations)
            if registration.mode != "inclusive" or supported is None or loops(registration, via, own):
                continue
            part = _part(infos, remaining)
            if part:
                shares.append(Share(registration, infos, part.attributes, supported))
    return Division(tuple(shares), remaining, elsewhere)


def _covering(registration: Registration, target: Target) -> tuple[RegistrationInfo, ...]:
    return tuple(info for info in registration.information if info.covers(target.entity_id, target.types))


@dataclass(frozen=True, slots=True)
class _Part:
    attributes: frozenset[str] | None
    whole: bool


def _part(infos: Sequence[RegistrationInfo], attributes: frozenset[str] | None) -> _Part | None:
    """What Registrations have in common with what is left; `whole`: the Entity as such is registered."""
    whole = any(info.attributes is None for info in infos)
    if attributes is None:  # the Entity as a whole: whoever has a part of it is concerned
        return _Part(None, whole)
    if whole:
        return _Part(attributes, whole=True)
    common = attributes & frozenset(name for info in infos for name in info.attributes or ())
    return _Part(common, whole=False) if common else None


def _supported(registration: Registration, operations: Sequence[str]) -> str | None:
    return next((name for name in operations if name in registration.operations), None)
