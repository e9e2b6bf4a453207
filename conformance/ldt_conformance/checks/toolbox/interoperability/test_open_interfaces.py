"""What the detector finds: open interfaces, and whether what was declared is what answers.

LDT-IO-16, -20, -50, -55, -70, -77, -80, -87.
"""

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.twin import NO_API, Twin
from ldt_conformance.discovery import Finding
from ldt_conformance.discovery.detector import canonical
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, warn

# The interfaces that the EDIC reference architecture names, in the detector's words.
OPEN_INTERFACES = ("ngsi-ld", "ogc-features", "ogc-processes", "ogc-records", "ogc-tiles", "sparql")
# Declarations that no URL can answer to: models and formats.
NOT_PROBED = ("dtdl", "json", "geojson", "csv", "web", "html", "link", "custom")


@toolbox_check("interoperability/open-interface", "LDT-IO-16")
def test_open_interface(twin: Twin, run: RunContext) -> None:
    found = [place.finding for place in twin.places(*OPEN_INTERFACES)]
    if not found:
        _say_why_nothing(twin, "NGSI-LD, OGC API (Features, Processes, Records, Tiles) or SPARQL")
    whole = [finding for finding in found if not finding.partial]
    if not whole:
        warn(Reason.PARTIAL, "at least one open interface, complete", "; ".join(map(str, found)))
    run.note("; ".join(map(str, whole)))


def _say_why_nothing(twin: Twin, wanted: str) -> None:
    """Fail where everything was looked at and is something else; inconclusive where it could not be looked at."""
    if not twin.roles():
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml names no endpoint with a URL", expected=wanted)
    blocked = twin.blocked()
    if blocked:
        refused = all("credentials" in note or "login" in note for note in blocked)
        inconclusive(Reason.AUTH if refused else Reason.UNREACHABLE, listed(blocked), expected=wanted)
    fail(wanted, listed([f"{role}: {twin.detection(role).note}" for role, _ in twin.roles()]))


@toolbox_check("interoperability/ngsi-ld-api", "LDT-IO-20")
def test_ngsi_ld_api(twin: Twin, run: RunContext) -> None:
    found = twin.place("ngsi-ld").finding
    if found.partial:
        warn(Reason.PARTIAL, "GET /ngsi-ld/v1/types answers 200 with the list of types", str(found))
    run.note(str(found))


@toolbox_check("interoperability/ngsi-v2-api", "LDT-IO-50")
def test_ngsi_v2_api(twin: Twin, run: RunContext) -> None:
    finding = twin.place("ngsi-v2").finding
    gap = "" if twin.places("ngsi-ld") else "; no NGSI-LD was found, which is the gap to CitCom.ai level 1"
    run.note(f"{finding}{gap}")


@toolbox_check("interoperability/declared-api", "LDT-IO-55")
def test_declared_api(twin: Twin, run: RunContext) -> None:
    declared = {
        role: word
        for role, endpoint in twin.roles()
        if role not in NO_API and (word := canonical(endpoint.api)) and not word.startswith(NOT_PROBED)
    }
    if not declared:
        inconclusive(
            Reason.NOT_DECLARED, "no endpoint of ldt.yaml states its api", expected="a declared api to compare"
        )
    wrong = []
    open_ = []
    for role, word in declared.items():
        detection = twin.detection(role)
        if detection.obstacle in {"unreachable", "refused", "login-page"}:
            open_.append(f"{role}: {detection.note}")
        elif not _agrees(word, detection.findings):
            seen = ", ".join(finding.api for finding in detection.findings) or detection.note
            wrong.append(f"{role} is declared {word}, found: {seen}")
    if wrong:
        fail("each endpoint answers as the api that ldt.yaml declares", listed(wrong))
    if open_:
        inconclusive(Reason.UNREACHABLE, listed(open_), expected="every declared endpoint can be looked at")
    run.note(", ".join(f"{role}: {word}" for role, word in declared.items()))


def _agrees(word: str, findings: tuple[Finding, ...]) -> bool:
    """Whether a declared api (perhaps with a version at its end, `openapi-3.0`) is among the findings."""
    return any(word == finding.api or word.startswith(f"{finding.api}-") for finding in findings)


@toolbox_check("ogc/features-api", "LDT-IO-70")
def test_ogc_features(twin: Twin, run: RunContext) -> None:
    finding = twin.place("ogc-features").finding
    if finding.partial:
        fail("/conformance lists ogcapi-features-1/1.0/conf/core", str(finding))
    run.note(str(finding))


@toolbox_check("ogc/legacy-service", "LDT-IO-77")
def test_legacy_service(twin: Twin, run: RunContext) -> None:
    finding = twin.place("wfs").finding
    if (finding.version or "0") < "2":
        fail("WFS 2.0 or newer", str(finding))
    run.note(str(finding))


@toolbox_check("sensorthings/api", "LDT-IO-80")
def test_sensorthings(twin: Twin, run: RunContext) -> None:
    finding = twin.place("sta").finding
    if finding.partial:
        fail("serverSettings.conformance beside the entity sets", str(finding))
    run.note(str(finding))


@toolbox_check("interoperability/sparql", "LDT-IO-87")
def test_sparql(twin: Twin, run: RunContext) -> None:
    place = twin.place("sparql")
    query = {"query": "SELECT ?s WHERE { ?s ?p ?o } LIMIT 1"}
    response = place.get(params=query, headers={"Accept": "application/sparql-results+json"})
    body = response.json() if response.status == 200 else None
    if not isinstance(body, dict) or not isinstance(body.get("results"), dict):
        fail("200 with a SELECT result", f"{response.status} {response.media_type}")
    run.note(str(place.finding))
