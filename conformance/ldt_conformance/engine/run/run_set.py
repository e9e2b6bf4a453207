"""The folder of a run set: `report.json`, `evidence.jsonl.gz` and the renderings, written whole or not at all.

Every command takes the folder's lock, reads what is there, adds its run and replaces the files one by one. Nothing is
put into place before it was searched for every secret of the site file, in every encoding: what is rendered is made
from the masked report, and searched once more.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from ldt_conformance.engine.errors import EngineError
from ldt_conformance.engine.report import Report
from ldt_conformance.engine.transport.masking import Masker

REPORT = "report.json"
EVIDENCE = "evidence.jsonl.gz"
LOCK = ".lock"
LOCK_SECONDS = 60


class RunSetError(EngineError):
    """The folder of the run set cannot be read or written."""


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the run set: one writer at a time."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(out / LOCK), timeout=LOCK_SECONDS)
        with lock:
            yield
    except OSError as error:
        raise RunSetError(
            f"{out} cannot be written: {error.strerror or error}. Try another folder: --out DIR"
        ) from error


def read_report(out: Path) -> Report | None:
    """The report of a run set; None where there is none yet.

    Raises:
        RunSetError: There is one, but of no form we know; it is never overwritten.
    """
    path = out / REPORT
    if not path.exists():
        return None
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunSetError(
            f"{path} is no report of this version of ldt, and is not overwritten. Try another folder: --out DIR"
        ) from error


def evidence_member(work: Path, masker: Masker) -> bytes:
    """The evidence of all processes of a run as one gzip member; empty where nothing was sent."""
    lines: list[str] = []
    for part in sorted(work.glob("evidence.*.jsonl")):
        # Once more with what became known since: a token that one process fetched may stand in another's evidence.
        lines += [masker.text(line) for line in part.read_text(encoding="utf-8").splitlines()]
    if not lines:
        return b""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def digest(content: bytes) -> str:
    """As it is cited: `sha256:…`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write(
    out: Path,
    work: Path,
    report: Report,
    evidence: bytes,
    masker: Masker,
    render: Callable[[Report, Path], Iterable[Path]],
) -> list[Path]:
    """Put report, evidence and renderings into place; returns what was written.

    Args:
        out: The run set's folder; its lock is held.
        work: A folder on the same file system, for the time before the files are complete.
        report: The whole run set.
        evidence: This run's gzip member, added to those of earlier runs.
        masker: Knows the secrets.
        render: Writes the default renderings into a folder that holds the report; returns their paths.

    Raises:
        RunSetError: A file could not be written; what was there before is untouched.
    """
    stage = work / "stage"
    try:
        stage.mkdir(parents=True, exist_ok=True)
        text = masker.text(report.model_dump_json(by_alias=True, indent=1))
        (stage / REPORT).write_text(text, encoding="utf-8")
        if evidence:
            before = (out / EVIDENCE).read_bytes() if (out / EVIDENCE).exists() else b""
            (stage / EVIDENCE).write_bytes(before + evidence)
        rendered = list(render(Report.model_validate_json(text), stage))
        files = [stage / REPORT, *([stage / EVIDENCE] if evidence else []), *rendered]
        for file in files:
            _scan(file, masker)
        return [_put(file, out / file.relative_to(stage)) for file in files]
    except OSError as error:
        raise RunSetError(
            f"the report could not be written to {out}: {error.strerror or error}. Is the disk full? Try: --out DIR"
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put(file: Path, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(file, place)  # noqa: PTH105 — the atomic one, by its usual name
    return place


def _scan(file: Path, masker: Masker) -> None:
    """The last look before a file is put into place: whatever secret is still in it goes now."""
    content = file.read_bytes()
    packed = file.suffix == ".gz"
    text = (gzip.decompress(content) if packed else content).decode("utf-8", errors="surrogateescape")
    clean = masker.text(text)
    if clean != text:
        data = clean.encode("utf-8", errors="surrogateescape")
        file.write_bytes(gzip.compress(data, mtime=0) if packed else data)
