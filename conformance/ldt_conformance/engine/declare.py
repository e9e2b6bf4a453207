"""How a check is declared: the `@check` decorator and the register that it fills.

A declaration is data (permanent id, level, clauses, test purposes, requirements, mode). The decorator hangs it on the
function and leaves the function as it was, so that a check can still be called, and found by pytest, like any test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from ldt_conformance.engine.verdicts import Layer, Level, Mode

P = ParamSpec("P")
R = TypeVar("R")

ATTRIBUTE = "__ldt_check__"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of one edition of a document, with the short quote the check rests on."""

    document: str
    edition: str
    number: str
    quote: str = ""

    def __str__(self) -> str:
        """As people cite it: `CIM 009 V1.9.1 clause 5.6.1.4`."""
        return f"{self.document} V{self.edition} clause {self.number}"


@dataclass(frozen=True, slots=True)
class CheckDeclaration:
    """What is known about a check before it runs.

    Attributes:
        id: Permanent, `pack-specific-group/what`; clause numbers may change, this does not.
        pack: `ngsi-ld` or `toolbox`.
        since: First edition of the standard whose text asks for this (NGSI-LD versions, e.g. `1.3.1`).
        until: Last edition that asks for it, where a later one changed the rule; else None.
        mode: The least safety mode in which the check can run.
        roles: Endpoint roles of the site file that the check needs (all of them).
        capability: Optional capability that must be claimed or found (`temporal`, `subscriptions`, …); None is core.
    """

    id: str
    title: str
    level: Level
    pack: str
    layer: Layer
    clauses: tuple[Clause, ...]
    requirements: tuple[str, ...]
    test_purposes: tuple[str, ...]
    pics: tuple[str, ...]
    since: str
    until: str | None
    mode: Mode
    roles: tuple[str, ...]
    capability: str | None


def check(
    *,
    id: str,  # noqa: A002 — the word of the design for a check's permanent name
    title: str,
    level: Level,
    clause: Clause | Sequence[Clause] = (),
    requirements: Sequence[str],
    test_purposes: Sequence[str] = (),
    pics: Sequence[str] = (),
    pack: str = "ngsi-ld",
    layer: Layer = Layer.INTEROPERABILITY,
    since: str = "1.3.1",
    until: str | None = None,
    mode: Mode = Mode.PROBE,
    roles: Sequence[str] = ("broker",),
    capability: str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the decorated test function as a check; see `CheckDeclaration` for the fields.

    Raises:
        ValueError: A check without a requirement it can falsify, or an id that is not `group/name`.
    """
    if not requirements:
        raise ValueError(f"check {id!r} names no requirement; every check says which one it can falsify")
    if id.count("/") != 1 or id != id.lower() or " " in id:
        raise ValueError(f"check id {id!r} is not of the form group/name in lower case")
    declaration = CheckDeclaration(
        id=id,
        title=title,
        level=level,
        pack=pack,
        layer=layer,
        clauses=(clause,) if isinstance(clause, Clause) else tuple(clause),
        requirements=tuple(requirements),
        test_purposes=tuple(test_purposes),
        pics=tuple(pics),
        since=since,
        until=until,
        mode=mode,
        roles=tuple(roles),
        capability=capability,
    )

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        setattr(function, ATTRIBUTE, declaration)
        return function

    return mark


def declaration_of(function: object) -> CheckDeclaration | None:
    """The declaration on a test function, or None where the function is no check."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, CheckDeclaration) else None
