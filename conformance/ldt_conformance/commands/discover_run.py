"""What `ldt discover` does: ask the detector at each address, print its findings, write a first site file.

All requests go through the engine's transport in the mode probe, without credentials, and politely.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from ldt_conformance.clients.twin import JSON, asker, type_names
from ldt_conformance.discovery import Detection, Finding, Obstacle, detect, root_and_path
from ldt_conformance.discovery.detector import WHOLE_DOCUMENTS, with_version
from ldt_conformance.discovery.ngsi_ld_version import ROOT, estimate
from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.run.session import REMOTE_MAX_REQUESTS, REMOTE_RATE
from ldt_conformance.engine.run_context import RunSettings, new_run_id
from ldt_conformance.engine.site.model import Site, SiteInfo
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.site.site_file import parse_site, site_for_url
from ldt_conformance.engine.transport.budget import Budget
from ldt_conformance.engine.transport.client import Client, Services
from ldt_conformance.engine.transport.evidence import Recorder
from ldt_conformance.engine.transport.journal import Journal
from ldt_conformance.engine.transport.masking import Masker
from ldt_conformance.engine.transport.target import Target, is_loopback
from ldt_conformance.engine.verdicts import CheckInconclusive, Mode

OK, NO_ANSWER = 0, 3
# The role that an API usually plays; what is not here is written as a comment.
ROLES = {
    "ngsi-ld": "broker",
    "ngsi-v2": "broker",
    "s3": "objects",
    "kserve-v2": "forecaster",
    "oidc": "identity",
    "dcat": "catalogue",
    "ogc-records": "catalogue",
    "ckan": "portal",
    "ogc-features": "features",
    "wfs": "features",
    "ogc-processes": "processes",
    "ogc-tiles": "tiles",
    "sta": "sensorthings",
    "openapi": "api",
}
HEAD = """\
# First site file, written by `ldt discover` from what answered there. Look through it and complete it:
#   site       the twin's name, owner and country
#   endpoints  the parts that are missing, and auth where a part wants credentials (secrets only as ${NAME})
#   claims, data_sources, pipelines, services, ai, visualisations, answers: what your twin says about itself
# All keys: docs/ldt.schema.json. Next: ldt check, ldt gap
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What one address gave."""

    url: str
    root: str
    detection: Detection

    @property
    def dead(self) -> bool:
        """Whether nothing answered at all."""
        return self.detection.obstacle is Obstacle.UNREACHABLE


def run_discover(urls: Sequence[str], out: Path, *, force: bool) -> int:
    """Print what answers at each address and write the site file; returns the exit code.

    Where no address answers, no file is written.

    Raises:
        SiteError: An address is none, or the file is there already or cannot be written.
    """
    addresses = list(dict.fromkeys(urls))
    _refuse_early(addresses, out, force=force)
    with _target(addresses) as target:
        found = [_look(target, url) for url in addresses]
    for one in found:
        for line in _lines(one):
            typer.echo(line, err=one.dead)
    if not all(one.dead for one in found):
        text = site_text(found)
        parse_site(text, str(out))  # a mistake of ours shows here, not at the user's next command
        _write(out, text, force=force)
        typer.echo(f"{out} written; look through it, then: ldt check {out}")
    return NO_ANSWER if any(one.dead for one in found) else OK


def site_text(found: Sequence[Found]) -> str:
    """A site file of what was found, as YAML with comments on what is to be filled in."""
    host = next(urlsplit(one.url).netloc for one in found if not one.dead)
    lines = [HEAD, "site:", f"  name: {json.dumps(host)}  # to fill in: the twin's own name"]
    lines += ["  # owner: …", "  # country: …  # two letters, e.g. LU", ""]
    endpoints = _endpoints(found)
    if any(not line.startswith("  #") for line in endpoints):
        lines += ["endpoints:", *endpoints]
    else:
        lines += ["endpoints: {}  # nothing that we know was recognised:", *endpoints]
    lines += ["", "claims: {}  # what you say of your twin", *_version_hints(found)]
    lines += ["", "safety:", "  mode: probe  # only reads", ""]
    return "\n".join(lines)


def _endpoints(found: Sequence[Found]) -> list[str]:
    lines: list[str] = []
    taken: set[str] = set()
    for one in found:
        if not one.detection.findings:
            lines.append(f"  # {_one_line(one.url)}: {_one_line(one.detection.note)}")
        for finding in one.detection.findings:
            role = ROLES.get(finding.api)
            said = _one_line(str(finding))
            if role is None or role in taken:
                lines.append(f"  # also at {_one_line(_address(one, finding))}, give it a role if it is one: {said}")
                continue
            taken.add(role)
            lines += [
                f"  {role}:  # {said}",
                f"    url: {json.dumps(_address(one, finding))}",
                f"    api: {finding.api}",
            ]
    return lines


def _address(one: Found, finding: Finding) -> str:
    """Where an endpoint's API starts: the document itself, where an API is one; else the server's root."""
    return one.root + finding.path if finding.api in WHOLE_DOCUMENTS else one.root


def _version_hints(found: Sequence[Found]) -> list[str]:
    versions = [one.detection.find("ngsi-ld") for one in found]
    return [
        f'  # ngsi_ld: "{finding.version}"  # the lowest edition that its features prove; name the one you claim'
        for finding in versions
        if finding is not None and finding.version
    ]


def _lines(one: Found) -> list[str]:
    url = _one_line(one.url)
    if one.dead:
        return [
            f"ldt: {url} does not answer ({_one_line(one.detection.note)}); expected an HTTP server there. "
            "Is it started, and are host and port right?"
        ]
    if not one.detection.findings:
        return [f"{url}: {_one_line(one.detection.note)}"]
    return [f"{url}:", *(f"  {_one_line(str(finding))}" for finding in one.detection.findings)]


def _one_line(text: str) -> str:
    """Text of a server, fit for a terminal and for a comment: one line, printable only."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _refuse_early(urls: Sequence[str], out: Path, *, force: bool) -> None:
    """Everything that is wrong with the command, before anything is sent."""
    problems: list[str] = []
    for url in urls:
        try:
            site_for_url(url)
        except SiteError as error:
            problems += error.problems
    if out.exists() and not force:
        problems.append(f"{out}: is there already and is not overwritten. Try: --force, or --out another file")
    if problems:
        raise SiteError(problems)


