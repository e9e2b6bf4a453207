"""One fault, one sentence: what is wrong with an endpoint is found before the checks, and named."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.judging.standing import Standing, decide, standing_of
from ldt_conformance.engine.run.preflight import preflight
from ldt_conformance.engine.run.session import Session
from ldt_conformance.engine.verdicts import Layer, Level, Mode, Reason, Verdict

from .conftest import OpenSession
from .fakes import ERRORS, Answer, FakeBroker, free_port


def look(session: Session) -> Standing:
    return preflight(session.target, standing_of(session.site, session.settings.mode, ()))


def cause(session: Session) -> tuple[Reason, str]:
    found = look(session).causes["broker"]
    return found.reason, found.sentence


def test_a_broker_that_answers_has_no_cause(broker: FakeBroker, open_session: OpenSession):
    """The usual case; capabilities that answer are found, those that do not are not."""
    standing = look(open_session(broker={"url": broker.url}))
    assert standing.causes == {}
    assert "subscriptions" in standing.capabilities
    assert "temporal" not in standing.capabilities


def test_capabilities_without_anything_to_list_are_known_by_their_refusal_of_an_id(
    broker: FakeBroker, open_session: OpenSession
):
    """An id that is no URI is refused where there are Snapshots or EntityMaps; not where every path is."""
    refusal = Answer(400, {"type": f"{ERRORS}BadRequestData", "title": "no URI"})
    broker.overrides["/snapshots/LdtCheckNoUri"] = refusal
    found = look(open_session(broker={"url": broker.url})).capabilities
    assert "snapshots" in found
    assert "entity-maps" not in found
    broker.overrides["/ldtCheckNoSuchResource/LdtCheckNoUri"] = refusal
    assert "snapshots" not in look(open_session(broker={"url": broker.url})).capabilities
    assert broker.written() == []


def test_a_tenant_that_is_still_to_come_hides_no_capability(broker: FakeBroker, open_session: OpenSession):
    """A resource that says so is known; not where every path says so."""
    no_tenant = Answer(404, {"type": f"{ERRORS}NonexistentTenant", "title": "no such tenant"})
    broker.overrides["/csourceRegistrations"] = no_tenant
    found = look(open_session(broker={"url": broker.url, "tenant": "new"})).capabilities
    assert "registrations" in found
    assert "temporal" not in found
    broker.overrides["/ldtCheckNoSuchResource/LdtCheckNoUri"] = no_tenant
    assert "registrations" not in look(open_session(broker={"url": broker.url, "tenant": "new"})).capabilities
    assert broker.written() == []


def test_a_dead_address(open_session: OpenSession):
    """Nothing listens: the sentence says so and what to try."""
    reason, sentence = cause(open_session(broker={"url": f"http://127.0.0.1:{free_port()}"}))
    assert reason is Reason.UNREACHABLE
    assert "refuses connections" in sentence
    assert "Try:" in sentence


def test_a_name_that_does_not_exist(open_session: OpenSession):
    """A host name that no server knows (RFC 6761: .invalid never exists)."""
    _, sentence = cause(open_session(broker={"url": "http://twin.invalid"}))
    assert "cannot be resolved" in sentence


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_wrong_token(broker: FakeBroker, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch, refusal: int):
    """401 or 403 to the first request: reason AUTH, and where to look."""
    monkeypatch.setenv("LDT_TEST_TOKEN", "wrong-token")
    broker.allowed = lambda headers: False
    broker.refusal = refusal
    auth = {"kind": "bearer", "token": "${LDT_TEST_TOKEN}"}
    reason, sentence = cause(open_session(broker={"url": broker.url, "auth": auth}))
    assert reason is Reason.AUTH
    assert f"answered {refusal} to our credentials" in sentence
    assert "endpoints.broker.auth" in sentence


def test_a_web_page_in_place_of_the_api(broker: FakeBroker, open_session: OpenSession):
    """200 and HTML everywhere, as single-page applications answer: not an API."""
    page = Answer(200, b"<!doctype html><title>Portal</title>", {"Content-Type": "text/html; charset=utf-8"})
    broker.overrides |= {"/types": page, "/entities": page}
    reason, sentence = cause(open_session(broker={"url": broker.url}))
    assert reason is Reason.UNREACHABLE
    assert "web page" in sentence


def test_an_error_of_the_server_everywhere(broker: FakeBroker, open_session: OpenSession):
    """503 to everything is one cause; 500 to one resource is not: that is for the checks to say."""
    broker.overrides |= {"/types": Answer(503), "/entities": Answer(503)}
    assert "503" in cause(open_session(broker={"url": broker.url}))[1]
    broker.overrides = {"/types": Answer(500, {"type": f"{ERRORS}InternalError", "title": "oops"})}
    assert look(open_session(broker={"url": broker.url})).causes == {}


def test_another_api(broker: FakeBroker, open_session: OpenSession):
    """JSON, but none of NGSI-LD: the URL leads elsewhere."""
    broker.overrides |= {"/types": Answer(404, {"message": "no"}), "/entities": Answer(404, {"message": "no"})}
    assert "ldt discover" in cause(open_session(broker={"url": broker.url}))[1]


def test_a_certificate_nobody_trusts(tls_broker: FakeBroker, open_session: OpenSession):
    """An own authority that the site file does not name."""
    reason, sentence = cause(open_session(broker={"url": tls_broker.url}))
    assert reason is Reason.UNREACHABLE
    assert "certificate that is not trusted" in sentence
    assert "ca:" in sentence


def test_no_tls_where_https_was_said(broker: FakeBroker, open_session: OpenSession):
    """https:// to a port that speaks plain HTTP."""
    _, sentence = cause(open_session(broker={"url": broker.url.replace("http:", "https:")}))
    assert "TLS" in sentence


