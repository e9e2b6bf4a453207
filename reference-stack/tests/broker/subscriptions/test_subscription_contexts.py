"""A Subscription goes on with its @context where that cannot be had: ETSI GS CIM 009 V1.9.1, 5.8.1.4 and 5.8.6."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ldt_stack.broker.store.data import DocumentKind

from ..api import refused, send
from ..contexts.server import ContextServer, link
from .delivery import CAR

pytestmark = pytest.mark.anyio
EXAMPLE = "https://example.org/"
NAMES = {"Car": EXAMPLE + "Car", "speed": EXAMPLE + "speed"}


async def subscribed(running: Any, receiver: Any, context_url: str) -> str:
    """A Subscription whose every member has names of a @context elsewhere; its path."""
    location: str = await running.subscribe(
        receiver.url(), watchedAttributes=["speed"], q="speed>0", headers={"Link": link(context_url)}
    )
    return location.removeprefix("/ngsi-ld/v1")


async def drive(running: Any, speed: int) -> None:
    entity = {"id": f"{CAR}:{speed}", "type": EXAMPLE + "Car", EXAMPLE + "speed": speed}
    await send(running.client, "POST", "/entities", entity, 201)


def driven(received: list[Any]) -> list[Any]:
    return [one.body["data"][0]["speed"]["value"] for one in received]


async def test_a_restart_needs_no_context_from_elsewhere(
    start_broker: Any, receiver: Any, contexts: ContextServer, tmp_path: Path
) -> None:
    """Its origin being away, changes are noticed and told as before; a request that names it is refused (5.5.6)."""
    url = contexts.serve("/cars", [{"Car": NAMES["Car"]}, contexts.serve("/more", {"speed": NAMES["speed"]})])
    async with start_broker(data_dir=tmp_path) as running:
        await subscribed(running, receiver, url)
        await drive(running, 1)
        await receiver.wait(1)

    contexts.documents.clear()
    hits = len(contexts.hits)
    for speed in (2, 3):
        async with start_broker(data_dir=tmp_path) as running:
            assert len(contexts.hits) == hits
            await drive(running, speed)
            assert driven(await receiver.wait(speed))[-1] == speed

    async with start_broker(data_dir=tmp_path) as running:
        car = {"id": CAR, "type": "Car"}
        await refused(running.client, "POST", "/entities", car, 504, "LdContextNotAvailable", link=link(url))


@pytest.mark.parametrize("fragment", [{"isActive": False}, {"description": "x"}, {"jsonldContext": "urn:ngsi-ld:null"}])
async def test_it_can_be_updated_without(
    start_broker: Any, receiver: Any, contexts: ContextServer, tmp_path: Path, fragment: dict[str, Any]
) -> None:
    """An update that does not name the @context does not need it; it was refused with 504, also to pause it."""
    async with start_broker(data_dir=tmp_path) as running:
        path = await subscribed(running, receiver, contexts.serve("/cars", NAMES))
    contexts.documents.clear()
    async with start_broker(data_dir=tmp_path) as running:
        await send(running.client, "PATCH", path, fragment, 204)


async def test_a_hosted_context_that_was_deleted_stays_with_it(running: Any, receiver: Any) -> None:
    """5.13.5.4 removes it from what is served; the Subscription was made with it."""
    added = await send(running.client, "POST", "/jsonldContexts", {"@context": NAMES}, 201)
    local = added.headers["location"].removeprefix("/ngsi-ld/v1")
    path = await subscribed(running, receiver, f"http://broker.test/ngsi-ld/v1{local}")
    await send(running.client, "DELETE", local, None, 204)
    await send(running.client, "PATCH", path, {"description": "x"}, 204)
    await drive(running, 1)
    assert driven(await receiver.wait(1)) == [1]


async def test_names_of_an_update_are_those_of_its_request(
    running: Any, receiver: Any, contexts: ContextServer
) -> None:
    """ "Term to URI expansion" (5.8.2.4) by the @context as it is now, whatever copy the Subscription has."""
    path = await subscribed(running, receiver, contexts.serve("/cars", NAMES, Cache_Control="no-store"))
    url = contexts.serve("/cars", {**NAMES, "speed": EXAMPLE + "tempo"}, Cache_Control="no-store")
    fragment = {"q": "speed>5", "watchedAttributes": ["speed"]}
    await send(running.client, "PATCH", path, fragment, 204, link=link(url))
    await drive(running, 6)
    entity = {"id": CAR, "type": EXAMPLE + "Car", EXAMPLE + "tempo": 7}
    await send(running.client, "POST", "/entities", entity, 201)
    (received,) = await receiver.wait(1)
    assert received.body["data"][0]["id"] == CAR


async def test_copies_go_when_nothing_needs_them(
    start_broker: Any, receiver: Any, contexts: ContextServer, tmp_path: Path
) -> None:
    """Of a Subscription that was deleted nothing stays behind the next start."""
    kept = []
    async with start_broker(data_dir=tmp_path) as running:
        path = await subscribed(running, receiver, contexts.serve("/cars", NAMES))
        await subscribed(running, receiver, contexts.serve("/others", NAMES))
        await send(running.client, "DELETE", path, None, 204)
    for _ in range(2):
        async with start_broker(data_dir=tmp_path) as running:
            kept.append(
                await running.broker.store.read(
                    None, lambda snapshot: [one["id"] for one in snapshot.list_documents(DocumentKind.CONTEXT_COPY)]
                )
            )
    assert kept == [[contexts.url + "/others"]] * 2
