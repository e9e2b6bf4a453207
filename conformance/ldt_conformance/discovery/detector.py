"""Which API answers behind a URL? A few GET requests, the likeliest first, and evidence for what is said.

The URL may be a server root or an API's own address (`…/ngsi-ld/v1`, `…/v1.1`, `…/openapi.json`): known endings are
taken off to find the root. Where the site file says what to expect and it answers, nothing else is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from ldt_conformance.discovery.answers import Answer, Ask, Confidence, Finding, Obstacle
from ldt_conformance.discovery.signatures import AT_ROOT, SIGNATURES, Signature

KNOWN_ENDINGS = re.compile(
    r"(/ngsi-ld/v1(/.*)?|/v2(/.*)?|/v1\.[01](/.*)?|/openapi\.(json|ya?ml)|/v3/api-docs|/swagger\.json"
    r"|/conformance|/collections(/.*)?|/processes(/.*)?|/api/3(/.*)?|/\.well-known/.*)/?$"
)
NOWHERE = "/ldt-discover-nothing-is-here"
ANYTHING = {"Accept": "application/json, application/ld+json, text/turtle, */*;q=0.5"}
# APIs whose address is often that of one document, which then is what the site file names.
WHOLE_DOCUMENTS = frozenset({"dcat", "openapi", "sta", "wfs", "sparql"})
# Words that site files use for the same thing.
ALIASES = {
    "ngsild": "ngsi-ld",
    "ngsiv2": "ngsi-v2",
    "ngsi": "ngsi-v2",
    "ogc": "ogc-features",
    "ogc-api-features": "ogc-features",
    "ogc-api-processes": "ogc-processes",
    "sensorthings": "sta",
    "kserve": "kserve-v2",
    "open-inference": "kserve-v2",
    "oip-v2": "kserve-v2",
    "rest": "openapi",
    "dcat-ap": "dcat",
    "dcat-ap-3": "dcat",
    "openid": "oidc",
    "wms": "wfs",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found behind one URL.

    Attributes:
        obstacle: What is in the way, where no API was recognised; None where one was.
        note: One sentence for people.
        asked: Number of requests.
        root_path: Part of the URL's path that was kept as root.
    """

    findings: tuple[Finding, ...]
    obstacle: Obstacle | None
    note: str
    asked: int

    def find(self, *apis: str) -> Finding | None:
        """The first finding of one of these APIs."""
        return next((finding for finding in self.findings if finding.api in apis), None)

    @property
    def best(self) -> Finding | None:
        """The finding that says most about the endpoint: certain ones first, a description last."""
        order = [Confidence.CERTAIN, Confidence.LIKELY, Confidence.HINT]
        ranked = sorted(self.findings, key=lambda found: (found.api == "openapi", order.index(found.confidence)))
        return ranked[0] if ranked else None


def root_and_path(url: str) -> tuple[str, str]:
    """Split a URL into root and rest, e.g. `https://h/x/ngsi-ld/v1` -> (`https://h/x`, `/ngsi-ld/v1`)."""
    parts = urlsplit(url)
    match = KNOWN_ENDINGS.search(parts.path)
    kept = parts.path[: match.start()] if match else parts.path.rstrip("/")
    rest = parts.path[len(kept) :].rstrip("/")
    if parts.query:
        rest += f"?{parts.query}"
    return urlunsplit((parts.scheme, parts.netloc, kept, "", "")), rest


def canonical(api: str | None) -> str | None:
    """The detector's word for what a site file says (`dtdl-3` and other unknown words stay as they are)."""
    if api is None:
        return None
    word = api.strip().lower().replace("_", "-").replace(" ", "-")
    return ALIASES.get(word, word)


