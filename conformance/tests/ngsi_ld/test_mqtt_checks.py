"""The checks of notifications over MQTT, with Mosquitto between the embedded broker and the suite."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .test_pack import run_pack, started_broker

USER, PASSWORD = "city", "p@ss/word"
OPEN, CLOSED = "127.0.0.21", "127.0.0.22"  # addresses of this machine, so that the default port is free at both
DEADLINE_SECONDS = 20.0
SECRET = "LDT_TEST_MQTT_PASSWORD"

MQTT = [
    {"host": OPEN},
    {"host": OPEN, "port": 18831},
    {"host": OPEN, "username": USER},
    {"host": CLOSED, "username": USER, "password": f"${{{SECRET}}}"},
    {"host": CLOSED, "port": 18832, "username": USER, "password": f"${{{SECRET}}}"},
]

# One worker of several runs them all: two servers could not listen at the same addresses.
pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.linux,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("mosquitto"),
]


def installed(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None
    return found


def listens(host: str, port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((host, port)) == 0


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One server for everybody and one for an account, each at the default port and at another."""
    folder = tmp_path_factory.mktemp("mosquitto")
    passwords, configuration = folder / "passwords", folder / "mosquitto.conf"
    subprocess.run([installed("mosquitto_passwd"), "-c", "-b", str(passwords), USER, PASSWORD], check=True)
    lines = ["user root", "per_listener_settings true"]
    for port in (1883, 18831):
        lines += [f"listener {port} {OPEN}", "allow_anonymous true"]
    for port in (1883, 18832):
        lines += [f"listener {port} {CLOSED}", "allow_anonymous false", f"password_file {passwords}"]
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([installed("mosquitto"), "-c", str(configuration)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (listens(OPEN, 18831) and listens(CLOSED, 18832)):
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def judged(
    folder: Path,
    site: dict[str, Any],
    *options: str,
    program: tuple[str, str] = ("-m", "ldt_stack.broker"),
    chosen: str = "test_mqtt",
) -> dict[str, list[Any]]:
    """Check id -> [verdict, reason] of the MQTT checks (or some of them) at the embedded broker."""
    with started_broker(folder, *options, program=program) as url:
        _, verdicts = run_pack(folder, url, "sandbox-write", "-k", chosen, more=site)
    return {name: found for name, found in verdicts.items() if name.startswith("mqtt/") and found[1] != "NOT_SELECTED"}


def test_the_right_broker_publishes(mosquitto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every form of endpoint, quality of service and version passes, and the password is in no report."""
    monkeypatch.setenv(SECRET, PASSWORD)

    verdicts = judged(tmp_path, {"mqtt": MQTT})

    assert {name: found for name, found in verdicts.items() if found != ["pass", None]} == {}
    assert len(verdicts) == 13
    evidence = gzip.decompress((tmp_path / "out" / "evidence.jsonl.gz").read_bytes()).decode()
    assert "mqtt://city" in evidence
    for written in (evidence, (tmp_path / "out" / "report.json").read_text(encoding="utf-8")):
        assert [form for form in (PASSWORD, quote(PASSWORD, safe="")) if form in written] == []


def test_without_a_server_nothing_is_decided(tmp_path: Path):
    """Claimed, but no MQTT server named: undecided, and said why."""
    verdicts = judged(tmp_path, {}, chosen="test_mqtt and test_message")

    assert verdicts == {"mqtt/message": ["inconclusive", "NOT_DECLARED"]}


def test_a_server_that_only_we_reach_is_not_held_against_the_broker(mosquitto: None, tmp_path: Path):
    """The broker may not connect to it and says so in its Subscription: undecided, and asked once alone."""
    site = {"mqtt": [{"host": OPEN}]}

    verdicts = judged(
        tmp_path, site, "--outbound-addresses", "192.0.2.0/24", chosen="test_mqtt and (test_message or test_qos)"
    )

    assert {tuple(found) for found in verdicts.values()} == {("inconclusive", "RECEIVER_UNREACHABLE")}


# What is wrong with a broker -> how it is made so, and the checks that notice.
WRONG = {
    "whatever is asked for, everything is published at most once": (
        "from ldt_stack.broker.notifications import mqtt\n"
        "original = mqtt._Connection.publish\n"
        "mqtt._Connection.publish = lambda self, topic, payload, qos: original(self, topic, payload, 0)\n",
        {"mqtt/qos-1", "mqtt/qos-2"},
    ),
    "the metadata have no Link": (
        "from ldt_stack.broker.notifications.sending import Sender\n"
        "original = Sender._publish\n"
        "def publish(self, target, message, limit):\n"
        "    message['metadata'].pop('Link', None)\n"
        "    return original(self, target, message, limit)\n"
        "Sender._publish = publish\n",
        {"mqtt/message"},
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_broker_is_noticed(mosquitto: None, tmp_path: Path, wrong: str):
    """Each fault is noticed by the checks that look at it and no others; kinds of server not named are not judged."""
    code, kills = WRONG[wrong]
    start = (
        f"{code}import runpy, sys\nsys.argv[0] = 'broker'\nrunpy.run_module('ldt_stack.broker', run_name='__main__')"
    )

    verdicts = judged(tmp_path, {"mqtt": [{"host": OPEN}]}, program=("-c", start))

    assert {name for name, found in verdicts.items() if found[0] == "fail"} == kills
    assert {name for name, found in verdicts.items() if found == ["not-applicable", "NO_ENDPOINT"]} == {
        "mqtt/endpoint-password",
        "mqtt/endpoint-password-port",
        "mqtt/endpoint-port",
        "mqtt/endpoint-user",
    }
