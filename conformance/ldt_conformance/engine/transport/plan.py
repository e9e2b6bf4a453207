"""`--plan`: what a run would send, without sending any of it.

Checks run against a stand-in that answers every request as a target that does what it is asked: what was created can
be read back, changes and deletions are acknowledged, a query finds nothing. So every request up to the first one whose
answer decides is listed; what a check sends only after a particular answer (the next page, a path found in a document)
is not, and the listing says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TextIO

import httpx

from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.transport.safety import Intent, is_query, needed_mode
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason

LIMIT = (
    "Requests that depend on a particular answer (a next page, a link found in a document, a repeated read while "
    "waiting for a notification) are not in this list; safety.max_requests bounds them all."
)

REPEATS = 4  # of one read in a row; what reads more often waits


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request that a check would send."""

    check: str
    role: str
    method: str
    path: str  # relative to the API root, with its query
    mode: str  # the least mode that allows it


@dataclass
class Plan:
    """Collects the requests of a planned run, and answers them.

    Attributes:
        only_with: Checks that run only where the target is found to have a capability: check id -> capability.
    """

    requests: list[PlannedRequest] = field(default_factory=list)
    only_with: dict[str, str] = field(default_factory=dict)
    _held: dict[str, bytes] = field(default_factory=dict)

    def answer(self, role: str, request: httpx.Request, intent: Intent, check: str) -> Response:
        """Note a request and give the answer of a target that does what it is asked.

        Raises:
            CheckInconclusive: The same was read again and again: the check waits for what no stand-in ever does.
        """
        query = request.url.query.decode("ascii")
        path = intent.path + (f"?{query}" if query else "")
        planned = PlannedRequest(check, role, intent.method, path, needed_mode(intent))
        if planned.method == "GET" and self.requests[-REPEATS:] == [planned] * REPEATS:
            raise CheckInconclusive(
                expected="another answer",
                observed="a plan's answers stay as they are",
                reason=Reason.PRECONDITION_UNMET,
            )
        self.requests.append(planned)
        status, content, headers = self._act(intent)
        return Response(
            status=status,
            headers=httpx.Headers({"content-type": "application/json", **headers} if content else headers),
            content=content,
            exchange=f"plan-{len(self.requests)}",
            elapsed_seconds=0.0,
            url=str(request.url),
        )

    def _act(self, intent: Intent) -> tuple[int, bytes, dict[str, str]]:
        if intent.expects_refusal:
            return (
                400,
                json.dumps({"type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "title": "plan"}).encode(),
                {},
            )
        if intent.method in {"GET", "HEAD", "OPTIONS"}:
            found = self._held.get(intent.path)
            return 200, found if found is not None else b"[]", {}
        if is_query(intent):
            return 200, b"[]", {}
        if not intent.creates:
            return 204, b"", {}
        for resource in intent.creates:
            self._held[resource.path] = _member(intent.body, resource.id)
        first = intent.creates[0]
        return 201, json.dumps([one.id for one in intent.creates]).encode(), {"location": first.path}


def _member(body: bytes, identifier: str | None) -> bytes:
    """The part of a body that is the resource with that id."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return body
    members = document if isinstance(document, list) else [document]
    chosen = next(
        (one for one in members if isinstance(one, dict) and one.get("id") == identifier), members[0] if members else {}
    )
    return json.dumps(chosen).encode()


def print_plan(plan: Plan, stream: TextIO) -> None:
    """The plan as text: check by check, in the order in which they would run."""
    check = ""
    for request in plan.requests:
        if request.check != check:
            check = request.check
            capability = plan.only_with.get(check)
            stream.write(f"{check}{f'  (only where {capability} is found)' if capability else ''}\n")
        stream.write(f"  {request.mode:13}  {request.method:7} {request.role}: {request.path}\n")
    stream.write(f"{len(plan.requests)} requests; none was sent. {LIMIT}\n")
