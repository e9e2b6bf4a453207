"""Shorthand for declarations: a toolbox check takes level, layer and title from the requirement that it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.declare import Clause, check
from ldt_conformance.engine.verdicts import Mode

P = ParamSpec("P")
R = TypeVar("R")


def toolbox_check(
    id: str,  # noqa: A002 — the word of the design for a check's permanent name
    requirement: str,
    *,
    title: str | None = None,
    roles: Sequence[str] = (),
    clause: Clause | Sequence[Clause] = (),
    mode: Mode = Mode.PROBE,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a check of the toolbox pack.

    Args:
        id: Permanent, `layer-or-api/what`.
        requirement: The requirement that it can falsify, e.g. `LDT-DS-04`; gives level, layer and title.
        title: Where it differs from the requirement's.
        roles: Endpoint roles it cannot do without. Most checks name none: they ask the detector what is there.
    """
    row = load_catalogue()[requirement]
    return check(
        id=id,
        title=title or row.title,
        level=row.level,
        clause=clause,
        requirements=(requirement,),
        pack="toolbox",
        layer=row.layer,
        roles=roles,
        mode=mode,
    )


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first few of many, for a verdict: `a, b, c and 4 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
