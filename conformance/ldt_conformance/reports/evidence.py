"""Exchanges from `evidence.jsonl.gz`, for showing beside the verdicts that cite them; the full edition only.

The report itself holds ids alone. Where the evidence lies beside it, each exchange gets its request line and status,
and those of verdicts that are no pass their headers and bodies, cut.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldt_conformance.engine.report import Report, run_results
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.wording.text import shown, visible

FILE = "evidence.jsonl.gz"
BODY_CHARACTERS = 1_500  # of one body on the page; the file keeps more


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """One request and its answer as the page shows them.

    Attributes:
        line: `POST https://…/entities → 201, 12 ms`.
        request: Headers and body, or empty where the verdict is a pass.
        response: As above; the error where there was no answer.
    """

    id: str
    line: str
    request: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What could be read, by exchange id, and why not where it could not."""

    exchanges: Mapping[str, ExchangeView] = field(default_factory=dict)
    problem: str | None = None


def read_evidence(folder: Path, report: Report) -> Evidence:
    """The exchanges that the shown results cite; empty where there is no evidence file."""
    path = folder / FILE
    if not path.is_file():
        return Evidence()
    wanted: dict[str, bool] = {}
    for result in run_results(report):
        for id_ in result.exchanges:
            wanted[id_] = wanted.get(id_, False) or result.verdict is not Verdict.PASS
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as lines:
            return Evidence(dict(_views(lines, wanted)))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        return Evidence(problem=f"{FILE} could not be read ({error}); exchanges are shown by their ids alone")


def _views(lines: Iterable[str], wanted: Mapping[str, bool]) -> Iterable[tuple[str, ExchangeView]]:
    for line in lines:
        raw = json.loads(line)
        id_ = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(id_, str) and id_ in wanted:
            yield id_, _view(id_, raw, whole=wanted[id_])


def _view(id_: str, raw: Mapping[str, Any], *, whole: bool) -> ExchangeView:
    request, response = _dict(raw.get("request")), _dict(raw.get("response"))
    seconds = raw.get("seconds")
    took = f", {seconds * 1000:.0f} ms" if isinstance(seconds, int | float) else ""
    outcome = response.get("status") or "no answer"
    line = visible(f"{request.get('method', '?')} {request.get('url', '?')} → {outcome}{took}")
    if not whole:
        return ExchangeView(id_, line)
    failed = f"{raw['error']}\n" if raw.get("error") else ""
    return ExchangeView(id_, line, _message(request), failed + _message(response))


def _message(part: Mapping[str, Any]) -> str:
    """Headers, an empty line, the body."""
    headers = "\n".join(visible(f"{name}: {value}") for name, value in sorted(_dict(part.get("headers")).items()))
    body = shown(str(part.get("body") or ""), BODY_CHARACTERS, where=FILE)
    return f"{headers}\n\n{body}".strip("\n") if body else headers


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
