"""What whoever runs the broker relies on: metrics, logs, request ids, caching, other origins, an orderly end."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.logs import REQUEST_ID, JsonFormatter, configure_logs

from ..store.test_durability import ask, start
from ..subscriptions.delivery import counters, eventually

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
CAR = "urn:ngsi-ld:Car:1"
PLACE = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.eInf]+')


# Metrics


async def test_metrics_are_in_the_text_format(running: Any, receiver: Any) -> None:
    """Every line is a comment or a sample, every sample has one type, counters and gauges show what happened."""
    location = await running.subscribe(receiver.url())
    await running.change(CAR, speed=1)
    await eventually(lambda: counters(running, location), lambda found: found.get("timesSent") == 1)
    text = (await running.client.get("/metrics")).text

    types = re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", text, re.M)
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(types) == len(set(types))
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    values = dict(line.rsplit(" ", 1) for line in samples)
    assert values['ldt_broker_notifications_total{outcome="delivered"}'] == "1"
    assert values['ldt_broker_notifications_total{outcome="failed"}'] == "0"
    assert values["ldt_broker_notifications_owed"] == "0"
    assert values["ldt_broker_requests_in_flight"] == "1"
    assert float(values["process_resident_memory_bytes"]) > 10_000_000
    assert {re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", name) for name in values} == set(types)


async def test_what_cannot_be_delivered_is_seen_to_wait(start_broker: Any, receivers: Any) -> None:
    """The number of notifications that are owed."""
    receiver = receivers.start()
    receivers.stop()
    async with start_broker(notification_retry_seconds=3600) as running:
        await running.subscribe(receiver.url())
        for value in range(3):
            await running.change(CAR, speed=value)

        async def look() -> str:
            text: str = (await running.client.get("/metrics")).text
            return text

        await eventually(look, lambda text: "ldt_broker_notifications_owed 3\n" in text)


# Request ids and logs


@pytest.mark.parametrize("given_id", ["abc", "0b7ce6a4-1c5e-4b0e-9d2f-3f1d6d0a8c11", "a:b/c=d+e@f~g.h_i"])
async def test_a_request_id_comes_back(running: Any, given_id: str) -> None:
    """X-Request-ID of the request is that of the answer, errors too."""
    for path in (f"{API}/entities/{CAR}", f"{API}/types", "/health", "/nowhere"):
        answer = await running.client.get(path, headers={"X-Request-ID": given_id})
        assert answer.headers["x-request-id"] == given_id


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=200))
def test_a_request_id_that_could_forge_a_log_line_is_replaced(text: str) -> None:
    """Anything else gets an id of ours: harmless characters, not too long."""
    from ldt_stack.broker.http.app import _REQUEST_ID

    accepted = _REQUEST_ID.fullmatch(text) is not None
    assert not accepted or (text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= 128)


async def test_requests_without_an_id_get_different_ones(running: Any) -> None:
    """Also where the one given cannot be used."""
    answers = [await running.client.get("/health", headers={"X-Request-ID": "a b"}) for _ in range(2)]
    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert first != second
    assert re.fullmatch("[0-9a-f]{16}", first)


@pytest.fixture
def json_logs() -> Iterator[None]:
    """Logs of this process as JSON; as they were afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    levels = {name: logging.getLogger(name).level for name in ("httpcore", "uvicorn")}
    yield
    root.handlers[:], root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def test_each_request_is_a_json_line(running: Any, json_logs: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Method, path, status, duration, tenant and request id; neither the query nor the body."""
    configure_logs("info", "json")
    await running.client.get(
        f"{API}/entities?type=Secret", headers={"X-Request-ID": "my-id", "NGSILD-Tenant": "nobody"}
    )
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    lines = [line for line in lines if line["logger"] != "httpx"]  # the test's own client
    (line,) = [line for line in lines if line["logger"] == "ldt_stack.broker.access"]
    assert line.pop("seconds") >= 0
    assert line.pop("time").endswith("+00:00")
    assert "Secret" not in str(lines)
    del line["message"]
    assert line == {
        "level": "info",
        "logger": "ldt_stack.broker.access",
        "request_id": "my-id",
        "method": "GET",
        "path": f"{API}/entities",
        "status": 404,
        "tenant": "nobody",
    }


async def test_a_failure_is_logged_with_its_request(
    running: Any, json_logs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 500 names the request id, under which the log has the traceback."""
    configure_logs("warning", "json")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(running.broker.store, "read", broken)
    answer = await running.client.get(f"{API}/entities/{CAR}", headers={"X-Request-ID": "my-id"})
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert answer.status_code == 500
    assert "my-id" in answer.json()["detail"]
    assert "made up" not in answer.text
    assert (line["request_id"], line["level"]) == ("my-id", "error")
    assert "ZeroDivisionError: made up" in line["exception"]


@given(st.text(), st.text(max_size=10))
def test_a_json_log_record_is_one_line(message: str, identifier: str) -> None:
    """Whatever a message has in it: the line is JSON, and there is one."""
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (message,), None)
    record.request_id = identifier
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == message


