"""Requirements as data: what is asked, by whom, how strongly, and what to do where it is missing.

The catalogues lie in `ldt_conformance/requirements/*.yaml`, one file a pack. Every requirement has a check or a stated
reason why not; our own tests fail on either gap.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field

from ldt_conformance.engine.verdicts import Layer, Level

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast, where PyYAML was built with it


class SourceStatus(StrEnum):
    """How the wording reached us."""

    OFFICIAL = "official"
    SECOND_HAND = "second-hand"
    OURS = "ours"


class Owner(StrEnum):
    """Who can act on a gap."""

    CONFIGURATION = "configuration"
    DATA = "data"
    PRODUCT = "product"
    ORGANISATION = "organisation"


class Effort(StrEnum):
    """Our estimate of the work, in bands: hours, days, weeks, months."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


class Remedy(BaseModel):
    """What closes the gap."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    owner: Owner
    effort: Effort
    after: tuple[str, ...] = ()  # requirement ids that should be met first


class Requirement(BaseModel):
    """One thing that a source asks of a twin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    pack: str
    layer: Layer
    level: Level
    title: str
    source: str
    source_status: SourceStatus
    profile: str = "core"  # applies only where this profile is detected or declared; core always
    capability: str | None = None
    clauses: tuple[str, ...] = ()
    since: str | None = None
    questionnaire: bool = False  # only a human can answer
    remedy: Remedy
    unchecked: str | None = Field(default=None, description="why no check exists; None where one does")


@cache
def load_catalogue() -> dict[str, Requirement]:
    """Every requirement of every pack, by id.

    Raises:
        ValueError: An id stands twice, or a file does not fit the model.
    """
    found: dict[str, Requirement] = {}
    for file in sorted(files("ldt_conformance").joinpath("requirements").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".yaml"):
            continue
        for row in yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER):  # noqa: S506 — both are safe loaders
            requirement = Requirement.model_validate(row)
            if requirement.id in found:
                raise ValueError(f"requirement {requirement.id} stands twice; second time in {file.name}")
            found[requirement.id] = requirement
    return found
