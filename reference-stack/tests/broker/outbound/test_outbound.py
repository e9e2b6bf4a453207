"""What the broker sends of its own accord: addresses, and limits of time, size and redirects (5.5.6, 5.8.6)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.logs import REQUEST_ID
from ldt_stack.broker.outbound import AddressPolicy, Outbound, OutboundError
from ldt_stack.broker.outbound.client import parse_url

from ..subscriptions.certificates import certificate

pytestmark = pytest.mark.anyio

PUBLIC = AddressPolicy.parse(["public"])
NOTHING_PUBLIC = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
    "::/96", "100::/64", "64:ff9b:1::/48", "2001::/32", "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
SOMEWHERE = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "151.101.1.195", "2606:4700::6810:84e5", "2a00:1450:4001::8a"]

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)


@st.composite
def special(draw: st.DrawFn) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address of one of the ranges that are not the public internet."""
    return draw(st.ip_addresses(network=draw(st.sampled_from(NOTHING_PUBLIC))))


@given(special())
def test_no_special_address_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Private, loopback, link-local, multicast, reserved, documentation: "public" refuses them all."""
    assert not PUBLIC.allows(str(address))


@pytest.mark.parametrize("address", SOMEWHERE)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Hosts of the public internet are let through."""
    assert PUBLIC.allows(address)


@given(v4)
def test_an_ipv6_address_that_stands_for_an_ipv4_address_is_judged_as_that_one(address: ipaddress.IPv4Address) -> None:
    """IPv4-mapped and NAT64 addresses hide no private address, and make no public one private."""
    mapped, nat64 = f"::ffff:{address}", ipaddress.IPv6Address(int(ipaddress.ip_address("64:ff9b::")) | int(address))
    assert PUBLIC.allows(mapped) == PUBLIC.allows(str(nat64)) == PUBLIC.allows(str(address))
    listed = AddressPolicy.parse([f"{address}/32"])
    assert listed.allows(mapped)
    assert listed.allows(str(address))


@given(v4 | v6, st.integers(0, 32))
def test_a_listed_network_allows_its_own_addresses_alone(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, host_bits: int
) -> None:
    """An address is allowed if and only if a listed network has it."""
    network = ipaddress.ip_network((address, address.max_prefixlen - host_bits), strict=False)
    policy = AddressPolicy.parse([str(network)])
    assert policy.allows(str(network[0]))
    assert policy.allows(str(network[-1]))
    outside = int(network[-1]) + 1
    if outside < 2**address.max_prefixlen:
        neighbour = type(address)(outside)
        mapped = getattr(neighbour, "ipv4_mapped", None)
        assert not policy.allows(str(neighbour)) or mapped is not None


