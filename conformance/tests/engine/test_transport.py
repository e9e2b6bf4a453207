"""What a check gets from the transport, what is recorded, and what a run may spend."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ldt_conformance.engine.errors import SafetyRefused
from ldt_conformance.engine.transport import client as client_module
from ldt_conformance.engine.transport.budget import Budget
from ldt_conformance.engine.transport.evidence import BODY_CAP
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.plan import REPEATS
from ldt_conformance.engine.verdicts import CheckFailed, CheckInconclusive, CheckNotApplicable, CheckNotRun, Reason

from .conftest import OpenSession
from .fakes import Answer, FakeBroker, Served, free_port


def test_any_status_is_an_answer(broker: FakeBroker, open_session: OpenSession):
    """4xx and 5xx are answers like any other; status, media type and body are there."""
    broker.overrides["/types"] = Answer(503, {"title": "busy"}, {"Content-Type": "application/JSON; charset=utf-8"})
    answer = open_session(broker={"url": broker.url}).target.client("broker").get("/types")
    assert (answer.status, answer.media_type, answer.json()) == (503, "application/json", {"title": "busy"})


def test_a_body_that_is_no_json_fails_the_check_that_wanted_json(broker: FakeBroker, open_session: OpenSession):
    """`json()` says what was expected and what the body begins with."""
    broker.overrides["/types"] = Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"})
    answer = open_session(broker={"url": broker.url}).target.client("broker").get("/types")
    with pytest.raises(CheckFailed, match="<html>hello"):
        answer.json()


def test_a_body_that_was_not_read_to_its_end_decides_nothing(
    broker: FakeBroker, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    """What we cut is no fault of the target."""
    monkeypatch.setattr(client_module, "BODY_LIMIT", 10)
    broker.overrides["/types"] = Answer(200, {"typeList": ["Vehicle"] * 20})
    answer = open_session(broker={"url": broker.url}).target.client("broker").get("/types")
    with pytest.raises(CheckInconclusive, match="first 10 bytes"):
        answer.json()


@pytest.mark.parametrize("origin", ["", "http://127.0.0.1:8080"])  # a gateway often tells its own inner port
def test_a_redirect_to_the_other_spelling_of_a_path_is_followed(origin: str, open_session: OpenSession):
    """With or without a slash it is one resource: the request is sent again as it was, to the origin that was asked."""
    plain = "/ngsi-ld/v1/types?details=true"
    moved = Answer(308, None, {"Location": origin + plain})
    served = Served(lambda seen: Answer(200, {"typeList": []}) if seen.path == plain else moved)
    client = open_session(broker={"url": served.url, "tenant": "city"}).target.client("broker")
    answer = client.get("/types/", params={"details": True}, headers={"Link": "<http://h/c.jsonld>"})
    served.close()
    assert answer.json() == {"typeList": []}
    assert [seen.path for seen in served.seen] == ["/ngsi-ld/v1/types/?details=true", plain]
    assert (served.seen[1].headers["link"], served.seen[1].headers["ngsild-tenant"]) == ("<http://h/c.jsonld>", "city")


@pytest.mark.parametrize(
    "location",
    [
        "/ngsi-ld/v1/attributes",
        "http://elsewhere.example/ngsi-ld/v1/types/",
        "/ngsi-ld/v1/types/?local=true",
        "http://[",
        "",
    ],
)
def test_any_other_redirect_is_an_answer(location: str, broker: FakeBroker, open_session: OpenSession):
    """Another resource, another host, another query, or no URL at all: nothing is sent there."""
    broker.overrides["/types"] = Answer(307, None, {"Location": location})
    answer = open_session(broker={"url": broker.url}).target.client("broker").get("/types")
    assert (answer.status, len(broker.seen)) == (307, 1)


def test_parameters_lists_and_truth_values_are_said_as_ngsi_ld_says_them(broker: FakeBroker, open_session: OpenSession):
    """None is left out, a list is joined by commas, truth values are lower case, everything is encoded."""
    client = open_session(broker={"url": broker.url}).target.client("broker")
    client.get("/entities", params={"type": ["A", "B"], "count": True, "q": "a==1&b", "limit": None})
    assert broker.seen[0].path == "/ngsi-ld/v1/entities?type=A%2CB&count=true&q=a%3D%3D1%26b"


def test_the_tenant_of_the_site_file_is_sent(broker: FakeBroker, open_session: OpenSession):
    """A tenant is a header, unless a check takes it away."""
    client = open_session(broker={"url": broker.url, "tenant": "city"}).target.client("broker")
    client.get("/types")
    client.get("/types", headers={"NGSILD-Tenant": ""})
    assert broker.seen[0].headers["ngsild-tenant"] == "city"
    assert "ngsild-tenant" not in broker.seen[1].headers


def test_no_answer_is_never_a_failure(broker: FakeBroker, open_session: OpenSession):
    """Refused connections end the check as inconclusive, reason UNREACHABLE, and are recorded."""
    session = open_session(broker={"url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(CheckInconclusive) as raised:
        session.target.client("broker").get("/types")
    assert raised.value.reason is Reason.UNREACHABLE
    assert session.services.recorder.current[0].error is not None


def test_a_target_that_does_not_answer_in_time(open_session: OpenSession):
    """A read that takes longer than allowed is inconclusive, reason TIMEOUT."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = open_session(broker={"url": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        with pytest.raises(CheckInconclusive) as raised:
            session.target.client("broker").request("GET", "/types", timeout=0.1)
    assert raised.value.reason is Reason.TIMEOUT


