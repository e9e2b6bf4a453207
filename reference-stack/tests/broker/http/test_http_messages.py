"""Requests as resource modules see them: what is read out of an ASGI scope."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ldt_stack.broker.http.messages import ClientDisconnectedError, Request, parse_query_string

pytestmark = pytest.mark.anyio


def _request(headers: list[tuple[bytes, bytes]], *messages: dict[str, Any]) -> Request:
    sent = iter(messages)

    async def receive() -> Any:
        return next(sent)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    return Request(None, None, scope, receive)  # type: ignore[arg-type]  # neither is asked


@given(st.text("ab&=+%;?#/2é\xff", max_size=30).map(lambda text: text.encode("latin-1")))
@example(b"q=a%3D%3D1&limit=%E2%82%AC+%ff&&=&x")
def test_a_query_string_is_read_as_the_standard_library_reads_it(query_string: bytes) -> None:
    """Blank values count, empty fields do not; escapes are UTF-8, and "+" is a blank."""
    expected = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    assert list(parse_query_string(query_string)) == expected


async def test_of_repeated_headers_the_first_is_taken_and_all_are_there() -> None:
    """In their order; of a name that is not there, none."""
    request = _request([(b"link", b"one"), (b"via", b"x"), (b"link", b"two")])
    assert request.headers["link"] == "one"
    assert request.header_values("link") == ["one", "two"]
    assert request.header_values("accept") == []


async def test_a_body_in_parts_is_put_together() -> None:
    """As the server hands them on."""
    parts = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"c"}]
    assert await _request([], *parts).body() == b"abc"


async def test_a_client_that_goes_away_has_sent_no_body() -> None:
    """What came of it is no payload."""
    parts = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.disconnect"}]
    with pytest.raises(ClientDisconnectedError):
        await _request([], *parts).body()