@given(v4 | v6)
def test_any_allows_all_and_an_empty_list_none(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """The two ends of the scale."""
    assert AddressPolicy.parse(["any"]).allows(str(address))
    assert not AddressPolicy.parse([]).allows(str(address))


def test_what_is_allowed_is_a_union() -> None:
    """Public addresses and one network of ours; a zone does not matter."""
    policy = AddressPolicy.parse(["public", "10.1.0.0/16", "fe80::/64"])
    assert policy.allows("8.8.8.8")
    assert policy.allows("10.1.2.3")
    assert not policy.allows("10.2.0.1")
    assert policy.allows("fe80::1%eth0")
    assert not PUBLIC.allows("fe80::1%eth0")


@pytest.mark.parametrize("wrong", ["private", "10.0.0.1/8", "example.org", "10.0.0.0/33"])
def test_what_is_no_network_is_refused_with_an_example(wrong: str) -> None:
    """The message names what was wrong and what would be right."""
    with pytest.raises(ValueError, match=r"Expected .*10\.1\.0\.0/16"):
        AddressPolicy.parse([wrong])


@pytest.mark.parametrize(
    "url",
    ["", "x", "//host/", "ftp://host/", "http://", "http:///x", "http://a:b", "http://[::1", "mqtt://h", "http://h:0/"],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    """An error that says so, before anything is resolved."""
    with pytest.raises(OutboundError) as caught:
        parse_url(url)
    assert caught.value.reason == "url"


# Over sockets

Handle = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def server(answer: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers each request by what `answer` makes of its head; gives the port, and the heads that came."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                writer.write(await answer(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1], heads
    finally:
        listener.close()


def ok(body: bytes = b"{}", status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body)


async def say_ok(_head: bytes) -> bytes:
    return ok()


@asynccontextmanager
async def outbound(*allowed: str, addresses: list[list[str]] | None = None) -> AsyncIterator[Outbound]:
    """With a policy; `addresses` is what each look-up of a name answers, one after the other."""
    answers = iter(addresses or [])

    async def look_up(_host: str, _port: int) -> list[str]:
        return next(answers)

    policy = AddressPolicy.parse(allowed)
    made = Outbound(policy) if addresses is None else Outbound(policy, look_up)
    try:
        yield made
    finally:
        await made.close()


async def refused(client: Outbound, url: str, reason: str, **limits: int) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        await client.request("GET", url, timeout_seconds=10, max_bytes=limits.pop("max_bytes", 1000), **limits)
    assert caught.value.reason == reason, caught.value.detail
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"])
async def test_no_spelling_of_a_loopback_address_is_connected_to(host: str) -> None:
    """Names, numbers and mapped addresses are judged as what they are resolved to."""
    async with server(say_ok) as (port, heads), outbound("public") as client:
        await refused(client, f"http://{host}:{port}/", "address")
    assert heads == []


async def test_a_name_is_looked_up_once_and_its_judged_address_connected_to() -> None:
    """A name server that says something else the second time (DNS rebinding) gains nothing."""
    async with (
        server(say_ok) as (port, heads),
        outbound("127.0.0.2", addresses=[["127.0.0.2"], ["127.0.0.1"]]) as client,
    ):
        await refused(client, f"http://twin.example:{port}/", "unreachable")  # nobody listens at 127.0.0.2
        await refused(client, f"http://twin.example:{port}/", "address")
    assert heads == []


async def test_of_several_addresses_an_allowed_one_is_taken() -> None:
    """Forbidden addresses of a name are passed over, dead ones likewise."""
    listed = [["10.0.0.1", "127.0.0.2", "127.0.0.1"]]
    async with server(say_ok) as (port, heads), outbound("127.0.0.0/8", addresses=listed) as client:
        answer = await client.request("GET", f"http://twin.example:{port}/x?y=1", timeout_seconds=10, max_bytes=10)
    assert (answer.status, answer.body) == (200, b"{}")
    assert heads[0].startswith(b"GET /x?y=1 HTTP/1.1\r\nHost: twin.example:%d\r\n" % port)


async def test_a_redirect_to_a_forbidden_address_is_not_followed() -> None:
    """Each hop is judged; credentials do not leave the origin."""

    async def redirect(head: bytes) -> bytes:
        target = b"http://10.0.0.1/" if b"/out" in head else b"/there"
        return ok(status=b"302 Found", extra=b"Location: %s\r\n" % target) if b"/there" not in head else ok(b"[1]")

    async with server(redirect) as (port, _), outbound("127.0.0.1") as client:
        await refused(client, f"http://127.0.0.1:{port}/out", "address", max_redirects=3)
        followed = await client.request(
            "GET", f"http://127.0.0.1:{port}/in", timeout_seconds=10, max_bytes=10, max_redirects=1
        )
        not_followed = await client.request("GET", f"http://127.0.0.1:{port}/in", timeout_seconds=10, max_bytes=10)
    assert (followed.status, followed.body, followed.url) == (200, b"[1]", f"http://127.0.0.1:{port}/there")
    assert (not_followed.status, not_followed.headers["location"]) == (302, "/there")


async def test_headers_do_not_follow_to_another_origin() -> None:
    """After a redirect elsewhere only Accept and User-Agent are sent."""
    async with server(say_ok) as (there, heads):

        async def redirect(_head: bytes) -> bytes:
            return ok(status=b"307 Elsewhere", extra=b"Location: http://127.0.0.1:%d/\r\n" % there)

        async with server(redirect) as (here, first), outbound("any") as client:
            await client.request(
                "GET",
                f"http://user:pass@127.0.0.1:{here}/",
                headers={"Accept": "a/b", "X-Key": "secret"},
                timeout_seconds=10,
                max_bytes=10,
                max_redirects=2,
            )
    assert b"X-Key: secret" in first[0]
    assert b"Authorization: Basic dXNlcjpwYXNz" in first[0]
    assert b"Accept: a/b" in heads[0]
    assert b"secret" not in heads[0]
    assert b"Authorization" not in heads[0]


async def test_endless_redirects_large_and_late_answers_are_errors() -> None:
    """Redirects, size and time each have a limit and an error of their own."""

    async def answer(head: bytes) -> bytes:
        if b"/loop" in head:
            return ok(status=b"301 Again", extra=b"Location: /loop\r\n")
        if b"/late" in head:
            await asyncio.Event().wait()
        return ok(b"x" * 1001)

    async with server(answer) as (port, heads), outbound("any") as client:
        base = f"http://127.0.0.1:{port}"
        await refused(client, f"{base}/loop", "redirects", max_redirects=4)
        assert len(heads) == 5
        await refused(client, f"{base}/large", "size")
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", f"{base}/late", timeout_seconds=0.05, max_bytes=10)
        assert caught.value.reason == "timeout"
        assert "0.05 s" in caught.value.detail


async def test_what_does_not_answer_http_is_unreachable() -> None:
    """Refused connections, names without address and answers that are no HTTP."""

    async def nonsense(_head: bytes) -> bytes:
        return b"SSH-2.0-OpenSSH\r\n\r\n"

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with outbound("any") as client:
            await refused(client, f"http://127.0.0.1:{taken.getsockname()[1]}/", "unreachable")
            await refused(client, "http://name.invalid/", "unreachable")
            async with server(nonsense) as (port, _):
                await refused(client, f"http://127.0.0.1:{port}/", "unreachable")


async def test_a_header_cannot_smuggle_another_one() -> None:
    """Line breaks in a value are an error; nothing is sent."""
    async with server(say_ok) as (port, heads), outbound("any") as client:
        with pytest.raises(OutboundError):
            await client.request(
                "POST", f"http://127.0.0.1:{port}/", headers={"X": "a\r\nY: b"}, timeout_seconds=10, max_bytes=10
            )
    assert heads == []


async def test_connections_are_used_again() -> None:
    """The second request to a host needs no new connection, also where the body is not wanted."""
    async with server(say_ok) as (port, heads), outbound("any", addresses=[["127.0.0.1"]]) as client:
        for _ in range(3):  # a second look-up would fail
            await client.request("POST", f"http://twin.example:{port}/", timeout_seconds=10, max_bytes=None)
    assert len(heads) == 3


async def test_addresses_for_other_protocols_are_all_allowed_or_none_is_used() -> None:
    """What connects by itself is given a host only if every address of it is allowed."""
    async with outbound("127.0.0.0/8", addresses=[["127.0.0.1", "127.0.0.9"], ["127.0.0.1", "10.0.0.1"]]) as client:
        assert await client.addresses("a.example", 1883) == ["127.0.0.1", "127.0.0.9"]
        with pytest.raises(OutboundError) as caught:
            await client.addresses("a.example", 1883)
    assert caught.value.reason == "address"
    assert "10.0.0.1" not in caught.value.detail


async def test_https_is_checked_against_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is made to an address that was looked up; the certificate must be for the name in the URL."""
    made, key = await asyncio.to_thread(certificate, tmp_path, "twin.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)

    async with server(say_ok, tls=tls) as (port, heads), outbound("127.0.0.1", addresses=[["127.0.0.1"]] * 2) as client:
        answer = await client.request("GET", f"https://twin.example:{port}/", timeout_seconds=10, max_bytes=10)
        error = await refused(client, f"https://other.example:{port}/", "unreachable")
    assert answer.status == 200
    assert names == ["twin.example", "other.example"]
    assert len(heads) == 1
    assert "certificate" in error.detail.lower()


async def test_the_request_id_goes_along() -> None:
    """What is asked of others while a request is answered carries its X-Request-ID; outside of one there is none."""

    async def ask(client: Outbound, port: int, identifier: str) -> None:
        REQUEST_ID.set(identifier)
        await client.request("GET", f"http://127.0.0.1:{port}/", timeout_seconds=10, max_bytes=10)

    async with server(say_ok) as (port, heads), outbound("any") as client:
        for identifier in ("my-id", ""):
            await asyncio.create_task(ask(client, port, identifier))
    assert b"\r\nX-Request-ID: my-id\r\n" in heads[0]
    assert b"X-Request-ID" not in heads[1]
