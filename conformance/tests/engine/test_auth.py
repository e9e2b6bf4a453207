"""Every kind of authentication against a target that insists on it, tokens that end, TLS, proxy and path prefix."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from ldt_conformance.engine.transport.aws_sigv4 import S3Signature
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason

from .conftest import OpenSession
from .fakes import Answer, FakeBroker, FakeProvider, Seen, Served

TYPES = "/types"


def status(open_session: OpenSession, **broker: Any) -> int:
    session = open_session(mode="probe", broker=broker)
    return session.target.client("broker").get(TYPES).status


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LDT_TEST_SECRET", "correct horse/battery+staple")
    return "correct horse/battery+staple"


@pytest.fixture
def client_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LDT_TEST_SECRET", FakeProvider.SECRET)
    return FakeProvider.SECRET


def test_a_key_in_a_header(broker: FakeBroker, open_session: OpenSession, secret: str):
    """`kind: header` sends the site's own header."""
    broker.allowed = lambda headers: headers.get("x-api-key") == f"v1 {secret}"
    auth = {"kind": "header", "name": "X-Api-Key", "value": "v1 ${LDT_TEST_SECRET}"}
    assert status(open_session, url=broker.url, auth=auth) == 200


def test_a_bearer_token(broker: FakeBroker, open_session: OpenSession, secret: str):
    """`kind: bearer` sends the token as RFC 6750 has it."""
    broker.allowed = lambda headers: headers.get("authorization") == f"Bearer {secret}"
    assert status(open_session, url=broker.url, auth={"kind": "bearer", "token": "${LDT_TEST_SECRET}"}) == 200


def test_user_and_password_from_a_file(broker: FakeBroker, open_session: OpenSession, tmp_path: Path):
    """`kind: basic` with the password in a file of its own, relative to the site file."""
    (tmp_path / "password").write_text("pass-word\n")
    value = "Basic " + base64.b64encode(b"me:pass-word").decode()
    broker.allowed = lambda headers: headers.get("authorization") == value
    auth = {"kind": "basic", "username": "me", "password": {"file": "password"}}
    assert status(open_session, url=broker.url, auth=auth) == 200


@pytest.mark.parametrize("how", ["basic", "post"])
def test_oauth2_client_credentials(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str, how: str
):
    """A token is fetched with either client authentication, used for all requests and fetched once."""
    broker.allowed = provider.accepts
    auth = {
        "kind": "oauth2",
        "token_url": provider.token_url,
        "client_id": "ldt",
        "client_secret": "${LDT_TEST_SECRET}",
    }
    session = open_session(mode="probe", broker={"url": broker.url, "auth": auth | {"client_auth": how}})
    client = session.target.client("broker")
    assert [client.get(TYPES).status for _ in range(3)] == [200, 200, 200]
    assert len(provider.issued) == 1


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
def test_oidc_discovery(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str, methods: list[str]
):
    """The token endpoint, and how to prove oneself there, come from the provider's metadata."""
    broker.allowed = provider.accepts
    provider.methods = methods
    auth = {"kind": "oidc", "issuer": provider.url, "client_id": "ldt", "client_secret": "${LDT_TEST_SECRET}"}
    assert status(open_session, url=broker.url, auth=auth) == 200


def oauth2(provider: FakeProvider) -> dict[str, str]:
    return {
        "kind": "oauth2", "token_url": provider.token_url, "client_id": "ldt", "client_secret": "${LDT_TEST_SECRET}",
    }  # fmt: skip


