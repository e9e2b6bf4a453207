"""Data-space connectors: can they be found? (LDT-DA-30, -40). What they negotiate is for their own official kits."""

from __future__ import annotations

import json
from typing import Any

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.twin import JSON, Twin
from ldt_conformance.discovery import root_and_path
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable, warn

CURRENT, OLDER = "2025-1", "2024-1"


DSP, FIWARE = "dspace-version", "data-space-configuration"


def well_known(twin: Twin, name: str) -> tuple[int, Any]:
    """Status and JSON of a well-known address at the connector's root; asked once."""
    return twin.once(f"well-known {name}", lambda: _ask(twin, name))


def _ask(twin: Twin, name: str) -> tuple[int, Any]:
    endpoint = twin.target.endpoint("connector")
    if endpoint is None or endpoint.url is None:
        not_applicable(Reason.UNCLAIMED, "ldt.yaml names no connector")
    client = twin.target.client("connector")
    root, _ = root_and_path(client.base_url)
    response = client.request("GET", f"{root}/.well-known/{name}", headers=JSON)
    try:
        return response.status, json.loads(response.content)
    except ValueError:
        return response.status, None


def _other_kind(twin: Twin, other: str, words: tuple[str, ...]) -> None:
    """Not applicable where the connector is declared, or shows itself, to be of the other kind."""
    endpoint = twin.target.endpoint("connector")
    declared = (endpoint.api or "") if endpoint is not None else ""
    if declared.startswith(words):
        not_applicable(Reason.UNCLAIMED, f"the connector is declared as {declared}")
    if not declared and well_known(twin, other)[0] == 200:
        not_applicable(Reason.UNCLAIMED, f"the connector shows itself by /.well-known/{other}")


@toolbox_check("data-space/dsp", "LDT-DA-30")
def test_dsp(twin: Twin, run: RunContext) -> None:
    status, body = well_known(twin, DSP)
    found = body.get("protocolVersions") if isinstance(body, dict) else None
    entries = found if isinstance(found, list) else []
    versions = [str(entry.get("version", "")) for entry in entries if isinstance(entry, dict)]
    expected = f"/.well-known/{DSP} with protocolVersions, {CURRENT} among them"
    if CURRENT in versions:
        run.note(f"versions: {listed(versions)}")
        return
    if OLDER in versions:
        warn(Reason.PARTIAL, expected, f"only {listed(versions)}")
    _other_kind(twin, FIWARE, ("fiware",))
    fail(expected, f"{status}, versions: {listed(versions) or 'none'}")


@toolbox_check("data-space/fiware", "LDT-DA-40")
def test_fiware(twin: Twin, run: RunContext) -> None:
    status, body = well_known(twin, FIWARE)
    if status == 200 and isinstance(body, dict) and body:
        run.note(f"it names {listed(sorted(body))}")
        return
    _other_kind(twin, DSP, ("dsp", "edc", "simpl"))
    fail(f"200 and JSON from /.well-known/{FIWARE}", str(status))
