"""Operations that write, here and at Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.2, 4.3.6.3 and 5.6.

Sources are written to before this broker, outside of any transaction: a source that is slow or dead holds up its own
request alone. Without Registrations nothing of this happens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import Conflict, NgsiLdError, NonexistentTenant, ResourceNotFound
from ldt_stack.broker.federation.dividing import Division, Share, Target
from ldt_stack.broker.federation.writing import Failure, MakeRequest, PartialSuccess, Parts, distribute, division_of
from ldt_stack.broker.model.entities import Fragment
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.type_selection import TypeSelection
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import Transaction

ATTEMPTS: Final = 5  # a Registration more each time
_CREATING: Final = frozenset({"createEntity", "createBatch"})
T = TypeVar("T")
Work = Callable[[Transaction], None]
"""Writes something, inside a transaction."""


class RegistrationsChangedError(Exception):
    """A Registration was put or deleted after it was decided who gets what."""


async def known_target(
    broker: Broker,
    call: Call,
    entity_id: str,
    selection: TypeSelection | None,
    fragment: Fragment | None,
    attributes: frozenset[str] | None = None,
    datasets: Mapping[str, frozenset[str]] | None = None,
) -> Target:
    """What a write to an existing Entity is about.

    Its types are those that it has here; else those of the payload, or of the request. Without this, a Registration of
    one type would take away what is written to Entities of another one.

    Args:
        broker: Where.
        call: The request.
        entity_id: Of the Entity.
        selection: Entity Types that were asked for.
        fragment: The payload; its Attributes are what the write is about.
        attributes: Those it is about, if there is no such payload.
        datasets: Of Attributes, where the payload does not tell.
    """
    if fragment is not None:
        attributes = frozenset(fragment.attributes)
        datasets = datasets or datasets_of(fragment)
    if await is_alone(broker, call):
        return Target(entity_id, None, attributes, datasets=datasets or {})
    types: frozenset[str] | None = None
    try:
        entity = await broker.store.read(call.tenant, lambda snapshot: snapshot.get_entity(entity_id))
    except NonexistentTenant:
        entity = None
    if entity is not None and (selection is None or selection.matches(entity)):
        types = frozenset(entity["type"])
    elif fragment is not None and fragment.types:
        types = frozenset(fragment.types)
    elif selection is not None and len(selection.alternatives) == 1:
        types = selection.alternatives[0]
    return Target(entity_id, types, attributes, datasets=datasets or {})


def datasets_of(fragment: Fragment) -> dict[str, frozenset[str]]:
    """The datasetIds of Attribute instances, "@none" that of default ones."""
    return {
        name: frozenset(one.get("datasetId", "@none") for one in instances)
        for name, instances in fragment.attributes.items()
        if instances
    }


async def write_everywhere(
    broker: Broker,
    call: Call,
    target: Target,
    operations: Sequence[str],
    make: MakeRequest,
    here: Callable[[Fragment], Work],
    fragment: Fragment,
    *,
    create: bool = False,
    statuses: list[int] | None = None,
) -> PartialSuccess | None:
    """Forward what Context Sources hold, then write the rest.

    A Registration that comes into being meanwhile takes its share, too: nothing of it is written here (4.3.6.3).

    Args:
        broker: Where.
        call: The request.
        target: What it is about.
        operations: Names (4.20), any of which a source must offer.
        make: What a source is asked.
        here: Writes a Fragment to this broker, inside a transaction.
        fragment: The whole of it.
        create: Whether a tenant that does not exist comes into being.
        statuses: Is given the HTTP statuses of the sources that did their share.

    Returns:
        None if everything was done; else what was not.

    Raises:
        NgsiLdError: Nothing was done: why.
    """
    parts, asked = Parts(target.entity_id), set[str]()
    rest: Fragment | None = fragment
    for _ in range(ATTEMPTS):
        generation = broker.registrations.generation(call.tenant)
        division = await division_of(broker, call, target, operations, asked)
        if division is not None:
            await distribute(broker, call, parts, division.shares, make)
            if statuses is not None:
                statuses[:] = parts.statuses
            asked |= {share.registration.id for share in division.shares}
            rest = rest_of(rest, with_members(division, fragment, target, operations))
        if rest is None:
            return parts.conclude()
        target = replace(target, attributes=None if target.attributes is None else frozenset(rest.attributes))
        try:
            await write_unless_changed(broker, call, generation, here(rest), create=create)
            parts.done = True
        except RegistrationsChangedError:
            continue
        except (ResourceNotFound, NonexistentTenant) as error:
            if not asked:
                raise  # "and no matching registrations apply": one does else (5.6.2.4 and its siblings)
            if parts.done and (lost := _lost(rest, parts)):
                parts.failures.append(Failure(error, None, lost))
        except NgsiLdError as error:
            if not asked:
                raise
            parts.failures.append(Failure(error, None, target.attributes))
        return parts.conclude() if asked else None
    raise Conflict("The Registrations that this is about keep changing; try again")


async def write_unless_changed(
    broker: Broker, call: Call, generation: int, work: Callable[[Transaction], T], *, create: bool = False
) -> T:
    """Write here, if Registrations are still those of a generation when it comes to it: decided in the transaction.

    Raises:
        RegistrationsChangedError: They are not; nothing was written.
    """

    def guarded(transaction: Transaction) -> T:
        if not (call.local or broker.registrations.unchanged(call.tenant, generation)):
            raise RegistrationsChangedError
        return work(transaction)

    return await broker.store.write(call.tenant, guarded, create=create)


def _lost(fragment: Fragment, parts: Parts) -> frozenset[str]:
    """Attributes that neither this broker, where the Entity is not, nor any source has written."""
    return frozenset(
        name
        for name, instances in fragment.attributes.items()
        if not any(_has_done(share, name, instances) for share in parts.shares)
    )


def _has_done(share: Share, name: str, instances: Sequence[JsonObject]) -> bool:
    if share.attributes is not None and name not in share.attributes:
        return False
    datasets = share.dataset_ids
    return datasets is None or all(one.get("datasetId", "@none") in datasets for one in instances)


def rest_of(fragment: Fragment | None, division: Division | None) -> Fragment | None:
    """What is left for this broker; None: nothing."""
    if fragment is None or division is None or (division.remaining is None and not division.elsewhere):
        return fragment
    if division.elsewhere:
        return replace(fragment, attributes={}) if division.members else None
    remaining = division.remaining or frozenset()
    kept = {
        name: left
        for name, instances in fragment.attributes.items()
        if name in remaining and ((left := _left(name, instances, division)) or not instances)
    }
    return replace(fragment, attributes=kept) if kept or not fragment.attributes else None


def with_members(division: Division, fragment: Fragment, target: Target, operations: Sequence[str]) -> Division:
    """The division of a write to an Entity that may be held here, though all Attributes of the input are not.

    Of the matching input, Attributes alone "are then removed from the Fragment" (5.6.2.4, 5.6.3.4, 5.6.17.4, 5.6.18.4):
    its type, scope … remain, and a replacement leaves the Entity without other Attributes.
    """
    if division.whole or target.temporal or _CREATING.issuperset(operations):
        return division
    said = fragment.scope is not None or fragment.expires_at is not None
    new_type = not set(fragment.types) <= (target.types or set())
    return replace(division, members=said or new_type or "replaceEntity" in operations)


def _left(name: str, instances: list[JsonObject], division: Division) -> list[JsonObject]:
    """Instances that no proxied Registration of their datasetId has taken."""
    taken = {
        dataset_id
        for share in division.shares
        if share.registration.proxied and (share.attributes is None or name in share.attributes)
        for dataset_id in share.dataset_ids or ()
    }
    return [one for one in instances if one.get("datasetId", "@none") not in taken]


async def is_alone(broker: Broker, call: Call) -> bool:
    """Whether no Context Source is to be asked."""
    return call.local or not await broker.registrations.registrations(call.tenant, broker.now)


async def divisions_of(
    broker: Broker,
    call: Call,
    fragments: Sequence[Fragment],
    operations: Sequence[str],
    *,
    whole: bool = False,
    without: Collection[str] = (),
) -> list[Division | None]:
    """How each Entity of a batch is divided; None: all of it is done here.

    Args:
        broker: Where.
        call: The request.
        fragments: Of the Entities, each with an id.
        operations: Names (4.20), any of which a source must offer.
        whole: Whether it is about Entities as such (deletion).
        without: Ids of Registrations that have had their share.
    """
    if await is_alone(broker, call):
        return [None for _ in fragments]
    ids = [str(fragment.id) for fragment in fragments]
    held = await broker.store.read(
        call.tenant, lambda snapshot: {i: e["type"] for i in ids if (e := snapshot.get_entity(i)) is not None}
    )
    divisions = []
    for fragment in fragments:
        types = held.get(str(fragment.id), fragment.types)
        attributes = None if whole else frozenset(fragment.attributes)
        target = Target(
            str(fragment.id), frozenset(types) if types else None, attributes, datasets=datasets_of(fragment)
        )
        division = await division_of(broker, call, target, operations, without)
        if division is not None and target.entity_id in held:
            division = with_members(division, fragment, target, operations)
        divisions.append(division)
    return divisions