async def test_what_is_delivered_is_not_logged_under_the_request_that_caused_it(running: Any, receiver: Any) -> None:
    """Deliveries go on after their request: they have no request id."""
    seen: list[str] = []
    real = running.broker.notifier._sender.send

    async def send(*arguments: Any) -> Any:
        seen.append(REQUEST_ID.get())
        return await real(*arguments)

    running.broker.notifier._sender.send = send
    await running.subscribe(receiver.url())
    body = {"id": CAR, "type": "Car", "speed": 1}
    await running.client.post(f"{API}/entities", json=body, headers={"X-Request-ID": "my-id"})
    await receiver.wait(1)
    assert seen == [""]


# Conditional retrieval (RFC 9110)


async def test_what_has_not_changed_is_not_sent_again(running: Any) -> None:
    """ETag, and 304 to If-None-Match, on retrieval and query; a change makes another tag (RFC 9110, 13.1.2)."""
    await running.change(CAR, speed=1)
    for path in (f"/entities/{CAR}", "/entities?type=Car", "/subscriptions"):
        first = await running.client.get(API + path)
        tag = first.headers["etag"]
        assert re.fullmatch('"[^"]+"', tag)
        assert "Accept" in first.headers["vary"]
        for given_tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await running.client.get(API + path, headers={"If-None-Match": given_tags})
            assert (again.status_code, again.content) == (304, b"")
            assert (again.headers["etag"], again.headers["vary"]) == (tag, first.headers["vary"])
            assert "content-type" not in again.headers
        other = await running.client.get(API + path, headers={"If-None-Match": '"other", "x,y"'})
        assert (other.status_code, other.content) == (200, first.content)

    tag = (await running.client.get(f"{API}/entities/{CAR}")).headers["etag"]
    await running.change(CAR, speed=2)
    after = await running.client.get(f"{API}/entities/{CAR}", headers={"If-None-Match": tag})
    assert (after.status_code, after.json()["speed"]["value"]) == (200, 2)


async def test_each_representation_has_a_tag_of_its_own(running: Any) -> None:
    """A strong tag tells media types, formats and @contexts apart; HEAD has the tag of GET."""
    await running.change(CAR, speed=1, location=PLACE)
    tags = []
    for accept in ("application/json", "application/ld+json", "application/geo+json"):
        for query in ("", "?format=concise", "?options=sysAttrs"):
            answer = await running.client.get(f"{API}/entities/{CAR}{query}", headers={"Accept": accept})
            tags.append(answer.headers["etag"])
    head = await running.client.head(f"{API}/entities/{CAR}")
    assert len(set(tags)) == len(tags) == 9
    assert head.headers["etag"] == tags[0]


async def test_errors_writes_and_own_resources_have_no_tag(running: Any) -> None:
    """Only 200 to GET and HEAD of the API; If-None-Match does nothing elsewhere."""
    missing = await running.client.get(f"{API}/entities/{CAR}", headers={"If-None-Match": "*"})
    created = await running.client.post(
        f"{API}/entities", json={"id": CAR, "type": "Car"}, headers={"If-None-Match": '"x"'}
    )
    health = await running.client.get("/health", headers={"If-None-Match": "*"})
    assert [answer.status_code for answer in (missing, created, health)] == [404, 201, 200]
    assert not any("etag" in answer.headers for answer in (missing, created, health))


# Other origins


