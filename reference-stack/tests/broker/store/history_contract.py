"""What any store must do with history: a test class to subclass, as `store_contract`."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.store.data import HistoryRow, TemporalQuery
from ldt_stack.broker.store.interface import Store, Transaction

from .store_contract import AT, BUS, CAR, NAME, SPEED, entity, instance, put


@pytest.mark.anyio
class HistoryContract:
    """Subclass it; every test gets a fresh, empty `store`."""

    async def test_history(self, store: Store) -> None:
        """Instances come back by the interval asked for; one can be replaced, or deleted, by its instanceId."""

        def work(transaction: Transaction) -> None:
            transaction.put_temporal_head({"id": "urn:e", "type": [CAR], "createdAt": AT, "modifiedAt": AT})
            rows = [instance(n, f"2026-01-0{n}T00:00:00Z") for n in range(1, 6)]
            transaction.append_history([HistoryRow("urn:e", SPEED, one) for one in rows])

        await store.write(None, work)
        query = TemporalQuery(
            timerel="between", time_at="2026-01-02T00:00:00.000000Z", end_time_at="2026-01-04T00:00:00.000000Z"
        )
        assert sorted(await self._values(store, query)) == [2, 3]
        assert sorted(await self._values(store, TemporalQuery())) == [1, 2, 3, 4, 5]
        changed = {**instance(3, "2026-01-03T00:00:00Z"), "value": 33}
        assert await store.write(None, lambda t: t.replace_history(HistoryRow("urn:e", SPEED, changed))) is True
        assert await store.write(None, lambda t: t.delete_history("urn:e", SPEED, "urn:i:5")) == 1
        assert sorted(await self._values(store, TemporalQuery())) == [1, 2, 4, 33]
        assert await store.read(None, lambda s: s.get_history_row("urn:e", SPEED, "urn:i:3")) == changed

    async def test_an_evolution_that_was_made_anew_is_found(self, store: Store) -> None:
        """What a read knew of the one before is not used by the next."""

        def made(identifier: str) -> Any:
            def work(transaction: Transaction) -> None:
                transaction.put_temporal_head({"id": identifier, "type": [CAR], "createdAt": AT, "modifiedAt": AT})
                transaction.append_history([HistoryRow(identifier, SPEED, instance(1))])

            return store.write(None, work)

        for identifier in ("urn:e", "urn:f"):
            await made(identifier)
        assert await store.read(None, lambda s: s.get_history_row("urn:e", SPEED, "urn:i:1")) == instance(1)
        await store.write(None, lambda t: t.delete_history("urn:e"))
        await made("urn:e")
        assert await store.read(None, lambda s: s.get_history_row("urn:e", SPEED, "urn:i:1")) == instance(1)

    async def test_instances_that_were_written_together(self, store: Store) -> None:
        """Each has an id of its own, by which it can be found, replaced and deleted; the others stay as they are."""
        one, observed = entity(1), "2026-01-02T00:00:00Z"
        given = [
            (SPEED, {"type": "Property", "value": 1, "observedAt": observed}),
            (NAME, {"type": "Property", "value": "a", "observedAt": observed}),
            (NAME, {"type": "Property", "value": "b", "observedAt": observed, "datasetId": "urn:d"}),
            ("https://example.org/nested", {"type": "Property", "value": {"x": 1, "observedAt": observed}}),
            ("https://example.org/deep", {"type": "Property", "value": {"x": 1, "observedAt": observed}}),
        ]
        given[4][1]["observedAt"] = observed
        await store.write(None, lambda t: t.append_instances(one, given), create=True)

        async def held() -> dict[str, list[dict[str, Any]]]:
            found = await store.read(None, lambda s: s.get_temporal(one["id"], TemporalQuery()))
            assert found is not None
            assert found.head == {name: one[name] for name in ("id", "type", "createdAt", "modifiedAt")}
            return found.attributes

        kept = await held()
        bare = [
            (name, {key: value for key, value in i.items() if key not in {"createdAt", "modifiedAt", "instanceId"}})
            for name, instances in kept.items()
            for i in instances
        ]
        assert sorted(bare, key=str) == sorted(given, key=str)
        assert {(i["createdAt"], i["modifiedAt"]) for instances in kept.values() for i in instances} == {(AT, AT)}
        assert len({i["instanceId"] for instances in kept.values() for i in instances}) == 5
        for name, instances in kept.items():
            for i in instances:
                assert (
                    await store.read(None, lambda s, n=name, i=i: s.get_history_row(one["id"], n, i["instanceId"])) == i
                )  # type: ignore[misc]
        missing = kept[SPEED][0]["instanceId"]
        assert await store.read(None, lambda s: s.get_history_row(one["id"], NAME, missing)) is None

        changed = {**kept[NAME][0], "value": "c", "modifiedAt": "2026-02-01T00:00:00.000000Z"}
        assert await store.write(None, lambda t: t.replace_history(HistoryRow(one["id"], NAME, changed))) is True
        assert await held() == {**kept, NAME: [changed, kept[NAME][1]]}
        assert (
            await store.write(None, lambda t: t.delete_history(one["id"], NAME, dataset_id="urn:d", any_dataset=False))
            == 1
        )
        assert await held() == {**kept, NAME: [changed]}
        assert await store.write(None, lambda t: t.delete_history(one["id"], SPEED)) == 1
        assert await held() == {**{name: i for name, i in kept.items() if name != SPEED}, NAME: [changed]}
        assert await store.write(None, lambda t: t.delete_history(one["id"])) == 3
        assert await store.read(None, lambda s: s.get_temporal(one["id"], TemporalQuery())) is None

    async def test_the_head_of_an_entity_that_exists_was_modified_with_it(self, store: Store) -> None:
        """The later modifiedAt of state and evolution counts; when the Entity is gone, what was put last."""
        later = "2026-03-01T00:00:00.000000Z"
        await put(store, entity(1))
        await store.write(None, lambda t: t.append_instances(entity(1), [(SPEED, entity(1)[SPEED][0])]))

        async def modified_at() -> str:
            found = await store.read(None, lambda s: s.get_temporal(entity(1)["id"], TemporalQuery()))
            assert found is not None
            return str(found.head["modifiedAt"])

        assert await modified_at() == AT
        await put(store, {**entity(1), "modifiedAt": later})
        assert await modified_at() == later
        await store.write(None, lambda t: t.delete_entity(entity(1)["id"]))
        assert await modified_at() == AT

    async def test_history_keeps_types(self, store: Store) -> None:
        """The head of a temporal evolution unites the types that it was ever given."""
        for kind in (CAR, BUS):
            head = {"id": "urn:e", "type": [kind], "createdAt": AT, "modifiedAt": AT}
            await store.write(None, lambda t, h=head: t.put_temporal_head(h))  # type: ignore[misc]  # as above
        found = await store.read(None, lambda s: s.get_temporal("urn:e", TemporalQuery()))
        assert found is not None
        assert found.head["type"] == [CAR, BUS]

    async def _values(self, store: Store, query: TemporalQuery) -> list[int]:
        found = await store.read(None, lambda s: s.get_temporal("urn:e", query))
        assert found is not None
        return [one["value"] for one in found.attributes.get(SPEED, [])]
