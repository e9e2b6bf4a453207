"""How the twin's parts wait for their broker: until it answers, or with the reason why it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from ldt_stack.ngsi_ld_client import BrokerUnavailableError, NgsiLdClient


def wait(answer: Callable[[httpx.Request], httpx.Response], seconds: float) -> None:
    async def waiting() -> None:
        async with NgsiLdClient("http://broker.test", transport=httpx.MockTransport(answer)) as client:
            await client.wait_until_answering(seconds)

    asyncio.run(waiting())


def _refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused", request=request)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(_refuses, "Connection refused"), (lambda _: httpx.Response(503, text="starting up"), "503: starting up")],
    ids=["refused", "503"],
)
def test_the_last_try_is_told_when_time_is_up(answer: Callable[[httpx.Request], httpx.Response], said: str) -> None:
    """At the deadline the error says what the last try came to, be it no connection or an answer in vain."""
    with pytest.raises(BrokerUnavailableError, match=said):
        wait(answer, 0.0)


def test_it_goes_on_as_soon_as_the_broker_answers() -> None:
    """A refused connection and a 503 are waited out; any answer of an NGSI-LD API ends the wait."""
    answers = [_refuses, lambda _: httpx.Response(503), lambda _: httpx.Response(200, json=[])]
    wait(lambda request: answers.pop(0)(request), 30.0)
    assert answers == []
