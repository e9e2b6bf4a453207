"""What each CitCom.ai level and each EDIC profile rests on, for saying what a gap holds up.

Levels: CitCom.ai interoperability levels. Profiles: EDIC reference architecture, draft v0.1.0; which requirement is
evidence for which profile is our own reading. Whether a level or profile is reached is decided by the engine alone.
"""

from __future__ import annotations

from ldt_conformance.reports.words import EDIC_PROFILES

LEVEL_NEEDS: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("LDT-IO-20", "LDT-IO-61"),
    2: ("LDT-DA-30", "LDT-IO-94"),
}
PROFILE_NEEDS: dict[str, tuple[str, ...]] = {
    "descriptive": ("LDT-DS-01", "LDT-DS-06", "LDT-IO-16", "LDT-DA-01", "LDT-DA-09", "LDT-VI-01"),
    "diagnostic": ("LDT-DA-02",),
    "predictive": ("LDT-KN-02", "LDT-KN-03", "LDT-KN-04", "LDT-KN-10", "LDT-KN-12"),
    "prospective": ("LDT-OR-09", "LDT-OR-10"),
    "prescriptive": ("LDT-KN-15",),
    "autonomous": (),
}


def level_needs(level: int) -> tuple[str, ...]:
    """Requirement ids that this level adds to the one below; empty for an unknown level."""
    return LEVEL_NEEDS.get(level, ())


def profile_needs(profile: str) -> tuple[str, ...]:
    """Requirement ids that a profile rests on, those of the profiles below it included; empty for an unknown one."""
    if profile not in EDIC_PROFILES:
        return ()
    reached = EDIC_PROFILES[: EDIC_PROFILES.index(profile) + 1]
    return tuple(requirement for name in reached for requirement in PROFILE_NEEDS[name])
