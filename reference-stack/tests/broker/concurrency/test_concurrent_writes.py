"""Requests of many clients about the same Entities: some order of them explains every answer, change and notification.

All write operations of clause 5.6 are mixed, batches and purges among them, with reads of the present and of the
history, in two tenants at once; what the broker keeps and tells is compared with a model (`model`) of a few lines.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..api import API
from ..http.fuzzing import Fuzzed, fuzzed_broker
from .effects import Request, look
from .explaining import Exchange, explain, instant_of
from .model import TYPE, Given, Shown, State
from .watching import WATCHES, WITNESS, Ledger, subscriptions, to_everything
from .workload import Maker, everything

CLIENTS = 6
REQUESTS = 10
ROUNDS_OF_AN_ID = 8
ENTITIES = 4
MORE_ENTITIES = 40
DEADLINE_SECONDS = 30.0
WHOLE = ("--set", "temporal_page_instances=100000")  # histories in one answer
TENANTS = ("", "other")
# In one of the tenants values are compared, and so indexed: what is written over is then looked at.
COMPARED = TENANTS[1]
# In one of the tenants each write has to look whether others have a share of the Entity (4.3.6): nobody has.
REGISTERED = TENANTS[1]
REGISTRATION = {
    "type": "ContextSourceRegistration",
    "information": [{"entities": [{"type": "Elsewhere", "idPattern": "^urn:elsewhere:"}]}],
    "endpoint": "http://127.0.0.1:9/",
}


def now() -> str:
    """As the broker writes instants."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Client:
    """A connection of its own."""

    def __init__(self, url: str, tenant: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE_SECONDS)
        self._headers = {"Content-Type": "application/json", **({"NGSILD-Tenant": tenant} if tenant else {})}

    def send(self, request: Request) -> Exchange:
        """One request, and its answer."""
        content = None if request.body is None else json.dumps(request.body)
        headers = self._headers if content is not None else {**self._headers, "Content-Type": ""}
        sent_at = now()
        self._connection.request(request.method, API + request.path, content, headers)
        response = self._connection.getresponse()
        text = response.read()
        answered_at = now()
        body = json.loads(text) if text else None
        assert response.status < 500, f"{request.method} {request.path} {content}: {response.status} {body}"
        return Exchange(request, sent_at, answered_at, request.answer(response.status, body))

    def close(self) -> None:
        """Hang up; the next request connects again."""
        self._connection.close()


