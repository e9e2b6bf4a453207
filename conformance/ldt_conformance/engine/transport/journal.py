"""What a run created, on disk before it was asked for, so that it can be removed however the run ends.

One append-only file of JSON lines a process: `journal/<run>.<worker>.jsonl` in the run set's folder. The first line
says which site it concerns; every further line is an intent (`create`), the name that the server chose for it
(`named`), or its removal (`removed`). Each line is forced to disk before the request that it announces leaves.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from ldt_conformance.engine.errors import JournalError

FOLDER = "journal"

Kind = Literal[
    "entity", "temporal-entity", "subscription", "registration", "registration-subscription", "context", "snapshot",
    "entity-map", "object", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resource:
    """Something at a target that a run creates or changes.

    Attributes:
        kind: What it is.
        id: Its name; None where the server will choose one.
        path: Where it is (or, without id, the collection it is created in), relative to the API root.
    """

    kind: Kind
    id: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a run may have left at a target."""

    number: str
    role: str
    resource: Resource
    marker: str
    at: float
    named: str | None = None  # path of what the server named itself, once known
    tenant: str | None = None


class Journal:
    """The journal of one process."""

    def __init__(self, folder: Path, run: str, worker: str, header: dict[str, Any]) -> None:
        self.path = folder / FOLDER / f"{run}.{worker}.jsonl"
        self._worker = worker
        self._header = {"op": "run", "run": run, **header}
        self._descriptor: int | None = None
        self._count = 0
        self._ids: set[str] = set()
        self.left: dict[str, Entry] = {}  # by number; what this process created and has not removed

    def create_all(self, role: str, resources: Sequence[Resource], marker: str, tenant: str | None = None) -> list[str]:
        """Note intents, with one sync; returns their numbers.

        Raises:
            JournalError: They could not be put on disk.
        """
        if not resources:
            return []
        now = time.time()
        entries = [
            Entry(f"{self._worker}-{self._count + place}", role, resource, marker, now, tenant=tenant)
            for place, resource in enumerate(resources, start=1)
        ]
        self._count += len(resources)
        common = {"op": "create", "at": now, "role": role, "marker": marker, "tenant": tenant}
        self._append(*({**common, "n": entry.number} | asdict(entry.resource) for entry in entries))
        self.left.update((entry.number, entry) for entry in entries)
        self._ids.update(resource.id for resource in resources if resource.id is not None)
        return [entry.number for entry in entries]

    def removed_all(self, numbers: Sequence[str]) -> None:
        """Note that many are gone."""
        if numbers:
            self._append(*({"op": "removed", "n": number} for number in numbers))
        for number in numbers:
            self.left.pop(number, None)

    def named(self, number: str, path: str) -> None:
        """Note the path under which the server keeps what was asked for."""
        self._append({"op": "named", "n": number, "path": path})
        self.left[number] = replace(self.left[number], named=path)
        self._ids.add(last_segment(path))

    def removed(self, number: str) -> None:
        """Note that it is gone."""
        self._append({"op": "removed", "n": number})
        self.left.pop(number, None)

    def knows(self, resource_id: str) -> bool:
        """Whether this process journalled that id."""
        return resource_id in self._ids

    def holds(self, resource_id: str) -> bool:
        """Whether something of that id is journalled and not removed yet."""
        return any(entry.resource.id == resource_id for entry in self.left.values())

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, *records: dict[str, Any]) -> None:
        lines = list(records)
        size = 0
        try:
            if self._descriptor is None:
                self._descriptor = _open_new(self.path)
            size = os.fstat(self._descriptor).st_size
            if size == 0:
                lines.insert(0, self._header)
            data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes fitted")
            os.fsync(self._descriptor)
        except OSError as error:
            self._take_back(size)
            raise JournalError(
                f"the journal {self.path} could not be written ({error.strerror or error}); nothing was sent, because "
                "what is not journalled cannot be removed. Is the disk full? Try another folder: --out DIR"
            ) from error

    def _take_back(self, size: int) -> None:
        """Half a line would make the whole file unreadable."""
        if self._descriptor is not None:
            with suppress(OSError):  # the error that is being told matters more
                os.ftruncate(self._descriptor, size)


def _open_new(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.name == "posix":  # the file's name must be on disk as well
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return descriptor


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal as read back."""

    path: Path
    header: dict[str, Any]
    left: list[Entry]  # what has not been removed, oldest first


def last_segment(url: str) -> str:
    """The name at the end of a URL or path, decoded."""
    return unquote(url.split("?")[0].rstrip("/").rsplit("/", 1)[-1])


def journal_files(place: Path) -> list[Path]:
    """The journals of a run set's folder, or the one file that was named."""
    if place.is_file():
        return [place]
    folder = place / FOLDER if (place / FOLDER).is_dir() else place
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def remove_journal(path: Path, *, missing_ok: bool = False) -> None:
    """Remove a journal that has done its work, and its folder with the last one."""
    path.unlink(missing_ok=missing_ok)
    with suppress(OSError):  # others are still in it
        path.parent.rmdir()


def read_journal(path: Path) -> JournalFile:
    """Read a journal; a last line that a crash cut short announces nothing that was sent, and is left out.

    Raises:
        JournalError: Not a journal.
    """
    header: dict[str, Any] = {}
    left: dict[str, Entry] = {}
    for record in _records(path):
        if record["op"] == "run":
            header = record
        elif record["op"] == "create":
            left[record["n"]] = Entry(
                number=record["n"],
                role=record["role"],
                resource=Resource(kind=record["kind"], id=record["id"], path=record["path"]),
                marker=record["marker"],
                at=record["at"],
                tenant=record.get("tenant"),
            )
        elif record["op"] == "named" and record["n"] in left:
            left[record["n"]] = replace(left[record["n"]], named=record["path"])
        elif record["op"] == "removed":
            left.pop(record["n"], None)
    if not header and path.stat().st_size == 0:  # a disk that was full before the first line: nothing was sent
        header = {"run": path.name.partition(".")[0]}
    if not header:
        raise JournalError(f"{path} is not a journal of ldt: it does not start with the run it belongs to")
    return JournalFile(path=path, header=header, left=list(left.values()))


def _records(path: Path) -> Iterable[dict[str, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error
    for index, line in enumerate(lines):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict) and "op" in record:
            yield record
        elif index < len(lines) - 1:
            raise JournalError(f"{path} is not a journal of ldt: line {index + 1} is no record")