def test_a_role_that_is_not_there_is_not_applicable(broker: FakeBroker, open_session: OpenSession):
    """The client of a role that the site file does not name ends the check with NO_ENDPOINT."""
    target = open_session(broker={"url": broker.url}).target
    assert target.has("history")
    assert not target.has("objects")
    with pytest.raises(CheckNotApplicable):
        target.client("objects")


def test_a_file_stands_for_an_endpoint(open_session: OpenSession, tmp_path: Path):
    """A role may be a file; a missing one is told when the run starts."""
    (tmp_path / "station.json").write_text("{}")
    target = open_session(model={"file": "station.json", "api": "dtdl-3"}).target
    assert target.file("model") == tmp_path / "station.json"


def test_another_origin_is_never_asked_with_this_client(broker: FakeBroker, open_session: OpenSession):
    """An absolute URL on another host is refused: credentials stay where they belong."""
    client = open_session(broker={"url": broker.url}).target.client("broker")
    with pytest.raises(ValueError, match="origin"):
        client.get("http://example.org/types")


def test_a_probe_sends_no_write(broker: FakeBroker, open_session: OpenSession):
    """In probe mode a write is refused before anything leaves."""
    client = open_session(mode="probe", broker={"url": broker.url}).target.client("broker")
    name = client.owned_id("T")
    with pytest.raises(SafetyRefused):
        client.request(
            "POST", "/entities", json={"id": name, "type": "T"}, creates=[Resource("entity", name, f"/entities/{name}")]
        )
    assert broker.seen == []


def test_a_plan_sends_nothing_and_lists_everything(broker: FakeBroker, open_session: OpenSession):
    """In plan mode requests are answered here, as by a target that does what it is asked."""
    session = open_session(plan=True, broker={"url": broker.url})
    client = session.target.client("broker")
    name = client.owned_id("T")
    there = Resource("entity", name, f"/entities/{name}")
    assert client.request("POST", "/entities", json={"id": name, "type": "T"}, creates=[there]).status == 201
    assert client.get(f"/entities/{name}").json() == {"id": name, "type": "T"}
    assert client.request("DELETE", f"/entities/{name}", touches=[there]).status == 204
    assert client.request("POST", "/entities", content=b"{", expects_refusal=True).status == 400
    plan = session.services.plan
    assert plan is not None
    assert [one.method for one in plan.requests] == ["POST", "GET", "DELETE", "POST"]
    assert broker.seen == []


