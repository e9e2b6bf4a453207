"""The twin as toolbox checks see it: what answers where, and a small sample of its data, looked at once a run.

Checks of the toolbox pack judge twins of any kind, so they do not ask for a broker: they ask which API was found and
where (`Twin.place`), and for a sample of whatever data there is (`sample.take_sample`). Both are kept for the whole
run, outcomes included: an endpoint that cannot be reached is tried once, not by every check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from ldt_conformance.discovery import Answer, Ask, Detection, Finding, detect, root_and_path
from ldt_conformance.discovery.detector import canonical, with_version
from ldt_conformance.discovery.ngsi_ld_version import estimate
from ldt_conformance.engine.run_context import MARKER
from ldt_conformance.engine.site.endpoints import Endpoint
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import CheckInconclusive, Outcome, Reason, inconclusive, not_applicable

T = TypeVar("T")

# What a role usually speaks, tried first where the site file does not say.
USUAL = {
    "broker": "ngsi-ld",
    "history": "ngsi-ld",
    "objects": "s3",
    "forecaster": "kserve-v2",
    "identity": "oidc",
    "catalogue": "dcat",
    "portal": "ckan",
    "features": "ogc-features",
    "processes": "ogc-processes",
    "sensorthings": "sta",
}
JSON = {"Accept": "application/json"}
NO_API = frozenset({"visualisation", "pipelines", "monitoring", "alerts", "contexts", "registry", "connector"})
DATA_APIS = ("ngsi-ld", "ngsi-v2", "ogc-features", "sta", "openapi")


@dataclass(frozen=True)
class Place:
    """An API that was found: requests to it start at its own root."""

    role: str
    client: Client
    root: str  # URL below which the finding's path lies
    finding: Finding

    @property
    def url(self) -> str:
        """The API's own root."""
        return self.root + self.finding.path

    def get(self, path: str = "", **arguments: Any) -> Response:
        """GET below the API's root; arguments as of `Client.request`."""
        return self.client.request("GET", self.url + path, **arguments)

    def get_at_root(self, path: str, **arguments: Any) -> Response:
        """GET below the server's root, e.g. `/openapi.json`."""
        return self.client.request("GET", self.root + path, **arguments)

    def follow(self, link: str, **arguments: Any) -> Response | None:
        """GET a link that an answer carried, relative or absolute; None where it leads to another origin."""
        url = absolute_link(self.url + "/", link)
        same = urlsplit(url)[:2] == urlsplit(self.root)[:2]
        return self.client.request("GET", url, **arguments) if same else None


def absolute_link(base: str, link: str) -> str:
    """A URI reference, resolved."""
    return urljoin(base, link)


def as_answer(path: str, response: Response) -> Answer:
    """A response as the detector wants it."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(path, response.status, response.media_type, headers, response.text)


def asker(client: Client, root: str) -> Ask:
    """Questions of the detector, sent through a role's client; what does not answer is an answer too."""

    def ask(path: str, headers: Mapping[str, str]) -> Answer:
        try:
            return as_answer(path, client.request("GET", root + path, headers=headers))
        except CheckInconclusive as outcome:
            return Answer(path, 0, problem=outcome.observed)

    return ask


