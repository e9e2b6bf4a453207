"""Object storage: our S3 client against a real SeaweedFS."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.objects.s3 import Credentials, ObjectStoreError, S3Client, canonical_query, sign
from ldt_stack.objects.seaweed import (
    BUCKETS,
    SOCKET_DIRECTORY,
    ObjectServer,
    is_ready,
    new_credentials,
    object_server,
)
from ldt_stack.supervisor.children import Child, stop_all
from ldt_stack.supervisor.ports import free_ports


@dataclass(frozen=True)
class Store:
    server: ObjectServer
    credentials: Credentials
    child: Child

    def client(self) -> S3Client:
        return S3Client(self.server.url, self.credentials)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    directory, credentials = tmp_path_factory.mktemp("objects"), new_credentials()
    server = object_server(directory / "data", credentials, free_ports, free_ports(1)[0])
    assert server is not None
    child = Child("objects", server.command, server.environment, directory / "objects.log")
    child.start()
    deadline = time.monotonic() + 30
    while not is_ready(server, credentials):
        assert child.running(), child.log_tail()
        assert time.monotonic() < deadline, child.log_tail()
        time.sleep(0.05)
    yield Store(server, credentials, child)
    stop_all([child])
    for path in server.leftovers:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("key", ["a.txt", "folder/b c.json", "Töölö/+&=%.bin", "quote'and\"both"])
@pytest.mark.seaweedfs
def test_round_trip(store: Store, key: str) -> None:
    """What was put comes back byte for byte, also under keys that must be encoded."""
    body = bytes(range(256)) * 8
    with store.client() as client:
        client.put("models", key, body, "application/octet-stream")
        assert client.get("models", key) == body
        assert key in client.keys("models")


@pytest.mark.seaweedfs
def test_missing_object_is_none(store: Store) -> None:
    """A key that is not there is no error."""
    with store.client() as client:
        assert client.get("models", "nowhere") is None


@pytest.mark.seaweedfs
def test_listing_follows_pages(store: Store) -> None:
    """More keys than fit into one answer are all listed."""
    with store.client() as client:
        client.ensure_bucket("many")
        for number in range(1005):
            client.put("many", f"k/{number:04}", b"", "text/plain")
        assert client.keys("many", "k/") == [f"k/{number:04}" for number in range(1005)]


@pytest.mark.seaweedfs
def test_buckets_are_there(store: Store) -> None:
    """The buckets of the twin were made at the start, and making them again is no error."""
    with store.client() as client:
        for bucket in BUCKETS:
            client.ensure_bucket(bucket)
            client.keys(bucket)


@pytest.mark.seaweedfs
def test_wrong_key_is_refused(store: Store) -> None:
    """A request that was signed with another secret is refused, and so is one without any."""
    wrong = Credentials(store.credentials.access_key, "not-the-secret")
    with S3Client(store.server.url, wrong) as client, pytest.raises(ObjectStoreError, match="answered 403"):
        client.keys("models")
    assert httpx.get(f"{store.server.url}/models", trust_env=False).status_code == 403


@pytest.mark.seaweedfs
def test_only_loopback_is_listened_on(store: Store) -> None:
    """No port of the store can be reached from another machine, and none is a well-known one."""
    assert store.child.pid is not None
    listening = [c for c in psutil.Process(store.child.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert listening
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    assert not {8333, 8888, 9333, 8080, 8181, 9101, 23646} & {connection.laddr.port for connection in listening}


def test_silence_is_told_in_words() -> None:
    """A store that does not answer gives a sentence with its address."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with S3Client(url, Credentials("a", "b")) as client, pytest.raises(ObjectStoreError, match="Is it up"):
        client.keys("models")


def test_secret_is_not_shown() -> None:
    """The repr of credentials does not give the secret away."""
    assert "hidden" not in repr(Credentials("public", "hidden"))


def test_signature_of_the_documentation() -> None:
    """The signature is the one of AWS's own example for GET with a query (list with max-keys and prefix)."""
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    moment = datetime(2013, 5, 24, tzinfo=UTC)
    query = {"prefix": "J", "max-keys": "2"}
    headers = sign(credentials, "GET", "examplebucket.s3.amazonaws.com", "/", query, b"", moment)
    assert headers["authorization"].endswith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=4))
def test_canonical_query_is_what_is_sent(query: dict[str, str]) -> None:
    """The query that is signed is read back by a server as the one that was meant."""
    url = httpx.URL(f"http://x/?{canonical_query(query)}")
    assert dict(url.params) == query


@pytest.mark.seaweedfs
def test_no_socket_is_left_behind(store: Store) -> None:
    """What weed puts outside its directory is known, so that it can be removed."""
    left = {path for path in SOCKET_DIRECTORY.glob("seaweedfs-*.sock") if _listens(path)}
    ours = {port for option in store.server.command if (port := option.rpartition("=")[2]).isdigit()}
    assert {path for path in left if path.stem.rpartition("-")[2] in ours} <= set(store.server.leftovers)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
