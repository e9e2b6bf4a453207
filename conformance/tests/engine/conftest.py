"""Fakes as fixtures, and an open session against one of them."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from ldt_conformance.engine.run.session import Options, Session

from .fakes import FakeBroker, FakeProvider

OpenSession = Callable[..., Session]


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    fake = FakeBroker()
    yield fake
    fake.close()


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def tls_broker(server_tls: ssl.SSLContext) -> Iterator[FakeBroker]:
    fake = FakeBroker(tls=server_tls)
    yield fake
    fake.close()


@pytest.fixture
def write_site(tmp_path: Path) -> Callable[..., Path]:
    """Writes a site file; keyword arguments are endpoints, or whole sections with `sections=`."""

    def write(sections: dict[str, object] | None = None, **endpoints: object) -> Path:
        document = {"site": {"name": "Test twin"}, "endpoints": endpoints} | (sections or {})
        path = tmp_path / "ldt.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def open_session(tmp_path: Path, write_site: Callable[..., Path]) -> Iterator[OpenSession]:
    """Opens a session in sandbox-write mode; keyword arguments as for `write_site`."""
    opened: list[Session] = []

    def start(*, mode: str | None = "sandbox-write", plan: bool = False, **arguments: object) -> Session:
        options = Options(site=str(write_site(**arguments)), mode=mode, out=str(tmp_path / "out"), plan=plan)
        session = Session.open(options)
        opened.append(session)
        return session

    yield start
    for session in opened:
        session.close()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, here and in children, also in the background of a shell, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
