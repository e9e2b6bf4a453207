"""A gap analysis as a run of its own: what a site file says, added to what its run set knows already.

Nothing is sent to the twin here. Where the run set holds a check run, its results stay and the page shows both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.judging.profiles import APIS, ROLES, profiles_of
from ldt_conformance.engine.report import Report, Run, Suite
from ldt_conformance.engine.run.assembly import declared_inventory, environment, target_info
from ldt_conformance.engine.site.model import Site


@dataclass(frozen=True, slots=True)
class Judged:
    """What the engine makes of a site file (`engine.site.declared`, `engine.judging.profiles`), as plain data."""

    declarations: Sequence[Mapping[str, Any]]
    outlook: Sequence[str]
    profiles: Iterable[str]


def analyse(site: Site, judged: Judged, before: Report | None, *, suite: Suite, run: str, when: datetime) -> Report:
    """The run set's report with this analysis added; pure.

    Args:
        site: The site file.
        judged: What it says of each requirement.
        before: The run set's report so far, None for a new one; its results, roll-up and load runs stay.
        suite: Which suite judges, where the run set is new.
        run: This run's id.
        when: Its instant.

    Raises:
        SiteError: The run set is another site's.
    """
    if before is not None and before.target.name != site.site.name:
        raise SiteError(
            [
                f"the folder holds the run set of {before.target.name!r}, expected one of {site.site.name!r} "
                "or an empty one. Try: --out another folder"
            ]
        )
    known = before or Report(suite=suite, target=target_info(site), environment=environment())
    inventory = {
        **known.inventory,
        "declared": declared_inventory(site),
        "declarations": [dict(one) for one in judged.declarations],
        "outlook": list(judged.outlook),
        "profiles": sorted(judged.profiles),
    }
    return known.model_copy(
        update={
            "runs": [*known.runs, Run(id=run, kind="gap", started=when, finished=when)],
            "answers": dict(site.answers),
            "inventory": inventory,
        }
    )


def profiles_said(site: Site) -> frozenset[str]:
    """The profiles that a site's file speaks of: as the engine's, and those of components that have no address."""
    roles = {component.role for component in site.components if component.role}
    apis = [component.api.lower() for component in site.components if component.api]
    by_role = {profile for profile, wanted in ROLES.items() if roles & wanted}
    return (
        profiles_of(site)
        | by_role
        | {profile for profile, api in APIS.items() if any(one.startswith(api) for one in apis)}
    )