@pytest.mark.parametrize("accept", ["application/json", "application/ld+json", "application/geo+json"])
async def test_pages_of_any_origin_may_read_every_representation(running: Any, accept: str) -> None:
    """GeoJSON too, errors too; what a page needs of the headers is exposed."""
    await running.change(CAR, location=PLACE)
    for path in (f"/entities/{CAR}", "/entities?type=Car&count=true", "/entities/urn:none"):
        answer = await running.client.get(API + path, headers={"Accept": accept, "Origin": "https://map.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert {"link", "ngsild-results-count", "etag"} <= set(re.split(r",\s*", exposed))


async def test_by_default_pages_of_other_origins_cannot_write(running: Any) -> None:
    """A preflight lets GET pass with the headers of the API, and nothing that writes."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "link,ngsild-tenant"}
    read = await running.client.options(f"{API}/entities", headers={**headers, "Access-Control-Request-Method": "GET"})
    assert read.status_code == 200
    assert "ngsild-tenant" in read.headers["access-control-allow-headers"]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        asked = {**headers, "Access-Control-Request-Method": method}
        write = await running.client.options(f"{API}/entities", headers=asked)
        assert write.status_code == 400
        assert method not in write.headers["access-control-allow-methods"]


async def test_named_origins_may_do_everything_and_others_nothing(start_broker: Any) -> None:
    """`cors_origins` with names; without any, no cross-origin header at all."""
    async with start_broker(cors_origins="https://map.example, https://b.example") as running:
        for origin, status in (("https://map.example", 200), ("https://evil.example", 400)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
            preflight = await running.client.options(f"{API}/entities/{CAR}", headers=headers)
            answer = await running.client.get(f"{API}/types", headers={"Origin": origin})
            assert preflight.status_code == status
            assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)
            assert answer.status_code == 200
    async with start_broker(cors_origins="") as running:
        answer = await running.client.get(f"{API}/types", headers={"Origin": "https://map.example"})
        assert not any(name.startswith("access-control") for name in answer.headers)


# An orderly end


class Gate(HTTPServer):
    """Answers a request only when told to: GET with an empty @context, POST with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _GateHandler)
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.count = 0


class _GateHandler(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self) -> None:
        self.server.count += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.set()
        assert self.server.may_answer.wait(20)
        body = b'{"@context": {}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def gate() -> Iterator[tuple[Gate, str]]:
    server = Gate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.posix
def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    """SIGTERM while a request waits for its @context: it is answered 201, the process ends with 0, nothing is lost."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    process, connection = start(data, ready)
    with gate() as (server, url):
        link = f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
        headers = {"Content-Type": "application/json", "Link": link}
        connection.request("POST", f"{API}/entities", json.dumps({"id": CAR, "type": "Car"}), headers)
        assert server.asked.wait(20)
        process.terminate()
        server.may_answer.set()
        assert connection.getresponse().status == 201
    process.join(20)
    connection.close()
    assert process.exitcode == 0
    process, connection = start(data, ready)
    found = ask(connection, "GET", f"/entities/{CAR}")
    process.kill()
    process.join(20)
    connection.close()
    assert found[0] == 200


@pytest.mark.posix
def test_a_notification_under_way_is_not_sent_twice(tmp_path: Path) -> None:
    """SIGTERM while a receiver takes its time: the outcome is waited for and recorded, so nobody is notified again."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    process, connection = start(data, ready)
    with gate() as (server, url):
        subscription = {
            "type": "Subscription",
            "entities": [{"type": "Car"}],
            "notification": {"endpoint": {"uri": url}},
        }
        assert ask(connection, "POST", "/subscriptions", subscription)[0] == 201
        assert ask(connection, "POST", "/entities", {"id": CAR, "type": "Car", "speed": 1})[0] == 201
        assert server.asked.wait(20)
        process.terminate()
        connection.close()
        server.may_answer.set()
        process.join(20)
        assert process.exitcode == 0

        process, connection = start(data, ready)
        body = {"speed": {"type": "Property", "value": 2}}
        assert ask(connection, "PATCH", f"/entities/{CAR}/attrs", body)[0] == 204
        deadline = threading.Event()
        while server.count < 2:
            assert not deadline.wait(0.01)
        status = 0
        while status != 2:
            (found,) = json.loads(ask(connection, "GET", "/subscriptions")[1])
            status = found["notification"].get("timesSent", 0)
        process.kill()
        process.join(20)
        connection.close()
    assert server.count == 2
