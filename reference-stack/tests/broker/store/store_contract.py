"""What any store of the broker must do; a test module subclasses `StoreContract` and provides the fixture `store`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ldt_stack.broker.errors import NonexistentTenant
from ldt_stack.broker.store.data import Delivery, DocumentKind, EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Store, Transaction

CAR, BUS = "https://example.org/Car", "https://example.org/Bus"
SPEED, NAME = "https://example.org/speed", "https://example.org/name"
AT = "2026-01-01T00:00:00.000000Z"


def entity(number: int, kind: str = CAR, **attributes: Any) -> dict[str, Any]:
    """An expanded Entity with a speed."""
    return {
        "id": f"urn:ngsi-ld:E:{number:03}",
        "type": [kind],
        "createdAt": AT,
        "modifiedAt": AT,
        SPEED: [{"type": "Property", "value": number, "createdAt": AT, "modifiedAt": AT}],
        **attributes,
    }


def instance(number: int, observed_at: str | None = None) -> dict[str, Any]:
    """An expanded Attribute instance for the history."""
    one = {"type": "Property", "value": number, "instanceId": f"urn:i:{number}", "createdAt": AT, "modifiedAt": AT}
    return one if observed_at is None else {**one, "observedAt": observed_at}


def put(store: Store, *entities: dict[str, Any], tenant: str | None = None) -> Any:
    """Write Entities; to be awaited."""

    def work(transaction: Transaction) -> None:
        for one in entities:
            transaction.put_entity(one)

    return store.write(tenant, work, create=True)


@pytest.mark.anyio
class StoreContract:
    """Subclass it; every test gets a fresh, empty `store`."""

    async def test_what_was_put_is_read_back_equal(self, store: Store) -> None:
        """An Entity comes back as it was put."""
        await put(store, entity(1))
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) == entity(1)

    async def test_unknown_entity_is_none(self, store: Store) -> None:
        """An Entity that was never put is None."""
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) is None

    async def test_texts_are_the_entities(self, store: Store) -> None:
        """JSON of what is held, but for the times of instances; of a page too, where nobody has to look at it."""
        await put(store, entity(1), entity(2, expiresAt=AT), entity(3))

        def bare(number: int) -> dict[str, Any]:
            return {**entity(number), SPEED: [{"type": "Property", "value": number}]}

        text = await store.read(None, lambda s: s.get_text("urn:ngsi-ld:E:001"))
        assert json.loads(text or "") == bare(1)
        for missing in ("urn:ngsi-ld:E:002", "urn:ngsi-ld:E:004"):  # one has expired
            assert await store.read(None, lambda s, i=missing: s.get_text(i)) is None
        query = EntityQuery(limit=1, offset=1, count=True, as_text=True)
        page = await store.read(None, lambda s: s.query_entities(query))
        assert [json.loads(one) for one in page.texts or ()] == [bare(3)]
        assert (page.entities, page.more, page.count) == ([], False, 2)

    async def test_put_replaces_completely(self, store: Store) -> None:
        """A second put leaves nothing of the first, in discovery neither."""
        await put(store, entity(1, **{NAME: [{"type": "Property", "value": "x"}]}))
        await put(store, entity(1, BUS))
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) == entity(1, BUS)
        assert await store.read(None, lambda s: s.count_types()) == {BUS: 1}
        assert await store.read(None, lambda s: s.types_of_attributes()) == {SPEED: {BUS: 1}}

    async def test_delete_says_whether_there_was_one(self, store: Store) -> None:
        """The first delete finds the Entity, the second does not."""
        await put(store, entity(1))
        assert await store.write(None, lambda t: t.delete_entity("urn:ngsi-ld:E:001")) is True
        assert await store.write(None, lambda t: t.delete_entity("urn:ngsi-ld:E:001")) is False
        assert await store.read(None, lambda s: s.count_types()) == {}

    async def test_a_transaction_sees_its_own_writes(self, store: Store) -> None:
        """What was put can be read in the same transaction."""

        def work(transaction: Transaction) -> Any:
            transaction.put_entity(entity(1))
            return transaction.get_entity("urn:ngsi-ld:E:001")

        assert await store.write(None, work) == entity(1)

    async def test_what_raises_leaves_nothing(self, store: Store) -> None:
        """An exception in the work reaches the caller, and nothing of the transaction is kept."""

        def work(transaction: Transaction) -> None:
            transaction.put_entity(entity(1))
            transaction.put_document(DocumentKind.CONTEXT, "a", {"x": 1})
            raise LookupError("on purpose")

        with pytest.raises(LookupError, match="on purpose"):
            await store.write(None, work)
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) is None
        assert await store.read(None, lambda s: s.get_document(DocumentKind.CONTEXT, "a")) is None

    async def test_one_that_fails_does_not_harm_its_neighbours(self, store: Store) -> None:
        """Of many writes at once those that raise are undone, and all others are kept."""

        def work(number: int) -> Any:
            def inner(transaction: Transaction) -> int:
                transaction.put_entity(entity(number, f"https://example.org/Kind{number}"))
                if number % 3 == 0:
                    raise LookupError(str(number))
                return number

            return inner

        results = await asyncio.gather(*(store.write(None, work(n)) for n in range(60)), return_exceptions=True)
        for number, result in enumerate(results):
            assert isinstance(result, LookupError) if number % 3 == 0 else result == number
        found = await store.read(None, lambda s: s.query_entities(EntityQuery(limit=100)))
        assert [one["id"] for one in found.entities] == [entity(n)["id"] for n in range(60) if n % 3]
        assert len(await store.read(None, lambda s: s.count_types())) == 40

    async def test_writes_of_a_caller_keep_their_order(self, store: Store) -> None:
        """The last of many writes to one Entity, given in order, is what is read."""
        await asyncio.gather(*(put(store, {**entity(1), "scope": [f"/n{n}"]}) for n in range(50)))
        found = await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001"))
        assert found is not None
        assert found["scope"] == ["/n49"]

    async def test_expired_entity_is_not_there(self, store: Store) -> None:
        """An Entity whose expiresAt has passed is neither retrieved nor found nor counted."""
        await put(
            store,
            {**entity(1), "expiresAt": "2020-01-01T00:00:00Z"},
            {**entity(2), "expiresAt": "2999-01-01T00:00:00Z"},
        )
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) is None
        page = await store.read(None, lambda s: s.query_entities(EntityQuery(count=True)))
        assert [one["id"] for one in page.entities] == ["urn:ngsi-ld:E:002"]
        assert page.count == 1
        assert await store.read(None, lambda s: s.count_types()) == {CAR: 1}

    async def test_expired_entities_can_be_swept(self, store: Store) -> None:
        """What has expired, in whole or in part, is handed out for removal, and nothing else."""
        part = {"type": "Property", "value": 1, "expiresAt": "2020-01-01T00:00:00Z"}
        await put(store, {**entity(1), "expiresAt": "2020-01-01T00:00:00Z"}, entity(2, **{NAME: [part]}), entity(3))
        swept = await store.write(None, lambda t: t.expired_entities("2026-01-01T00:00:00.000000Z", 10))
        assert sorted(one["id"] for one in swept) == ["urn:ngsi-ld:E:001", "urn:ngsi-ld:E:002"]

    @pytest.mark.parametrize("dear", [False, True])
    async def test_pages_are_disjoint_and_complete(self, store: Store, dear: bool) -> None:
        """Pages follow each other in a stable order, and the last one says that nothing follows."""
        await put(store, *(entity(n) for n in range(25)))
        seen: list[str] = []
        for offset in range(0, 25, 10):
            query = EntityQuery(offset=offset, limit=10, count=True)
            page = await store.read(None, lambda s, q=query: s.query_entities(q), dear=dear)  # type: ignore[misc]  # mypy: default binds the loop variable
            assert page.count == 25
            assert page.more is (offset < 20)
            seen += [one["id"] for one in page.entities]
        assert seen == [entity(n)["id"] for n in range(25)]

    async def test_selection_by_ids(self, store: Store) -> None:
        """Selectors are alternatives; ids are exact."""
        await put(store, *(entity(n) for n in range(5)))
        query = EntityQuery(
            selectors=(EntitySelector(ids=("urn:ngsi-ld:E:001",)), EntitySelector(ids=("urn:ngsi-ld:E:003", "urn:no")))
        )
        page = await store.read(None, lambda s: s.query_entities(query))
        assert [one["id"] for one in page.entities] == ["urn:ngsi-ld:E:001", "urn:ngsi-ld:E:003"]

    async def test_tenants_are_apart(self, store: Store) -> None:
        """The same id in two tenants is two Entities; a tenant is made by a write that may, and by nothing else."""
        with pytest.raises(NonexistentTenant):
            await store.read("one", lambda s: s.get_entity("urn:ngsi-ld:E:001"))
        with pytest.raises(NonexistentTenant):
            await store.write("one", lambda t: t.delete_entity("urn:ngsi-ld:E:001"))
        assert await store.tenants() == [None]
        await put(store, entity(1), tenant="one")
        await put(store, entity(1, BUS), tenant="ONE")
        assert await store.read(None, lambda s: s.get_entity("urn:ngsi-ld:E:001")) is None
        assert (await store.read("one", lambda s: s.get_entity("urn:ngsi-ld:E:001")) or {})["type"] == [CAR]
        assert (await store.read("ONE", lambda s: s.get_entity("urn:ngsi-ld:E:001")) or {})["type"] == [BUS]
        assert set(await store.tenants()) == {None, "one", "ONE"}

    async def test_documents(self, store: Store) -> None:
        """Documents are kept by kind and id, listed in the order of their first put, counted, replaced and deleted."""
        kind = DocumentKind.SUBSCRIPTION
        for name in ("b", "a", "c"):
            await store.write(None, lambda t, n=name: t.put_document(kind, n, {"n": n}))  # type: ignore[misc]  # as above
        await store.write(None, lambda t: t.put_document(kind, "b", {"n": "B"}))
        await store.write(None, lambda t: t.put_document(DocumentKind.CONTEXT, "a", {"other": True}))
        assert await store.read(None, lambda s: s.list_documents(kind)) == [{"n": "B"}, {"n": "a"}, {"n": "c"}]
        assert await store.read(None, lambda s: s.list_documents(kind, offset=1, limit=1)) == [{"n": "a"}]
        assert await store.read(None, lambda s: s.count_documents(kind)) == 3
        assert await store.write(None, lambda t: t.delete_document(kind, "a")) is True
        assert await store.write(None, lambda t: t.delete_document(kind, "a")) is False
        assert await store.read(None, lambda s: s.get_document(DocumentKind.CONTEXT, "a")) == {"other": True}

    async def test_versions_of_documents_grow(self, store: Store) -> None:
        """The version of a kind grows with a put or a delete of that kind, and with nothing else."""
        kind = DocumentKind.SUBSCRIPTION

        async def version() -> int:
            return await store.read(None, lambda s: s.documents_version(kind))

        first = await version()
        await store.write(None, lambda t: t.put_document(kind, "a", {}))
        second = await version()
        await store.write(None, lambda t: t.put_document(DocumentKind.CONTEXT, "a", {}))
        assert await version() == second > first
        await store.write(None, lambda t: t.delete_document(kind, "a"))
        assert await version() > second

    async def test_outbox(self, store: Store) -> None:
        """What is enqueued with a change is owed in order, told of after the commit, and gone when it is dropped."""
        told: list[tuple[str | None, list[Delivery]]] = []
        store.on_enqueued = lambda tenant, deliveries: told.append((tenant, deliveries))
        await store.write(None, lambda t: t.enqueue([Delivery("urn:s:1", {"n": 1}), Delivery("urn:s:2", {"n": 2})]))
        await store.write(None, lambda t: t.enqueue([Delivery("urn:s:1", {"n": 3})]))
        owed = await store.read(None, lambda s: s.owed_deliveries(10))
        assert told == [(None, owed[:2]), (None, owed[2:])]
        assert [(one.subscription_id, one.body) for one in owed] == [
            ("urn:s:1", {"n": 1}),
            ("urn:s:2", {"n": 2}),
            ("urn:s:1", {"n": 3}),
        ]
        assert await store.read(None, lambda s: s.owed_deliveries(1, owed[0].number)) == [owed[1]]
        assert await store.read(None, lambda s: s.last_delivery("urn:s:1")) == owed[2]
        await store.write(None, lambda t: t.drop_deliveries([owed[0].number, owed[2].number]))
        assert await store.read(None, lambda s: s.last_delivery("urn:s:1")) is None
        assert await store.read(None, lambda s: s.owed_deliveries(10)) == [owed[1]]
        await store.write(None, lambda t: t.drop_deliveries_of("urn:s:2"))
        assert await store.read(None, lambda s: s.owed_deliveries(10)) == []

    async def test_what_is_rolled_back_is_owed_to_nobody(self, store: Store) -> None:
        """Nothing is told of, also where neighbours are committed together with it; a told body is nobody else's."""
        told: list[Delivery] = []
        store.on_enqueued = lambda _, deliveries: told.extend(deliveries)
        body: dict[str, Any] = {"data": [1]}

        def fail(transaction: Transaction) -> None:
            transaction.enqueue([Delivery("urn:s:1", {"n": 1})])
            assert transaction.last_delivery("urn:s:1") is not None
            raise ValueError("after all")

        def succeed(transaction: Transaction) -> None:
            assert transaction.last_delivery("urn:s:1") is None
            transaction.enqueue([Delivery("urn:s:2", body)])
            body["data"].append(2)

        first, _ = await asyncio.gather(store.write(None, fail), store.write(None, succeed), return_exceptions=True)
        assert isinstance(first, ValueError)
        assert [(one.subscription_id, one.body) for one in told] == [("urn:s:2", {"data": [1]})]

    async def test_documents_by_their_ids(self, store: Store) -> None:
        """Many at once, each of its kind; those that are not there are left out."""
        kind = DocumentKind.SUBSCRIPTION_STATUS
        await store.write(None, lambda t: t.put_documents(kind, {"a": {"n": 1}, "b": {"n": 2}}))
        await store.write(None, lambda t: t.put_documents(kind, {"b": {"n": 3}, "c": {"n": 4}}))
        await store.write(None, lambda t: t.put_document(DocumentKind.CONTEXT, "d", {}))
        found = await store.read(None, lambda s: s.get_documents(kind, ["a", "b", "d", "e"]))
        assert found == {"a": {"n": 1}, "b": {"n": 3}}
        assert await store.read(None, lambda s: s.get_documents(kind, [])) == {}
        assert await store.read(None, lambda s: s.existing_documents(kind, ["a", "b", "d", "e"])) == {"a", "b"}

    async def test_a_removed_tenant_is_gone_with_everything_in_it(self, store: Store) -> None:
        """Reads and writes find no such tenant; made anew, it is empty; others are left alone."""
        await store.add(" urn:ngsi-ld:Snapshot:1")
        for tenant in ("gone", "stays", " urn:ngsi-ld:Snapshot:1"):
            await put(store, entity(1), tenant=tenant)
            assert await store.read(tenant, lambda snapshot: snapshot.get_entity("urn:ngsi-ld:E:001"), dear=True)
        late = asyncio.ensure_future(put(store, entity(2), tenant="gone"))
        await asyncio.sleep(0)
        await store.remove("gone")
        await store.remove(" urn:ngsi-ld:Snapshot:1")
        assert await store.tenants() == [None, "stays"]
        await late
        for dear in (False, True):
            with pytest.raises(NonexistentTenant):
                await store.read("gone", lambda snapshot: snapshot.get_entity("urn:ngsi-ld:E:001"), dear=dear)
        with pytest.raises(NonexistentTenant):
            await store.write("gone", lambda transaction: transaction.put_entity(entity(3)))
        with pytest.raises(NonexistentTenant):
            await store.remove("gone")
        with pytest.raises(NonexistentTenant):  # writing does not bring a Snapshot back
            await put(store, entity(3), tenant=" urn:ngsi-ld:Snapshot:1")
        await put(store, entity(4), tenant="gone")
        for dear in (False, True):
            found = await store.read("gone", lambda snapshot: snapshot.query_entities(EntityQuery()), dear=dear)
            assert [one["id"] for one in found.entities] == ["urn:ngsi-ld:E:004"]
        assert await store.read("stays", lambda snapshot: snapshot.get_entity("urn:ngsi-ld:E:001"))