def test_a_plan_does_not_wait(open_session: OpenSession):
    """A check that reads the same again and again waits for what no plan ever gives: it ends."""
    session = open_session(plan=True, broker={"url": "http://127.0.0.1:1"})
    client = session.target.client("broker")
    for _ in range(REPEATS):
        client.get("/entities/urn:x")
    client.get("/types")
    for _ in range(REPEATS):
        client.get("/entities/urn:x")

    with pytest.raises(CheckInconclusive):
        client.get("/entities/urn:x")

    plan = session.services.plan
    assert plan is not None
    assert len(plan.requests) == 2 * REPEATS + 1


def test_evidence_is_whole_capped_and_can_be_repeated(broker: FakeBroker, open_session: OpenSession):
    """Each exchange has request, answer and a curl; long bodies are cut after masking."""
    broker.overrides["/types"] = Answer(200, b"x" * (BODY_CAP + 100), {"Content-Type": "text/plain"})
    session = open_session(broker={"url": broker.url})
    session.services.recorder.begin("group/name")
    answer = session.target.client("broker").get("/types", headers={"Accept": "text/plain"})
    session.close()
    (line,) = (session.settings.work / "evidence.main.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert record["id"] == answer.exchange
    assert record["check"] == "group/name"
    assert len(record["response"]["body"]) < BODY_CAP + 100
    assert record["curl"] == f"curl -i -X GET {broker.url}/ngsi-ld/v1/types -H 'accept: text/plain'"
    assert len(answer.content) == BODY_CAP + 100


def test_a_budget_is_kept_and_the_removal_of_what_was_created_is_paid_before(
    broker: FakeBroker, open_session: OpenSession
):
    """With 5 requests, one creation takes 4 (its removal needs three); all is clean within the limit."""
    session = open_session(sections={"safety": {"max_requests": 5}}, broker={"url": broker.url})
    client = session.target.client("broker")
    names = [client.owned_id("T") for _ in range(2)]
    first, second = (Resource("entity", name, f"/entities/{name}") for name in names)
    client.request("POST", "/entities", json={"id": names[0], "type": "T"}, creates=[first])
    with pytest.raises(CheckNotRun) as raised:
        client.request("POST", "/entities", json={"id": names[1], "type": "T"}, creates=[second])
    assert raised.value.reason is Reason.BUDGET
    client.get("/types")
    session.clean_up()
    assert broker.stored == {}
    assert len(broker.seen) <= 5


def test_an_interrupt_while_counting_loses_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The clean-up after an interrupt counts its own requests; half a file would stop it."""
    budget = Budget(tmp_path, 8, None)
    budget.take()
    whole = Path.write_text

    def cut_short(path: Path, text: str, **options: Any) -> int:
        whole(path, text[: len(text) // 2], **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", cut_short)
        with pytest.raises(KeyboardInterrupt):
            budget.take()

    assert budget.state()["sent"] == 1
    budget.take()
    assert budget.state()["sent"] == 2


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_no_lock_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C while the count is written: it is written whole, then the run is interrupted; its clean-up can count."""
    budget = Budget(tmp_path, 8, None)
    write = budget._write

    def interrupted(state: dict[str, float]) -> None:
        signal.raise_signal(signal.SIGINT)
        write(state)

    monkeypatch.setattr(budget, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        budget.take()
    monkeypatch.undo()
    assert Budget(tmp_path, 8, None).state()["sent"] == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_several_processes_share_one_budget(tmp_path: Path):
    """What one takes, the others do not have; and the rate is that of all of them together."""
    budgets = [Budget(tmp_path, 8, 100.0) for _ in range(3)]
    refused: list[CheckNotRun] = []

    def spend(budget: Budget) -> None:
        for _ in range(4):
            try:
                budget.take()
            except CheckNotRun as outcome:
                refused.append(outcome)

    began = time.monotonic()
    threads = [threading.Thread(target=spend, args=(budget,)) for budget in budgets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 4
    assert budgets[0].state()["sent"] == 8
    assert time.monotonic() - began >= 7 / 100 * 0.9
