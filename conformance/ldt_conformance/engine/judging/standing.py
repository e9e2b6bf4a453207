"""What a run knows before its checks start, and what that means for each of them: may it run at all?

Pure data, so that the main process can hand it to its workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.site.model import NGSI_LD_VERSIONS, Site
from ldt_conformance.engine.verdicts import Mode, Reason, Verdict


@dataclass(frozen=True, slots=True)
class RootCause:
    """One fault that keeps a role from being judged."""

    reason: Reason  # UNREACHABLE or AUTH
    sentence: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """Why a check does not run."""

    verdict: Verdict
    reason: Reason
    expected: str
    observed: str


@dataclass(frozen=True)
class Standing:
    """The facts that decide which checks run.

    Attributes:
        roles: Roles that the twin has, the history that its broker serves included.
        speaks_ngsi_ld: The broker is said (or assumed, where the site file does not say) to speak NGSI-LD.
        capabilities: Claimed or found ones.
        causes: Role -> what is wrong with it.
    """

    mode: Mode
    packs: tuple[str, ...]
    version: str
    roles: tuple[str, ...]
    speaks_ngsi_ld: bool
    capabilities: tuple[str, ...] = ()
    causes: dict[str, RootCause] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Builtin types only, for a worker process."""
        return {
            "mode": str(self.mode),
            "packs": list(self.packs),
            "version": self.version,
            "roles": list(self.roles),
            "speaks_ngsi_ld": self.speaks_ngsi_ld,
            "capabilities": list(self.capabilities),
            "causes": {role: [str(cause.reason), cause.sentence] for role, cause in self.causes.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Standing:
        """The inverse of `to_json`."""
        return cls(
            mode=Mode(data["mode"]),
            packs=tuple(data["packs"]),
            version=data["version"],
            roles=tuple(data["roles"]),
            speaks_ngsi_ld=data["speaks_ngsi_ld"],
            capabilities=tuple(data["capabilities"]),
            causes={role: RootCause(Reason(reason), text) for role, (reason, text) in data["causes"].items()},
        )


def roles_of(site: Site) -> tuple[str, ...]:
    """The roles a site has; a broker that speaks NGSI-LD also serves the history unless another is named."""
    roles = set(site.endpoints)
    if _broker_speaks_ngsi_ld(site):
        roles.add("history")
    return tuple(sorted(roles))


def _broker_speaks_ngsi_ld(site: Site) -> bool:
    broker = site.endpoints.get("broker")
    return broker is not None and broker.url is not None and broker.api in {None, "ngsi-ld"}


def standing_of(site: Site, mode: Mode, packs: tuple[str, ...]) -> Standing:
    """What the site file alone says; the preflight adds causes and found capabilities."""
    return Standing(
        mode=mode,
        packs=packs,
        version=site.ngsi_ld_version,
        roles=roles_of(site),
        speaks_ngsi_ld=_broker_speaks_ngsi_ld(site),
        capabilities=site.claims.capabilities,
    )


def nothing_answers(site: Site, standing: Standing) -> RootCause | None:
    """The first cause, where every endpoint that is asked has one: then nothing can have failed."""
    asked = [role for role, endpoint in site.endpoints.items() if endpoint.url is not None]
    return standing.causes[asked[0]] if asked and all(role in standing.causes for role in asked) else None


def decide(check: CheckDeclaration, standing: Standing) -> Ruling | None:
    """Why a check does not run, or None where it does."""
    if standing.packs and check.pack not in standing.packs:
        return Ruling(
            Verdict.NOT_RUN, Reason.NOT_SELECTED, f"the pack {check.pack}", f"chosen: {', '.join(standing.packs)}"
        )
    return _not_applicable(check, standing) or _not_run(check, standing) or _undecidable(check, standing)


def _not_applicable(check: CheckDeclaration, standing: Standing) -> Ruling | None:
    missing = [role for role in check.roles if role not in standing.roles]
    if missing:
        return Ruling(
            Verdict.NOT_APPLICABLE,
            Reason.NO_ENDPOINT,
            f"an endpoint for {', '.join(missing)}",
            "the site file names none",
        )
    if check.pack != "ngsi-ld":
        return None
    if not standing.speaks_ngsi_ld:
        return Ruling(
            Verdict.NOT_APPLICABLE, Reason.NO_ENDPOINT, "a broker that speaks NGSI-LD", "the site's broker does not"
        )
    rank = NGSI_LD_VERSIONS.index
    since, until = rank(check.since), rank(check.until) if check.until else len(NGSI_LD_VERSIONS)
    if not since <= rank(standing.version) <= until:
        wanted = f"NGSI-LD {check.since} or newer" + (f", up to {check.until}" if check.until else "")
        return Ruling(Verdict.NOT_APPLICABLE, Reason.SINCE, wanted, f"judged by {standing.version}")
    return None


def _not_run(check: CheckDeclaration, standing: Standing) -> Ruling | None:
    if standing.mode.allows(check.mode):
        return None
    reason = Reason.DISRUPTIVE if check.mode is Mode.DISRUPTIVE else Reason.MODE
    return Ruling(Verdict.NOT_RUN, reason, f"the mode {check.mode}", f"this run is allowed {standing.mode}; see --mode")


def _undecidable(check: CheckDeclaration, standing: Standing) -> Ruling | None:
    for role in check.roles:
        cause = standing.causes.get(role)
        if cause is not None:
            return Ruling(Verdict.INCONCLUSIVE, cause.reason, f"an answer of the {role}", cause.sentence)
    if check.capability is not None and check.capability not in standing.capabilities:
        return Ruling(
            Verdict.NOT_APPLICABLE,
            Reason.UNCLAIMED,
            f"the optional capability {check.capability}",
            "neither claimed in the site file (claims.capabilities) nor found at the endpoint",
        )
    return None
