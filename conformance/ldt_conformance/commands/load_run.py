"""What `ldt load` does: one run after the other, each added to the run set, with a word on what was felt."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ldt_conformance.ending import ending
from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.report import Budget, Run
from ldt_conformance.engine.run import run_set
from ldt_conformance.engine.run.assembly import assemble_load
from ldt_conformance.engine.run.session import Options, Session
from ldt_conformance.engine.run_context import new_run_id
from ldt_conformance.engine.site.site_file import DEFAULT_NAME
from ldt_conformance.engine.transport.journal import remove_journal
from ldt_conformance.register import declared_checks

if TYPE_CHECKING:  # the extra may not be installed
    from ldt_load.run import LoadRun

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Request:
    """The command line, as given."""

    target: str | None
    scenarios: tuple[str, ...]
    rate: float | None
    users: int | None
    duration: str
    seed: int
    mode: str | None
    out: Path
    json: bool


def seconds(text: str) -> float:
    """`30s`, `5m`, `1h` or plain seconds.

    Raises:
        SiteError: None of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text.strip())
    if found is None or float(found[1]) == 0:
        raise SiteError([f"--duration {text}: expected a time above 0 such as 30s, 5m or 1h"])
    return float(found[1]) * UNITS[found[2]]


def run_loads(request: Request) -> int:
    """Run the scenarios; returns the worst exit code, where losing data is worse than an invalid run.

    Raises:
        EngineError: Before anything was sent (usage), or the twin could not be loaded.
    """
    if importlib.util.find_spec("locust") is None:
        raise SiteError(["the load tests are not installed. Try: pip install 'ldt-harness[load]'"])
    from ldt_load.scenarios import SCENARIOS

    unknown = [name for name in request.scenarios if name not in SCENARIOS]
    if unknown:
        raise SiteError([f"--scenario {name}: unknown; known: {', '.join(SCENARIOS)}" for name in unknown])
    site = request.target or (DEFAULT_NAME if Path(DEFAULT_NAME).exists() else None)
    if site is None:
        raise SiteError(
            ["there is no ldt.yaml here. Try: ldt load URL --mode load, or: ldt up, and the site file it names"]
        )
    console = Console(stderr=request.json, highlight=False)
    codes, summaries = [], []
    for name in request.scenarios or tuple(SCENARIOS):
        code, summary = _run_one(request, site, name, console)
        codes.append(code)
        summaries.append(summary)
    if request.json:
        json.dump(summaries, sys.stdout)
    return next((code for code in (1, 3) if code in codes), 0)


def _run_one(request: Request, site: str, name: str, console: Console) -> tuple[int, dict[str, Any]]:
    from ldt_load.run import LoadOptions, LoadRun, exit_code_of, plan_of

    session = Session.open(Options(site=site, mode=request.mode, out=str(request.out)), run=new_run_id("load"))
    try:
        run_set.read_report(session.settings.out)
        options = LoadOptions(name, request.rate, request.users, seconds(request.duration), request.seed)
        plan = plan_of(options, session)
        started = datetime.now(UTC)
        with _bar(console, f"{name} at {plan.rate:g}/s for {plan.duration:g} s") as progress:
            load = LoadRun(session, plan, progress)
            summary = _execute(load, session)
        code = exit_code_of(summary)
        run = Run(
            id=session.settings.id,
            kind="load",
            started=started,
            finished=datetime.now(UTC),
            mode=session.settings.mode,
            budget=_budget(session, summary),
            exit_code=code,
            left_behind=load.left_behind,
        )
        summary = {"run": run.id, "started": started.isoformat().replace("+00:00", "Z"), **summary}
        written = _write(session, run, summary)
    finally:
        session.close()
        session.remove_work()
    _print(summary, written, console)
    return code, summary


def _execute(load: LoadRun, session: Session) -> dict[str, Any]:
    """The run, with errors that hold no secret and say what may have been left at the target."""
    from ldt_load.run import LoadError

    try:
        summary = load.execute()
    except LoadError as error:
        remains = f"\n{len(load.left_behind)} entities may remain there. Try: ldt cleanup --out {session.settings.out}"
        raise LoadError(session.services.masker.text(f"{error}{remains if load.left_behind else ''}")) from error
    finally:
        session.services.journal.close()
        if not load.left_behind:
            remove_journal(session.services.journal.path, missing_ok=True)
    return summary


def _budget(session: Session, summary: dict[str, Any]) -> Budget:
    state = session.services.budget.state()
    sent = int(state["sent"]) + summary["total"]["sent"]
    return Budget(rate=summary["top_rate_per_second"], requests_sent=sent, bytes_received=int(state["bytes"]))


def _write(session: Session, run: Run, summary: dict[str, Any]) -> list[Path]:
    """Add the run to the run set; its single exchanges are no evidence of conformance and are not kept."""
    end = ending()
    out = session.settings.out
    with run_set.locked(out):
        before = run_set.read_report(out)
        report = assemble_load(before, end.catalogue, declared_checks(), site=session.site, run=run, summary=summary)
        return run_set.write(out, session.settings.work, end.complete(report), b"", session.services.masker, end.render)


@contextmanager
def _bar(console: Console, title: str) -> Iterator[Any]:
    """A bar on a terminal, one line a stage elsewhere."""
    if not console.is_terminal:
        seen: set[str] = set()

        def line(stage: str, share: float, said: str) -> None:
            if stage not in seen or share >= 1:
                console.print(f"{title}: {stage}: {said}", markup=False)
            seen.add(stage)

        yield line
        return
    with Bar(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), console=console) as bar:
        task = bar.add_task(title, total=1.0, said="")
        yield lambda stage, share, said: bar.update(task, completed=share, said=f"{stage}: {said}")


def _print(summary: dict[str, Any], written: list[Path], console: Console) -> None:
    total, complete = summary["total"], summary["completeness"]
    felt, service = total["from_due_ms"], total["service_ms"]
    state = "valid" if summary["valid"] else "INVALID"
    lines = [
        f"{summary['scenario']}: {state}; {total['acknowledged']} of {total['due']} requests answered rightly, "
        f"{total['errors']} errors, {summary['achieved_per_second']:g}/s of {summary['offered_per_second']:g}/s",
        f"  from due: p50 {felt.get('p50', 0):g} ms, p95 {felt.get('p95', 0):g} ms, p99 {felt.get('p99', 0):g} ms, "
        f"max {felt.get('max', 0):g} ms (service alone: p99 {service.get('p99', 0):g} ms)",
        f"  writes: sent {complete['sent']}, acknowledged {complete['acknowledged']}, readable {complete['readable']}",
        *(f"  invalid: {reason}" for reason in summary["invalid_reasons"]),
        *(f"  error: {row['count']} x {row['operation']}: {row['message']}" for row in summary["errors"][:5]),
        *(f"  note: {note}" for note in summary["notes"]),
        "  " + ", ".join(str(path) for path in written[:2]),
    ]
    for text in lines:
        console.print(text, markup=False, soft_wrap=True)
