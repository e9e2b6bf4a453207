"""The receiver: notifications and @contexts over one port."""

import http.client
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from ldt_conformance.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def test_each_inbox_gets_its_own_requests_alone(receiver: Receiver):
    """Two paths never see each other's requests, and an unknown path is 404 and kept as a stray."""
    one, two = receiver.inbox(), receiver.inbox()
    assert httpx.post(one.url, json={"n": 1}).status_code == 200
    assert httpx.post(f"{receiver.base_url}/elsewhere", json={}).status_code == 404
    assert [request.json() for request in one.received()] == [{"n": 1}]
    assert two.received() == []
    assert [request.path for request in receiver.strays] == ["/elsewhere"]
    assert receiver.requests_seen == 2


def test_a_request_that_comes_later_is_waited_for(receiver: Receiver):
    """Waiting ends as soon as a request fits, passes over the ones before, and gives up at its deadline."""
    inbox = receiver.inbox()
    httpx.post(inbox.url, json={"n": 1})
    sender = threading.Timer(0.05, lambda: httpx.post(inbox.url, json={"n": 2}))
    sender.start()
    found = inbox.wait_for(lambda request: True, 10, after=1)
    sender.join()
    assert found is not None
    assert found.json() == {"n": 2}
    assert inbox.wait_for(lambda request: request.json() == {"n": 3}, 0.01) is None


def test_where_nothing_is_sent_nobody_is_waited_for():
    """In a plan a wait ends at once with what is there, and the target counts as able to reach us."""
    with Receiver(is_planned=True) as receiver:
        started = time.monotonic()
        assert receiver.inbox().wait_for(lambda _: True, 60) is None
        assert time.monotonic() - started < 30
        assert receiver.reached is True


def test_status_and_headers_are_as_wanted(receiver: Receiver):
    """An inbox can fail on purpose; headers and media type of a request are kept."""
    inbox = receiver.inbox()
    inbox.respond(503)
    answer = httpx.post(inbox.url, content=b"{}", headers={"Content-Type": "application/ld+json; a=b", "X-A": "1"})
    assert answer.status_code == 503
    (request,) = inbox.received()
    assert (request.media_type, request.headers["x-a"]) == ("application/ld+json", "1")


def test_contexts_are_served_as_json_ld_and_counted(receiver: Receiver):
    """A served @context comes with JSON-LD's media type, and each fetch is in the log."""
    served = receiver.serve_context({"speed": "https://example.org/speed"})
    for _ in range(2):
        answer = httpx.get(served.url)
        assert answer.headers["content-type"] == "application/ld+json"
        assert answer.json() == {"@context": {"speed": "https://example.org/speed"}}
    assert len(served.received()) == 2
    assert httpx.get(receiver.serve_context({}, status=404).url).status_code == 404


def test_chunked_bodies_are_read(receiver: Receiver):
    """A notification without Content-Length, in chunks, arrives whole."""
    inbox = receiver.inbox()
    connection = http.client.HTTPConnection(urlsplit(inbox.url).netloc, timeout=10)
    connection.request("POST", urlsplit(inbox.url).path, body=iter([b'{"a"', b": 1}"]), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert inbox.received()[0].json() == {"a": 1}


def test_a_caller_that_hangs_up_breaks_nothing(receiver: Receiver):
    """Half a request leaves the receiver working, and a body that is no JSON reads as None."""
    inbox = receiver.inbox()
    connection = http.client.HTTPConnection(urlsplit(inbox.url).netloc, timeout=10)
    connection.putrequest("POST", urlsplit(inbox.url).path)
    connection.close()
    httpx.post(inbox.url, content=b"no json")
    assert inbox.received()[-1].json() is None


def test_the_public_host_is_what_is_advertised():
    """With a public host the advertised address names it, and IPv6 addresses are bracketed."""
    for host, shown in (("harness.example", "harness.example"), ("fd00::1", "[fd00::1]")):
        with Receiver(host) as receiver:
            assert urlsplit(receiver.inbox().url).netloc.rpartition(":")[0] == shown