def test_a_token_is_renewed_before_it_ends(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """A token of 60 s is used for most of its life and replaced before its end; no request meets a 401."""
    broker.allowed = provider.accepts
    session = open_session(mode="probe", broker={"url": broker.url, "auth": oauth2(provider)})
    client = session.target.client("broker")
    clock = [1000.0]
    monkeypatch.setattr("ldt_conformance.engine.transport.auth.time.monotonic", lambda: clock[0])
    client.get(TYPES)
    clock[0] += 40
    client.get(TYPES)
    assert len(provider.issued) == 1
    clock[0] += 15  # 55 of 60 s
    client.get(TYPES)
    assert len(provider.issued) == 2
    assert len(broker.seen) == 3


def test_a_token_that_ended_early_is_replaced_once(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str
):
    """A 401 to a token that should still hold (revoked, clocks apart) is answered with a fresh one."""
    broker.allowed = provider.accepts
    session = open_session(mode="probe", broker={"url": broker.url, "auth": oauth2(provider)})
    client = session.target.client("broker")
    client.get(TYPES)
    provider.revoked.add(provider.issued[-1])
    assert client.get(TYPES).status == 200
    assert len(provider.issued) == 2


def test_tokens_of_two_seconds_are_enough(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str
):
    """However short its life, and even where the provider does not say it, a token is never the reason to fail."""
    broker.allowed = provider.accepts
    provider.lifetime_seconds = 0.3
    provider.says_expires = False
    session = open_session(mode="probe", broker={"url": broker.url, "auth": oauth2(provider)})
    client = session.target.client("broker")
    while len(provider.issued) < 3:
        assert client.get(TYPES).status == 200


def test_a_token_that_is_never_accepted_is_asked_for_twice_only(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str
):
    """One retry after a 401, and then the 401 is the answer."""
    broker.allowed = lambda headers: False
    assert status(open_session, url=broker.url, auth=oauth2(provider)) == 401
    assert len(provider.issued) == 2


def test_a_wrong_client_secret_is_an_authentication_cause(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, secret: str
):
    """No token: the check is inconclusive with reason AUTH, and the sentence names the token endpoint."""
    with pytest.raises(CheckInconclusive) as raised:
        status(open_session, url=broker.url, auth=oauth2(provider))
    assert raised.value.reason is Reason.AUTH
    assert provider.token_url in raised.value.observed
    assert "invalid_client" in raised.value.observed
    assert secret not in raised.value.observed


def test_an_issuer_that_is_another_is_refused(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str
):
    """OpenID Connect Discovery 4.3: the issuer in the metadata must be the one that was asked."""
    provider.issuer_said = "https://somebody.else.example.org"
    auth = {"kind": "oidc", "issuer": provider.url, "client_id": "ldt", "client_secret": "${LDT_TEST_SECRET}"}
    with pytest.raises(CheckInconclusive, match=r"somebody\.else"):
        status(open_session, url=broker.url, auth=auth)


def test_no_credentials_where_a_check_wants_none(broker: FakeBroker, open_session: OpenSession, secret: str):
    """`auth=False` asks as a stranger would."""
    session = open_session(
        mode="probe", broker={"url": broker.url, "auth": {"kind": "bearer", "token": "${LDT_TEST_SECRET}"}}
    )
    session.target.client("broker").request("GET", TYPES, auth=False)
    assert "authorization" not in broker.seen[0].headers


def test_an_own_ca(tls_broker: FakeBroker, authority: trustme.CA, open_session: OpenSession, tmp_path: Path):
    """A private authority is trusted where the site file names it, and only there."""
    authority.cert_pem.write_to_path(str(tmp_path / "own.pem"))
    assert status(open_session, url=tls_broker.url, ca="own.pem") == 200
    with pytest.raises(CheckInconclusive, match="CERTIFICATE_VERIFY_FAILED"):
        status(open_session, url=tls_broker.url)


def test_mtls(server_tls: ssl.SSLContext, authority: trustme.CA, open_session: OpenSession, tmp_path: Path):
    """A client certificate opens a target that demands one."""
    server_tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server_tls)
    fake = FakeBroker(tls=server_tls)
    try:
        mine = authority.issue_cert("tester@example.org")
        mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
        authority.cert_pem.write_to_path(str(tmp_path / "own.pem"))
        auth = {"kind": "mtls", "certificate": "me.pem"}
        assert status(open_session, url=fake.url, ca="own.pem", auth=auth) == 200
        with pytest.raises(CheckInconclusive):
            status(open_session, url=fake.url, ca="own.pem")
    finally:
        fake.close()


