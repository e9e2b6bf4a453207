"""Is there an order of the requests in which a simple model answers as the broker did, and changes what it changed?

Requests that overlapped may have been done in any order; one that had been answered before another was sent comes
first. What was changed, and in which order, says a witness: a Subscription to everything, whose notifications come in
the order of commits. (Wing and Gong, "Testing and verifying concurrent objects", 1993.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .effects import Answer, Outcome, Request
from .model import Change, Shown, State


@dataclass(frozen=True)
class Exchange:
    """A request that was answered, and when it was sent and answered; instants as the broker writes them."""

    request: Request
    sent_at: str
    answered_at: str
    answer: Answer

    @property
    def changed_nothing(self) -> bool:
        """For certain: 204 and 207 may be the answer of a request that found nothing to do, or of one that did much."""
        return self.request.looks or self.answer[0] in (404, 409)


@dataclass(frozen=True)
class _Place:
    """How far an order has come: exchanges of each client that are done, changes so far, and the state."""

    done: tuple[int, ...]
    changes: tuple[Change, ...]
    state: State

    @property
    def key(self) -> tuple[object, ...]:
        """Two places with one key go on alike.

        The changes so far are the first that were witnessed, and say what is there, but not what of the history is
        gone; a purge is done in both, but may have changed something in one alone.
        """
        rows = {
            name: tuple((*key, one["modifiedAt"]) for key, one in found) for name, found in self.state.history.items()
        }
        return self.done, len(self.changes), frozenset(rows.items())


def shown_to_witness(change: Change) -> Shown:
    """A change as a notification with showChanges and sysAttrs tells it (5.8.6)."""
    if change.after is not None:
        found = change.after.shown()
    else:
        assert change.before is not None
        found = {name: value for name, value in change.before.shown().items() if isinstance(name, str)}
        found["deletedAt"] = change.at
    for key in change.differing & change.old.keys():
        found[key] = {**found[key], "previousValue": change.old[key].value}
    for key, one in change.removed.items():
        times = {"createdAt": one.created_at, "modifiedAt": one.modified_at, "deletedAt": change.at}
        found[key] = {"value": "urn:ngsi-ld:null", "previousValue": one.value, **times}
    return found


def instant_of(notified: Shown) -> str:
    """Of the change that a witness tells of."""
    return str(notified.get("deletedAt", notified["modifiedAt"]))


def explain(clients: Sequence[Sequence[Exchange]], witness: Sequence[Shown], state: State) -> _Place:
    """An order, and what comes of it.

    Args:
        clients: Of each, its exchanges one after the other.
        witness: What was notified, in the form of `model.canonical`.
        state: Before all of it.

    Raises:
        AssertionError: There is none; says where the longest attempt ended.
    """
    furthest = first = _Place((0,) * len(clients), (), state)
    seen = set()
    waiting = [first]
    while waiting:
        place = _look_around(waiting.pop(), clients)
        if place.key in seen:
            continue
        seen.add(place.key)
        furthest = max(furthest, place, key=lambda one: (len(one.changes), sum(one.done)))
        if all(done == len(own) for done, own in zip(place.done, clients, strict=True)):
            if len(place.changes) == len(witness):
                return place
            continue
        waiting += _steps(place, clients, witness)
    raise AssertionError(_report(furthest, clients, witness))


def _next(place: _Place, clients: Sequence[Sequence[Exchange]]) -> Iterator[tuple[int, Exchange]]:
    """Exchanges that may come next: nothing that is left had been answered before they were sent."""
    left = [(client, own[place.done[client]]) for client, own in enumerate(clients) if place.done[client] < len(own)]
    latest = min((exchange.answered_at for _, exchange in left), default="")
    for client, exchange in left:
        if exchange.sent_at <= latest:
            yield client, exchange


def _look_around(place: _Place, clients: Sequence[Sequence[Exchange]]) -> _Place:
    """What only looks, and what was refused, comes as soon as its answer fits: it keeps nothing else from coming later.

    A purge that would find nothing now may be the one that finds something later.
    """
    found = True
    while found:
        found = False
        for client, exchange in _next(place, clients):
            outcome = exchange.request.effect(place.state, "")
            if exchange.changed_nothing and outcome.answer == exchange.answer:
                place = _Place(_one_more(place.done, client), place.changes, place.state)
                found = True
    return place


def _one_more(done: tuple[int, ...], client: int) -> tuple[int, ...]:
    return (*done[:client], done[client] + 1, *done[client + 1 :])


def _steps(place: _Place, clients: Sequence[Sequence[Exchange]], witness: Sequence[Shown]) -> Iterator[_Place]:
    """Where one more exchange can lead that may have changed something."""
    left = witness[len(place.changes) :]
    at = instant_of(left[0]) if left else ""
    for client, exchange in _next(place, clients):
        outcome = exchange.request.effect(place.state, at)
        if exchange.changed_nothing or outcome.answer != exchange.answer:
            continue
        changes = _as_witnessed(outcome, left)
        if changes is None or (changes and not exchange.sent_at <= at <= exchange.answered_at):
            continue
        yield _Place(_one_more(place.done, client), (*place.changes, *changes), outcome.state)


def _as_witnessed(outcome: Outcome, left: Sequence[Shown]) -> tuple[Change, ...] | None:
    """The changes in the order in which they were witnessed; None: others were."""
    changes = outcome.changes
    if len(changes) > len(left):
        return None
    if not outcome.ordered:
        places = {one["id"]: number for number, one in enumerate(left[: len(changes)])}
        if {change.id for change in changes} != places.keys():
            return None
        changes = tuple(sorted(changes, key=lambda change: places[change.id]))
    told = [shown_to_witness(change) for change in changes]
    return changes if told == list(left[: len(changes)]) else None


def _report(place: _Place, clients: Sequence[Sequence[Exchange]], witness: Sequence[Shown]) -> str:
    left = witness[len(place.changes) :]
    lines = [
        f"No order explains the answers: {sum(place.done)} of {sum(map(len, clients))} exchanges and"
        f" {len(place.changes)} of {len(witness)} changes fit.",
        "Changes before: " + "\n  ".join(str(shown_to_witness(one)) for one in place.changes[-4:]),
        "Witnessed next: " + "\n  ".join(map(str, left[:4])),
        *(f"There is: {entity.shown()}" for entity in place.state.entities.values()),
    ]
    at = instant_of(left[0]) if left else ""
    for client, exchange in _next(place, clients):
        request = exchange.request
        outcome = request.effect(place.state, at)
        lines += [
            f"Client {client}: {request.method} {request.path} {request.body}",
            f"  sent {exchange.sent_at}, answered {exchange.answered_at}: {exchange.answer}",
            f"  the model says: {outcome.answer}, {[shown_to_witness(change) for change in outcome.changes]}",
        ]
    return "\n".join(lines)
