"""Requests that are almost valid, for every operation: taken or refused, and answered as the broker's OpenAPI says."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from .almost_valid import Almost, almost
from .fuzzing import Fuzzed, assert_no_server_error, fuzzed_broker
from .openapi_check import Document

PREFIX = "/ngsi-ld/v1"
SEED = 20261123
METHODS = {"get", "post", "put", "patch", "delete"}
# What comes of Context Sources that are not there (6.3.17): some are registered, all of them nowhere.
AWAY = ("The Context Source ", "The distributed operation failed")


def operations(document: dict[str, Any]) -> list[tuple[str, str, list[str], bool]]:
    """Method, path below the API root, names of query parameters, and whether there is a body."""
    return [
        (
            method.upper(),
            path.removeprefix(PREFIX),
            [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"],
            "requestBody" in operation,
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS and path.startswith(PREFIX)
    ]


def send(fuzzed: Fuzzed, document: Document, request: Almost) -> int:
    """The status of the answer, which is one, and as the document has it."""
    text = None if request.content is None else json.dumps(request.content)
    kind = {"Content-Type": "application/json"} if text is not None else {}
    headers = {name: value.encode() for name, value in {**kind, **request.headers}.items()}
    answer = fuzzed.client.request(
        request.method, request.path, params=request.parameters, headers=headers, content=text
    )
    problem: Any = answer.json() if answer.status_code in {502, 504} else {}
    if not str(problem.get("title")).startswith(AWAY):
        assert_no_server_error(answer.status_code, answer.content, f"{request}")
        faults = document.faults(answer)
        assert not faults, f"{request} was answered {answer.status_code}: {answer.text[:500]}, but {faults}"
    return answer.status_code


def send_many(directory: Path, count: int, seed: int) -> dict[str, Counter[int]]:
    """So many requests; how often each operation was answered by each status."""
    chance = random.Random(seed)  # noqa: S311 — choices, not secrets
    found: dict[str, Counter[int]] = {}
    with fuzzed_broker(directory, "--outbound-addresses", "127.0.0.0/8") as fuzzed:
        document = Document(fuzzed.client.get(f"{fuzzed.url}/openapi.json").json())
        known = operations(document.document)
        for number in range(count):
            method, path, parameters, has_body = chance.choice(known)
            if number % 20 == 0:  # something to find: others delete it
                method, path, parameters, has_body = "POST", "/entityOperations/upsert", [], True
            if number % 200 == 1:
                for listed in ("csourceRegistrations", "subscriptions", "csourceSubscriptions"):
                    _remove_all(fuzzed, listed)
            status = send(fuzzed, document, almost(chance, method, path, parameters, has_body=has_body))
            found.setdefault(f"{method} {path}", Counter())[status] += 1
    return found


def _remove_all(fuzzed: Fuzzed, listed: str) -> None:
    """So that there are not more and more sources to ask in vain."""
    selected = {"type": "Car|Bus|Tram"} if listed == "csourceRegistrations" else {}
    for one in fuzzed.client.get(f"/{listed}", params={"limit": 1000, **selected}).raise_for_status().json():
        assert fuzzed.client.delete(f"/{listed}/{quote(one['id'])}").status_code in {204, 207}


def test_almost_valid_requests_are_answered(tmp_path: Path) -> None:
    """A slice, for CI."""
    found = send_many(tmp_path, 2500, SEED)
    answered = {
        name: sum(times for status, times in statuses.items() if status < 300) for name, statuses in found.items()
    }
    assert sum(answered.values()) > 2500 // 5, found


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_almost_valid_requests_are_answered_again_and_again(tmp_path: Path, seed: int) -> None:
    """As above, many times."""
    send_many(tmp_path, 50_000, seed)