class Proxy:
    """A forward proxy for plain HTTP that notes what it passed on."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._served = Served(self._pass_on)
        self.url = self._served.url

    def _pass_on(self, seen: Seen) -> Answer:
        self.passed.append(seen.path)
        answer = httpx.request(seen.method, seen.path, trust_env=False)
        return Answer(answer.status_code, answer.content, {"Content-Type": answer.headers["content-type"]})

    def close(self) -> None:
        self._served.close()


def test_a_proxy(broker: FakeBroker, open_session: OpenSession):
    """Requests go through the proxy that the site file names."""
    proxy = Proxy()
    try:
        assert status(open_session, url=broker.url, proxy=proxy.url) == 200
        assert proxy.passed == [f"{broker.url}/ngsi-ld/v1/types"]
    finally:
        proxy.close()


@pytest.mark.parametrize("form", ["root", "whole", "prefix", "whole with prefix", "slash"])
def test_a_path_prefix_and_every_form_of_the_url(open_session: OpenSession, form: str):
    """Server root or API root, prefix in the URL or apart: the same requests."""
    fake = FakeBroker(prefix="/twin")
    host = fake.url.removesuffix("/twin")
    forms = {
        "root": {"url": fake.url},
        "whole": {"url": f"{fake.url}/ngsi-ld/v1"},
        "prefix": {"url": host, "prefix": "/twin"},
        "whole with prefix": {"url": f"{host}/ngsi-ld/v1", "prefix": "/twin/"},
        "slash": {"url": f"{fake.url}/ngsi-ld/v1/"},
    }
    try:
        assert status(open_session, **forms[form]) == 200
        assert fake.seen[0].path == "/twin/ngsi-ld/v1/types"
    finally:
        fake.close()


@pytest.fixture
def elsewhere() -> Iterator[Served]:
    served = Served(lambda seen: Answer(200, {"here": True}))
    yield served
    served.close()


def test_a_redirect_to_another_host_gets_no_credentials(
    broker: FakeBroker, elsewhere: Served, open_session: OpenSession, secret: str
):
    """A redirect is followed only when asked for, and across origins without the token."""
    broker.overrides["/moved"] = Answer(302, headers={"Location": elsewhere.url + "/there"})
    session = open_session(
        mode="probe", broker={"url": broker.url, "auth": {"kind": "bearer", "token": "${LDT_TEST_SECRET}"}}
    )
    client = session.target.client("broker")
    assert client.get("/moved").status == 302
    assert client.get("/moved", follow_redirects=True).json() == {"here": True}
    assert "authorization" in broker.seen[-1].headers
    assert "authorization" not in elsewhere.seen[-1].headers


# Worked examples of AWS's own documentation ("Authenticating Requests: Using the Authorization Header").
AWS_EXAMPLES = [
    (
        "https://examplebucket.s3.amazonaws.com/?lifecycle=",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    (
        "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


@pytest.mark.parametrize(("url", "signature"), AWS_EXAMPLES)
def test_s3_requests_are_signed_as_amazon_documents_it(url: str, signature: str):
    """Signature Version 4 gives the documented signatures for the documented requests."""
    key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    request = httpx.Request("GET", url)
    S3Signature("AKIAIOSFODNN7EXAMPLE", key, "us-east-1", "").sign(request, datetime(2013, 5, 24, tzinfo=UTC))
    assert request.headers["authorization"].endswith(f"Signature={signature}")


KINDS: dict[str, Callable[[FakeProvider], dict[str, Any]]] = {
    "header": lambda _: {"kind": "header", "name": "X-Key", "value": "${LDT_TEST_SECRET}"},
    "bearer": lambda _: {"kind": "bearer", "token": "${LDT_TEST_SECRET}"},
    "basic": lambda _: {"kind": "basic", "username": "me", "password": "${LDT_TEST_SECRET}"},
    "oauth2": oauth2,
    "s3": lambda _: {"kind": "s3", "access_key": "${LDT_TEST_SECRET}", "secret_key": "${LDT_TEST_SECRET}"},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_authenticates_is_in_no_evidence(
    broker: FakeBroker, provider: FakeProvider, open_session: OpenSession, client_secret: str, kind: str
):
    """Neither secret nor token stands in the evidence, not even where the target sends them back; curl names them."""
    session = open_session(mode="probe", broker={"url": broker.url, "auth": KINDS[kind](provider)})
    client = session.target.client("broker")
    client.get(TYPES, params={"note": client_secret})
    sent = broker.seen[-1].headers
    broker.overrides["/echo"] = Answer(200, {"you said": sent, "secret": client_secret, "token": provider.issued})
    client.get("/echo", headers={"x-note": client_secret})
    session.close()
    evidence = (session.settings.work / "evidence.main.jsonl").read_text()
    for value in [client_secret, *provider.issued, sent.get("authorization", "Basic nothing").split(" ")[1]]:
        assert value not in evidence
    assert not any(quoted in evidence for quoted in session_encodings(client_secret))
    curl = json.loads(evidence.splitlines()[0])["curl"]
    assert "${LDT_TEST_SECRET}" in curl or "${LDT_ACCESS_TOKEN}" in curl


def session_encodings(value: str) -> list[str]:
    """Some encodings, made here and not by the code under test."""
    return [
        str(httpx.QueryParams({"a": value}))[2:],
        base64.b64encode(value.encode()).decode(),
        json.dumps(value)[1:-1],
    ]
