"""Every exchange with a target, masked when it is captured.

Each process of a run writes `evidence.<worker>.jsonl` into the run's working folder; when the run ends they are joined
into the run set's `evidence.jsonl.gz`.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from ldt_conformance.engine.errors import WorkFolderError

BODY_CAP = 16_384  # characters of a body that are kept


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as recorded: everything in here is masked."""

    id: str
    check: str
    role: str
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int | None  # None: no answer
    response_headers: dict[str, str]
    response_body: str
    error: str | None
    started: str  # RFC 3339, UTC
    seconds: float
    curl: str
    credentialed: bool  # the request carried our credentials

    def as_dict(self, run: str) -> dict[str, Any]:
        """The line of the evidence file."""
        return {
            "run": run,
            "id": self.id,
            "check": self.check,
            "role": self.role,
            "started": self.started,
            "seconds": round(self.seconds, 6),
            "request": {
                "method": self.method, "url": self.url, "headers": self.request_headers, "body": self.request_body,
            },
            "response": None
            if self.status is None
            else {"status": self.status, "headers": self.response_headers, "body": self.response_body},
            "error": self.error,
            "curl": self.curl,
        }  # fmt: skip


class Recorder:
    """Writes the evidence of one process, and keeps the exchanges of the check that is running."""

    def __init__(self, folder: Path, run: str, worker: str) -> None:
        self.path = folder / f"evidence.{worker}.jsonl"
        self.check = ""
        self.current: list[Exchange] = []
        self._prefix = f"{run.rsplit('-', 1)[-1]}-{worker}"
        self._run = run
        self._count = 0
        self._file: FileIO | None = None
        self._lock = threading.Lock()  # the preflight looks at several endpoints at once

    def begin(self, check: str) -> None:
        """The exchanges from now on belong to this check."""
        self.check = check
        self.current = []

    def next_id(self) -> str:
        """An id for the next exchange, unique in the run set."""
        with self._lock:
            self._count += 1
            return f"{self._prefix}-{self._count}"

    def add(self, exchange: Exchange) -> None:
        """Write one exchange.

        Raises:
            WorkFolderError: It could not be put on disk.
        """
        line = json.dumps(exchange.as_dict(self._run), ensure_ascii=False).encode() + b"\n"
        with self._lock:
            self.current.append(exchange)
            self._append(line)

    def _append(self, line: bytes) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)  # unbuffered: a full disk is told here, not at the end
            size = os.fstat(self._file.fileno()).st_size
            if self._file.write(line) != len(line):
                self._file.truncate(size)  # half a line is no evidence
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise WorkFolderError(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def cap(text: str) -> str:
    """A body, cut to what is kept."""
    return text if len(text) <= BODY_CAP else f"{text[:BODY_CAP]}… ({len(text) - BODY_CAP} more characters)"


def body_text(content: bytes) -> str:
    """A body as text; binary ones by their size alone."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no UTF-8 text)"