def test_a_client_certificate_that_is_missing(
    server_tls: ssl.SSLContext, authority: trustme.CA, open_session: OpenSession, tmp_path: Path
):
    """A target that demands mTLS: the sentence speaks of TLS and of the certificate."""
    server_tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server_tls)
    authority.cert_pem.write_to_path(str(tmp_path / "own.pem"))
    fake = FakeBroker(tls=server_tls)
    try:
        _, sentence = cause(open_session(broker={"url": fake.url, "ca": "own.pem"}))
    finally:
        fake.close()
    assert "TLS" in sentence


def test_one_dead_part_does_not_speak_for_the_others(broker: FakeBroker, open_session: OpenSession):
    """A dead object storage is the cause for what needs it, and for nothing else."""
    session = open_session(broker={"url": broker.url}, objects={"url": f"http://127.0.0.1:{free_port()}", "api": "s3"})
    assert set(look(session).causes) == {"objects"}


def declaration(**changes: object) -> CheckDeclaration:
    fields: dict[str, object] = {
        "id": "group/name", "title": "t", "level": Level.MUST, "pack": "ngsi-ld", "layer": Layer.INTEROPERABILITY,
        "clauses": (), "requirements": ("ngsi-ld/1",), "test_purposes": (), "pics": (), "since": "1.3.1", "until": None,
        "mode": Mode.PROBE, "roles": ("broker",), "capability": None,
    }  # fmt: skip
    return CheckDeclaration(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"pack": "toolbox"}, (Verdict.NOT_RUN, Reason.NOT_SELECTED)),
        ({"roles": ("objects",)}, (Verdict.NOT_APPLICABLE, Reason.NO_ENDPOINT)),
        ({"roles": ("history",)}, None),
        ({"since": "1.9.1"}, (Verdict.NOT_APPLICABLE, Reason.SINCE)),
        ({"since": "1.8.1"}, None),
        ({"until": "1.6.1"}, (Verdict.NOT_APPLICABLE, Reason.SINCE)),
        ({"mode": Mode.SANDBOX_WRITE}, (Verdict.NOT_RUN, Reason.MODE)),
        ({"mode": Mode.DISRUPTIVE}, (Verdict.NOT_RUN, Reason.DISRUPTIVE)),
        ({"capability": "temporal"}, None),
        ({"capability": "snapshots"}, (Verdict.NOT_APPLICABLE, Reason.UNCLAIMED)),
    ],
)
def test_what_may_run_follows_from_the_standing(changes: dict[str, object], expected: tuple[Verdict, Reason] | None):
    """Pack, role, version, mode and capability each keep a check from running, with their reason."""
    standing = Standing(
        mode=Mode.PROBE, packs=("ngsi-ld",), version="1.8.1", roles=("broker", "history"), speaks_ngsi_ld=True,
        capabilities=("temporal",),
    )  # fmt: skip
    ruling = decide(declaration(**changes), Standing.from_json(standing.to_json()))
    assert (None if ruling is None else (ruling.verdict, ruling.reason)) == expected