class World:
    """A tenant: its clients, and what the model says of it."""

    def __init__(self, fuzzed: Fuzzed, ledger: Ledger, tenant: str, seed: int) -> None:
        self.tenant = tenant
        self.exchanges = self.changes = 0
        self._ledger = ledger
        self._state = State()
        self._random = random.Random(seed)  # noqa: S311 — choices, not secrets
        self._values = itertools.count(1)
        self._paths = itertools.count(1)
        self._clients = [Client(fuzzed.url, tenant) for _ in range(CLIENTS)]
        self._last = Client(fuzzed.url, tenant)
        headers = {"NGSILD-Tenant": tenant} if tenant else {}
        if tenant == REGISTERED:
            answer = fuzzed.request("POST", "/csourceRegistrations", json=REGISTRATION, headers=headers)
            assert answer.status_code == 201
        for subscription in subscriptions(ledger.port):
            assert fuzzed.request("POST", "/subscriptions", json=subscription, headers=headers).status_code == 201

    def play(self, number: int, pool: ThreadPoolExecutor) -> Any:
        """Have every client send its requests; call what it returns to wait for them and to compare."""
        all_ids = [
            f"urn:ngsi-ld:{TYPE}:{number // ROUNDS_OF_AN_ID}:{index}" for index in range(ENTITIES + MORE_ENTITIES)
        ]
        ids = all_ids[:ENTITIES], all_ids[ENTITIES:]
        known = {name: rows for name, rows in self._state.history.items() if name in all_ids}
        self._state = State(self._state.entities, known)  # nobody asks for the histories of others any more
        seeds = [self._random.getrandbits(32) for _ in self._clients]
        compares = self.tenant == COMPARED
        makers = [Maker(seed, *ids, self._values, self._subscription, compares=compares) for seed in seeds]
        playing = [
            pool.submit(lambda client, maker: [client.send(maker.request()) for _ in range(REQUESTS)], client, maker)
            for client, maker in zip(self._clients, makers, strict=True)
        ]

        def compare() -> None:
            sent = [one.result() for one in playing]
            mark = f"urn:ngsi-ld:{TYPE}:mark:{number}"
            rest = [maker.removal() for maker in makers[:1] if number % ROUNDS_OF_AN_ID == ROUNDS_OF_AN_ID - 1]
            self._compare([*sent, self._look_and_mark(makers[0], ids[0], rest, mark)], mark)

        return compare

    def _subscription(self) -> dict[str, Any]:
        return to_everything(self._ledger.port, f"/late-{next(self._paths)}")

    def _look_and_mark(self, maker: Maker, ids: Sequence[str], rest: list[Request], mark: str) -> list[Exchange]:
        """When all is done: what there is, `rest`, and a last change."""
        values = {("a", None): Given(next(self._values)), ("b", None): Given(next(self._values))}
        requests = [
            maker.query(everything()),
            maker.evolutions(),
            *(maker.evolution(one) for one in ids),
            *rest,
            maker.creation(mark, frozenset({TYPE}), values),
            maker.deletion(mark),
        ]
        return [self._last.send(request) for request in requests]

    def _compare(self, sent: list[list[Exchange]], mark: str) -> None:
        witness = self._told_until(mark, WITNESS)
        for exchange in itertools.chain(*sent):
            if exchange.request.path == "/subscriptions":
                self._compare_late(exchange, witness, mark)
        self.close()
        place = explain(sent, witness, self._state)
        self._state = place.state
        self.exchanges += sum(map(len, sent))
        self.changes += len(place.changes)
        for watch in WATCHES:
            owed = [own for change in place.changes if (own := watch.owes(change)) is not None]
            told = self._ledger.take(self.tenant, watch.path, len(owed), DEADLINE_SECONDS)
            assert [watch.reads(entity) for entity in told] == owed, f"notifications at {watch.path}"

    def _compare_late(self, exchange: Exchange, witness: Sequence[Shown], mark: str) -> None:
        """A Subscription that came meanwhile: it was told all that was changed after its creation had been answered."""
        body = exchange.request.body
        told = self._told_until(mark, urlsplit(body["notification"]["endpoint"]["uri"]).path)
        assert told == list(witness[-len(told) :]), f"{body['id']} was told something else than the witness"
        certain = sum(instant_of(one) > exchange.answered_at for one in witness)
        possible = sum(instant_of(one) >= exchange.sent_at for one in witness)
        assert certain <= len(told) <= possible, f"{body['id']}: {len(told)} changes, not {certain} to {possible}"
        gone = Request("DELETE", f"/subscriptions/{body['id']}", None, look(lambda _: (204, None)))
        assert self._last.send(gone).answer == (204, None)

    def _told_until(self, mark: str, path: str) -> list[Shown]:
        return self._ledger.take_until(
            self.tenant, path, lambda one: one["id"] == mark and "deletedAt" in one, DEADLINE_SECONDS
        )

    def close(self) -> None:
        """Hang up: no server waits for as long as it may take to compare."""
        for client in (*self._clients, self._last):
            client.close()


def play(directory: Path, rounds: int, seed: int) -> tuple[int, int]:
    """So many rounds in each tenant; how many exchanges and changes it were."""
    ledger = Ledger()
    try:
        with (
            fuzzed_broker(directory, "--data", str(directory / "data"), *WHOLE) as fuzzed,
            ThreadPoolExecutor(len(TENANTS) * CLIENTS) as pool,
        ):
            worlds = [World(fuzzed, ledger, tenant, seed + index) for index, tenant in enumerate(TENANTS)]
            for number in range(rounds):
                for compare in [world.play(number, pool) for world in worlds]:
                    compare()
    finally:
        ledger.end()
    return sum(world.exchanges for world in worlds), sum(world.changes for world in worlds)


def test_some_order_explains_everything(tmp_path: Path) -> None:
    """A slice, for CI."""
    rounds = 6
    exchanges, changes = play(tmp_path, rounds, 20261123)
    assert exchanges > rounds * len(TENANTS) * CLIENTS * REQUESTS
    assert changes > exchanges // 3, "most of these requests changed nothing"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_some_order_explains_everything_again_and_again(tmp_path: Path, seed: int) -> None:
    """As above, many times."""
    play(tmp_path, 400, seed)
