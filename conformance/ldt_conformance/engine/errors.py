"""What can go wrong on our side or the user's: one root, and the exit code that each kind leads to."""

from __future__ import annotations

from pathlib import Path


class EngineError(Exception):
    """Root of the suite's own errors. The message says what happened, what was expected and what to try."""

    exit_code = 4


class SiteError(EngineError):
    """The site file, an option or a secret is not usable. Lists every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class JournalError(EngineError):
    """The journal could not be written; nothing was sent, because what cannot be journalled cannot be removed."""


class WorkFolderError(EngineError):
    """The run's working folder (evidence, request count) could not be written; the run ends, and cleans up."""

    def __init__(self, path: Path, error: Exception) -> None:
        said = error.strerror if isinstance(error, OSError) else str(error)
        super().__init__(
            f"{path} could not be written ({said}); expected room for the evidence of a run. Is the disk full? "
            "Try another folder: --out DIR"
        )


class SafetyRefused(EngineError):  # noqa: N818 — the name that the contract gives it
    """A check wanted to send what its mode or its declaration does not allow: a mistake of ours, never a verdict."""
