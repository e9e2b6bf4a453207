"""Is a service that people run beside the twin (a workflow engine, a dashboard) well, by its own account?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ldt_conformance.checks.toolbox.declared import listed
from ldt_conformance.clients.twin import JSON, Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable

HEALTHY = re.compile(r"(?i)\b(ok|healthy|ready|running|up|true|pass|green|available)\b")
UNHEALTHY = re.compile(
    r"(?i)\b(unhealthy|unavailable|down|failed|failing|not[ _-]?ready)\b"
    r"|\"(ok|healthy|ready|live|up|running)\"\s*:\s*false"
)


def declared_client(twin: Twin, role: str) -> Client:
    """The client of a role that the site file gives a URL for; not applicable where it gives none."""
    endpoint = twin.target.endpoint(role)
    if endpoint is None or endpoint.url is None:
        not_applicable(Reason.UNCLAIMED, f"ldt.yaml names no {role} endpoint")
    return twin.target.client(role)


def expect_healthy(client: Client, paths: Iterable[str], run: RunContext, *, service: str, wanted: str) -> None:
    """Ask one address after the other until one says how the service is.

    Args:
        client: Of the service.
        paths: Where services of this kind say how they are, relative to its URL.
        run: Notes the answer that was taken.
        service: What it is, for the verdict.
        wanted: What is expected where no address says anything.
    """
    seen = []
    for path in paths:
        response = client.request("GET", path, headers=JSON)
        said = "" if response.media_type == "text/html" else response.text[:2000]
        if response.status == 200 and UNHEALTHY.search(said):
            fail(f"200 and a healthy state from the {service}", f"GET {path or '/'} answers {said[:120]}")
        if response.status == 200 and HEALTHY.search(said):
            run.note(f"GET {path or '/'} answers {response.text[:80]}")
            return
        seen.append(f"{path or '/'} {response.status}")
    fail(wanted, listed(seen))
