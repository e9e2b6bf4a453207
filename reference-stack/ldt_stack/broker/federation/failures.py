"""How a distributed operation can fail: ETSI GS CIM 009 V1.9.1, clause 6.3.17.

Of a reading operation a failure becomes an NGSILD-Warning, of a writing one an error. The standard gives these errors
HTTP statuses but no type of its own: they are InternalErrors (5.5.2).
"""

from __future__ import annotations

from typing import ClassVar, Final

from ldt_stack.broker.errors import InternalError
from ldt_stack.broker.model.names import JsonObject

# Answers that say "not now" to whatever is asked: of the others, the next request may be answered otherwise.
_NOT_NOW: Final = frozenset({408, 429, 500, 502, 503, 504})


class SourceFailure(InternalError):  # noqa: N818 — as the standard's own types are called
    """A Context Source did not do what it was asked to.

    Attributes:
        warning_code: Of table 6.3.17-1.
        answered: HTTP status of the source's answer; None if there was none.
        problem: The ProblemDetails of that answer, if it had one.
    """

    title = "The distributed operation failed"
    warning_code: ClassVar[int] = 299
    answered: int | None = None
    problem: JsonObject | None = None

    @property
    def unavailable(self) -> bool:
        """Whether a cooldown begins (5.2.34): there was no usable answer, other than one that refuses this request."""
        return self.answered is None or self.answered in _NOT_NOW


class SourceRefused(SourceFailure):
    """The source answered with an error (502)."""


class SourceTimeout(SourceFailure):
    """No answer within the time allowed, or not even asked because of the cooldown (504)."""

    title = "The Context Source did not answer in time"
    warning_code = 199


class SourceUnreachable(SourceFailure):
    """No answer at all (502)."""

    title = "The Context Source cannot be reached"
    warning_code = 199


class SourceInvalid(SourceFailure):
    """An answer that is no NGSI-LD, too large, or about something else (502)."""

    title = "The Context Source gave an answer that is not valid"
    warning_code = 111


class LoopDetected(SourceFailure):
    """The source has been passed already, or is this broker itself (508)."""

    title = "The registrations form a loop"
    warning_code = 199