@dataclass
class Twin:
    """The twin of one run."""

    target: Target
    _kept: dict[str, Any] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """The site file."""
        return self.target.site

    @property
    def directory(self) -> Path:
        """What relative paths in the site file start from."""
        return self.target.directory

    def once(self, key: str, make: Callable[[], T]) -> T:
        """The value that `make` gave when it was first asked for in this run; an outcome is raised again."""
        if key not in self._kept:
            try:
                self._kept[key] = make()
            except Outcome as outcome:
                self._kept[key] = outcome
        kept: Any = self._kept[key]
        if isinstance(kept, Outcome):
            raise type(kept)(expected=kept.expected, observed=kept.observed, reason=kept.reason)
        found: T = kept
        return found

    def roles(self) -> list[tuple[str, Endpoint]]:
        """Every role with a URL behind which an API may be."""
        return [
            (role, endpoint)
            for role, endpoint in self.site.endpoints.items()
            if endpoint.url is not None and role not in NO_API
        ]

    def files(self) -> Iterable[tuple[str, Endpoint, Path]]:
        """Every role for which a file stands."""
        for role, endpoint in self.site.endpoints.items():
            if endpoint.file is not None:
                yield role, endpoint, self.directory / endpoint.file

    def detection(self, role: str) -> Detection:
        """What answers for a role."""
        return self.once(f"detect {role}", lambda: self._detect(role))

    def _detect(self, role: str) -> Detection:
        client = self.target.client(role)
        endpoint = self.site.endpoints[role]  # type: ignore[index]  # roles() gives only names that are there
        root, path = root_and_path(client.base_url)
        expected = canonical(endpoint.api) or USUAL.get(role)
        detection = detect(asker(client, root), path, expected=expected)
        found = detection.find("ngsi-ld")
        if found is None or found.partial:
            return detection
        names = [*self.declared_types(), *self.listed_types(Place(role, client, root, found))]
        version, evidence = estimate(asker(client, root), next(iter(names), None))
        return with_version(detection, "ngsi-ld", version, evidence)

    def listed_types(self, place: Place) -> list[str]:
        """The entity types that an NGSI-LD API lists, without those of runs like this one; asked once."""
        headers = JSON | self.context_headers()

        def listed() -> list[str]:
            return [name for name in type_names(place.get("/types", headers=headers)) if MARKER not in name]

        return self.once(f"types {place.url}", listed)

    def places(self, *apis: str) -> list[Place]:
        """Where these APIs were found, in the order of the site file."""
        found: list[Place] = []
        for role, _ in self.roles():
            client = self.target.client(role)
            root, _ = root_and_path(client.base_url)
            for finding in self.detection(role).findings:
                if finding.api in apis and not any(place.url == root + finding.path for place in found):
                    found.append(Place(role, client, root, finding))
        return found

    def place(self, *apis: str) -> Place:
        """The first place where one of these APIs was found; the check is not applicable where none was.

        Where an endpoint could not be looked at (unreachable, refused), the check is inconclusive instead.
        """
        found = self.places(*apis)
        if found:
            return found[0]
        self.fail_to_find(apis)
        raise AssertionError("unreachable")  # fail_to_find always raises

    def fail_to_find(self, apis: Iterable[str]) -> None:
        """Say why none of these APIs was found, as the outcome of a check."""
        names = " or ".join(apis)
        blocked = self.blocked()
        if blocked and set(apis) & self.expected():
            reason = Reason.AUTH if all("401" in note or "403" in note for note in blocked) else Reason.UNREACHABLE
            inconclusive(reason, "; ".join(blocked), expected=f"an endpoint that can be asked whether it is {names}")
        if set(apis) & self.declared_apis():
            inconclusive(Reason.PRECONDITION_UNMET, f"{names} is declared, but the detector did not find it")
        not_applicable(Reason.UNCLAIMED, f"neither declared nor found: {names}")

    def blocked(self) -> list[str]:
        """Endpoints that could not be looked at, one sentence each."""
        detections = [(role, self.detection(role)) for role, _ in self.roles()]
        return [
            f"{role}: {detection.note}"
            for role, detection in detections
            if detection.obstacle in {"unreachable", "refused", "login-page"}
        ]

    def declared_apis(self) -> set[str]:
        """The APIs that the site file names, in the detector's words."""
        return {word for _, endpoint in self.roles() if (word := canonical(endpoint.api)) is not None}

    def expected(self) -> set[str]:
        """Declared APIs, and what roles without a declaration usually speak."""
        return self.declared_apis() | {
            USUAL[role] for role, endpoint in self.roles() if not endpoint.api and role in USUAL
        }

    def declared_types(self) -> list[str]:
        """Entity types that the site file names, each once."""
        sources = [name for source in self.site.data_sources or () for name in source.types]
        return list(dict.fromkeys([*self.site.samples.types, *sources]))

    def context_headers(self) -> dict[str, str]:
        """The Link header for the site's own @context, where the site file names one (samples.links.context)."""
        url = self.site.samples.links.get("context")
        relation = "http://www.w3.org/ns/json-ld#context"
        return {"Link": f'<{url}>; rel="{relation}"; type="application/ld+json"'} if url else {}


def type_names(response: Response) -> list[str]:
    """The names in an answer of `/types`: EntityTypeList (CIM 009 5.2.24) or a list of types (5.2.25)."""
    try:
        body = json.loads(response.content) if response.status == 200 else None
    except ValueError:
        return []
    if isinstance(body, dict):
        listed: Any = next((value for name, value in body.items() if name.endswith("typeList")), [])
        body = [listed] if isinstance(listed, str) else listed  # JSON-LD compaction makes one value of a list of one
    entries = body if isinstance(body, list) else []
    names = [entry.get("typeName", entry.get("id")) if isinstance(entry, dict) else entry for entry in entries]
    return [name for name in names if isinstance(name, str)]


def load_file(path: Path) -> Any:
    """The JSON content of a file that the site names; the check is inconclusive where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return inconclusive(Reason.PRECONDITION_UNMET, f"{path.name} cannot be read as JSON: {error}")