def _write(out: Path, text: str, *, force: bool) -> None:
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SiteError([f"--out {out}: cannot be written ({error.strerror}). Try: --out another file"]) from error


@contextmanager
def _target(urls: Sequence[str]) -> Iterator[Target]:
    """The transport in the mode probe, with a working folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="ldt-discover-") as name:
        folder = Path(name)
        settings = RunSettings(id=new_run_id("discover"), mode=Mode.PROBE, out=folder, work=folder)
        remote = not all(is_loopback(url) for url in urls)
        secrets = Secrets(environ={}, directory=folder)
        services = Services(
            settings=settings,
            journal=Journal(folder, settings.id, "main", {}),
            budget=Budget(folder, REMOTE_MAX_REQUESTS if remote else None, REMOTE_RATE if remote else None),
            recorder=Recorder(folder, settings.id, "main"),
            masker=Masker(secrets.values),
        )
        try:
            with Target(Site(site=SiteInfo(name="discover")), folder, services, secrets) as target:
                yield target
        finally:
            services.recorder.close()
            services.journal.close()


def _look(target: Target, url: str) -> Found:
    client = target.open(url, role="discover")
    root, path = root_and_path(url)
    ask = asker(client, root)
    detection = detect(ask, path)
    finding = detection.find("ngsi-ld")
    if finding is not None and not finding.partial:
        version, evidence = estimate(ask, next(iter(_types(client, root)), None))
        detection = with_version(detection, "ngsi-ld", version, evidence)
    return Found(url, root, detection)


def _types(client: Client, root: str) -> list[str]:
    try:
        return type_names(client.request("GET", f"{root}{ROOT}/types", headers=JSON))
    except CheckInconclusive:  # the broker went away meanwhile; the estimate then says what it could not try
        return []
