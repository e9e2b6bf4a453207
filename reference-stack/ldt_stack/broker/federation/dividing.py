"""Who gets which part of a write: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.2, 4.3.6.3, 5.6 and 5.12. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
        datasets: Of Attributes (IRIs) the datasetIds of their instances, "@none" the default one; not known of others.
    """

    entity_id: str
    types: frozenset[str] | None
    attributes: frozenset[str] | None
    temporal: bool = False
    datasets: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """What one Context Source gets.

    Args:
        registration: Which.
        infos: What of the Registration covers the Entity.
        attributes: IRIs of the Attributes that it gets; None: everything.
        supported: The first of the operations asked for that it offers; None: none of them.
        dataset_ids: Of the Attribute instances that it gets; None: all.
    """

    registration: Registration
    infos: tuple[RegistrationInfo, ...]
    attributes: frozenset[str] | None
    supported: str | None
    dataset_ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Division:
    """How a write is divided.

    Args:
        shares: What sources get.
        remaining: IRIs of the Attributes that are left to this broker; None: all.
        elsewhere: Whether all of the input is held elsewhere: nothing is to be done here. Never of an Entity that is
            deleted: "the input data shall be used to remove the entity locally if it exists" (5.6.6.4).
        whole: Whether the Entity itself is held elsewhere, not just its Attributes.
        members: Whether, where all Attributes of the input are elsewhere, what it says of the Entity itself is for this
            broker.
    """

    shares: tuple[Share, ...]
    remaining: frozenset[str] | None
    elsewhere: bool
    whole: bool = False
    members: bool = False


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
    remaining, whole = target.attributes, False
    for mode in ("exclusive", "redirect"):
        taken: set[str] = set()
        for registration, infos in concerned:
            if registration.mode != mode or not (part := _part(registration, infos, target, remaining)):
                continue
            shares.append(_share(registration, infos, target, part, operations))
            taken |= {name for name in part.attributes or () if _takes_all(registration, target, name)}
            everything = registration.dataset_ids is None or not target.datasets
            whole = whole or (part.whole and target.attributes is not None and everything)
        if remaining is not None:
            remaining -= taken
    elsewhere = whole or (bool(target.attributes) and not remaining)
    if not elsewhere:
        for registration, infos in concerned:
            if registration.mode != "inclusive" or loops(registration, via, own):
                continue
            part = _part(registration, infos, target, remaining)
            if part and _supported(registration, operations) is not None:
                shares.append(_share(registration, infos, target, part, operations))
    return Division(tuple(shares), remaining, elsewhere, whole)


def _share(
    registration: Registration,
    infos: tuple[RegistrationInfo, ...],
    target: Target,
    part: _Part,
    operations: Sequence[str],
) -> Share:
    datasets = registration.dataset_ids if target.datasets else None
    return Share(registration, infos, part.attributes, _supported(registration, operations), datasets)


def _shares_dataset(registration: Registration, target: Target, name: str) -> bool:
    """5.12: "if both have at least one value in common"."""
    offered, held = registration.dataset_ids, target.datasets.get(name)
    return offered is None or held is None or not offered.isdisjoint(held)


def _takes_all(registration: Registration, target: Target, name: str) -> bool:
    """Whether it takes every instance of an Attribute."""
    offered, held = registration.dataset_ids, target.datasets.get(name)
    return offered is None or held is None or held <= offered


def _covering(registration: Registration, target: Target) -> tuple[RegistrationInfo, ...]:
    return tuple(info for info in registration.offers if info.covers(target.entity_id, target.types))


@dataclass(frozen=True, slots=True)
class _Part:
    attributes: frozenset[str] | None
    whole: bool


def _part(
    registration: Registration, infos: Sequence[RegistrationInfo], target: Target, attributes: frozenset[str] | None
) -> _Part | None:
    """What a Registration has in common with what is left; `whole`: the Entity as such is registered."""
    whole = any(info.attributes is None for info in infos)
    if attributes is None:  # the Entity as a whole: whoever has a part of it is concerned
        return _Part(None, whole)
    own = frozenset(name for name in attributes if _shares_dataset(registration, target, name))
    if attributes and not own:
        return None
    if whole:
        return _Part(own, whole=True)
    common = own & frozenset(name for info in infos for name in info.attributes or ())
    return _Part(common, whole=False) if common else None


def _supported(registration: Registration, operations: Sequence[str]) -> str | None:
    return next((name for name in operations if name in registration.operations), None)
