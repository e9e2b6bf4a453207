"""What a site still lacks for the CitCom.ai level and the EDIC profile that it is after.

The rules of levels and profiles are in `engine.judging.levels`; here they are only asked what each step is short of,
so that a gap can say what it holds up. Whether a level or profile is reached is decided by the engine alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from ldt_conformance.engine.judging.levels import CLASSES, LEVELS, climb
from ldt_conformance.engine.report import RequirementState, Rollup

HIGHEST_LEVEL = len(LEVELS) - 1


def wanted_requirements(
    rollup: Rollup, states: Mapping[str, RequirementState], target_level: int | None
) -> dict[str, str]:
    """Requirement id -> the step that waits for it, e.g. "CitCom.ai level 1"; the lowest such step.

    Args:
        rollup: The levels and profiles reached and claimed.
        states: Requirement states by id.
        target_level: The level that the site wants. The goal is the higher of this and what it claims; where it says
            neither, one more than it reached.
    """
    wanted: dict[str, str] = {}
    for level in range(_goal(rollup, target_level) + 1):
        if rollup.citcom_level is None or level > rollup.citcom_level:
            short = climb((LEVELS[level],), states)
            wanted = dict.fromkeys(short.missing + short.unknown, f"CitCom.ai level {level}") | wanted
    for profile in _profiles_up_to(rollup.edic_profile_claimed):
        short = climb((CLASSES[profile],), states)
        wanted = dict.fromkeys(short.missing + short.unknown, f"EDIC profile {profile}") | wanted
    return wanted


def _goal(rollup: Rollup, target_level: int | None) -> int:
    """What the site says it wants or has; only where it says nothing, one level more than it reached."""
    said = [level for level in (target_level, rollup.citcom_level_claimed) if level is not None]
    above = 0 if rollup.citcom_level is None else rollup.citcom_level + 1
    return min(max(said) if said else above, HIGHEST_LEVEL)


def _profiles_up_to(claimed: str | None) -> list[str]:
    """The profiles that probes can show, up to the claimed one; all of them where more is claimed."""
    names = list(CLASSES)
    if claimed is None:
        return []
    return names[: names.index(claimed) + 1] if claimed in names else names