class _Asker:
    """Counts requests and never asks the same thing twice."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._seen: dict[str, Answer] = {}
        self.asked = 0

    def __call__(self, signature_path: str, headers: dict[str, str]) -> Answer:
        if signature_path not in self._seen:
            self.asked += 1
            self._seen[signature_path] = self._ask(signature_path, headers)
        return self._seen[signature_path]


def detect(ask: Ask, path: str = "", *, expected: str | None = None) -> Detection:
    """Find out what answers.

    Args:
        ask: Sends a GET below the root; see `Ask`.
        path: The rest of the user's URL below the root (second part of `root_and_path`).
        expected: The API that the site file declares, if any; asked for first, and alone where it answers.

    Returns:
        Findings with evidence, or the obstacle that answers instead.
    """
    asker = _Asker(ask)
    wanted = canonical(expected)
    found: list[Finding] = []
    if wanted:
        ours = [signature for signature in SIGNATURES if wanted in signature.apis]
        found = _at(asker, path) if not ours or wanted in WHOLE_DOCUMENTS else []
        if not any(finding.api == wanted for finding in found):
            found += _run(asker, ours)
        if any(finding.api == wanted for finding in found):
            return Detection(tuple(found), None, str(found[0]), asker.asked)
    first = asker(path, ANYTHING)
    if first.status == 0:
        return Detection((), Obstacle.UNREACHABLE, first.problem or "no answer", asker.asked)
    found += [finding for finding in _at(asker, path) if not _known(found, finding)]
    if not any(finding.api == "s3" for finding in found):  # an S3 server answers every path as a bucket
        nowhere = asker(NOWHERE, ANYTHING)
        catch_all = nowhere.text if nowhere.status == 200 else None
        found += [finding for finding in _run(asker, SIGNATURES, catch_all) if not _known(found, finding)]
    if found:
        return Detection(tuple(found), None, "; ".join(str(finding) for finding in found), asker.asked)
    obstacle, note = _obstacle(first)
    return Detection((), obstacle, note, asker.asked)


def _at(asker: _Asker, path: str) -> list[Finding]:
    """What the answer at the URL itself already is."""
    answer = asker(path, ANYTHING)
    found: list[Finding] = []
    for recognise in AT_ROOT if answer.status else ():
        found += [finding for finding in _guarded(recognise, answer) if not _known(found, finding)]
    return found


def _known(found: list[Finding], finding: Finding) -> bool:
    return any(other.api == finding.api for other in found)


def _run(
    asker: _Asker, signatures: tuple[Signature, ...] | list[Signature], catch_all: str | None = None
) -> list[Finding]:
    """Ask one signature after the other; the rest of a group is left out once one of it was recognised."""
    found: list[Finding] = []
    done: set[str] = set()
    for signature in signatures:
        if signature.group in done:
            continue
        answer = asker(signature.path, dict(signature.headers))
        if answer.status == 0 and not found:
            break  # the host went away, or never was there: more of the same would only take time
        if catch_all is not None and answer.text == catch_all:
            continue  # this server gives one page for every address
        recognised = _guarded(signature.recognise, answer)
        if recognised:
            found += [finding for finding in recognised if not _known(found, finding)]
            done.add(signature.group)
        elif answer.status in {401, 403} and signature.group == "ngsi-ld":
            done.add(signature.group)  # the second request of the group would be refused alike
    return found


def _guarded(recognise: Callable[[Answer], list[Finding]], answer: Answer) -> list[Finding]:
    """What a web page says is no API, even where it quotes one."""
    return [] if answer.is_html else recognise(answer)


def _obstacle(first: Answer) -> tuple[Obstacle, str]:
    if first.is_login:
        return Obstacle.LOGIN_PAGE, "a login page answers, not an API: give the API's own address and auth in ldt.yaml"
    if first.status in {401, 403}:
        return Obstacle.REFUSED, f"the server answers {first.status}: it wants credentials (auth in ldt.yaml)"
    if first.is_html:
        title = f" ({first.title})" if first.title else ""
        return Obstacle.WEB_PAGE, f"a web page{title} answers, and no API that we know was found below it"
    seen = f"{first.status} {first.media_type or 'without a media type'}"
    return Obstacle.NOTHING_KNOWN, f"something answers ({seen}), but no API that we know"


def with_version(detection: Detection, api: str, version: str, evidence: str) -> Detection:
    """The same detection with a version estimate added to one API's finding."""
    changed = tuple(
        replace(finding, version=version, evidence=f"{finding.evidence}; {evidence}") if finding.api == api else finding
        for finding in detection.findings
    )
    return replace(detection, findings=changed)
