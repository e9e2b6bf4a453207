"""What may leave, in which mode, and about whose things: decided before anything is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.errors import SafetyRefused
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.safety import Intent, judge, needed_mode
from ldt_conformance.engine.verdicts import Mode

MARKER = "LdtCheck00ff"
OURS = f"urn:ngsi-ld:{MARKER}Vehicle:1"
FOREIGN = "urn:ngsi-ld:Vehicle:theirs"


def owned(identifier: str) -> bool:
    return MARKER in identifier


def intent(method: str, target: str, body: object = None, **declared: object) -> Intent:
    path, _, query = target.partition("?")
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Intent(
        method=method, path=path, query=query, body=content, content_type="application/json",
        creates=declared.get("creates", ()), touches=declared.get("touches", ()),  # type: ignore[arg-type]
        expects_refusal=bool(declared.get("expects_refusal", False)),
    )  # fmt: skip


def entity(identifier: str) -> Resource:
    return Resource("entity", identifier, f"/entities/{identifier}")


def registration(*information: object) -> Intent:
    path = f"/csourceRegistrations/{OURS}"
    body = {"information": list(information)}
    return intent("PATCH", path, body, touches=[Resource("registration", OURS, path)])


@pytest.mark.parametrize(
    ("method", "path", "body", "mode"),
    [
        ("GET", "/entities", None, Mode.PROBE),
        ("HEAD", "/", None, Mode.PROBE),
        ("OPTIONS", "/entities", None, Mode.PROBE),
        ("POST", "/entityOperations/query", {"type": "Query"}, Mode.PROBE),
        ("POST", "/temporal/entityOperations/query", {"type": "Query"}, Mode.PROBE),
        ("POST", "/v2/models/forecaster/infer", {}, Mode.PROBE),
        ("POST", "/v2/models/forecaster/versions/3/infer", {}, Mode.PROBE),
        ("POST", "/v2/op/query", {}, Mode.PROBE),
        ("POST", "/catalog/request", {}, Mode.PROBE),
        ("POST", "/sparql", b"SELECT * WHERE { ?s ?p ?o }", Mode.PROBE),
        ("POST", "/sparql", b"DELETE WHERE { ?s ?p ?o }", Mode.SANDBOX_WRITE),
        ("POST", "/sparql", b"update=CLEAR%20ALL", Mode.SANDBOX_WRITE),
        ("POST", "/v2/models/forecaster/load", {}, Mode.SANDBOX_WRITE),
        ("POST", "/v2/op/update", {}, Mode.SANDBOX_WRITE),
        ("POST", "/entities", {}, Mode.SANDBOX_WRITE),
        ("POST", "/entityOperations/upsert", [], Mode.SANDBOX_WRITE),
        ("POST", "/entities/x/query", {}, Mode.SANDBOX_WRITE),
        ("PATCH", "/entities/x", {}, Mode.SANDBOX_WRITE),
        ("DELETE", "/entities/x", None, Mode.SANDBOX_WRITE),
        ("DELETE", "/entities", None, Mode.DISRUPTIVE),
        ("DELETE", "/entities/", None, Mode.DISRUPTIVE),
        ("DELETE", "/temporal/entities", None, Mode.DISRUPTIVE),
        ("DELETE", "/jsonldContexts", None, Mode.DISRUPTIVE),
    ],
)
def test_each_request_needs_its_mode_and_no_more(method: str, path: str, body: object, mode: Mode):
    """The least mode for each kind of request; a probe never writes."""
    assert needed_mode(intent(method, path, body)) is mode


@pytest.mark.parametrize(
    "wanted",
    [
        intent("POST", "/entities", {"id": OURS, "type": "T"}, creates=[entity(OURS)]),
        intent("PATCH", f"/entities/{OURS}/attrs", {"a": 1}, touches=[entity(OURS)]),
        intent("DELETE", f"/entities/{OURS}", touches=[entity(OURS)]),
        intent("POST", "/entityOperations/delete", [OURS], touches=[entity(OURS)]),
        intent("POST", "/entityOperations/upsert", [{"id": OURS}], creates=[entity(OURS)]),
        intent("POST", "/entities", b"{ no json", expects_refusal=True),
        intent("POST", "/entities", {"type": "T"}, expects_refusal=True),
        intent(
            "POST",
            "/subscriptions",
            {"description": MARKER},
            creates=[Resource("subscription", None, "/subscriptions")],
        ),
        registration({"entities": [{"type": f"{MARKER}Car", "idPattern": ".*"}], "propertyNames": ["speed"]}),
        registration({"entities": [{"type": [f"{MARKER}Car"]}]}, {"relationshipNames": [f"{MARKER}isParked"]}),
        registration(),
        intent(
            "PUT", f"/bucket/{MARKER}.txt", b"x", creates=[Resource("object", f"{MARKER}.txt", f"/bucket/{MARKER}.txt")]
        ),
    ],
)
def test_what_is_ours_may_be_written(wanted: Intent):
    """In sandbox-write a check may create, change and delete what bears its marker."""
    judge(wanted, Mode.SANDBOX_WRITE, owned)


@pytest.mark.parametrize(
    "unwanted",
    [
        intent("POST", "/entities", {"id": OURS, "type": "T"}),  # declares nothing
        intent("POST", "/entities", {"id": FOREIGN, "type": "T"}, creates=[entity(FOREIGN)]),
        intent("POST", "/entities", {"id": FOREIGN, "type": "T"}, creates=[entity(OURS)]),  # says one, sends another
        intent("POST", "/entities", {"@id": FOREIGN, "type": "T"}, creates=[entity(OURS)]),
        intent("POST", "/entities", {"id": FOREIGN}, expects_refusal=True),
        intent("POST", "/entities", b'{"id": "urn:theirs", "type": "T",}', expects_refusal=True),  # no JSON, but nearly
        intent("DELETE", f"/entities/{FOREIGN}", touches=[entity(OURS)]),
        intent("DELETE", "/entities/urn%3Angsi-ld%3AVehicle%3Atheirs", touches=[entity(OURS)]),
        intent("DELETE", f"/entities/{FOREIGN}", expects_refusal=True),
        intent("POST", "/entityOperations/delete", [OURS, FOREIGN], touches=[entity(OURS)]),
        intent("POST", "/entityOperations/upsert", [{"id": OURS}, {"id": FOREIGN}], creates=[entity(OURS)]),
        intent("DELETE", "/entities", touches=[entity(OURS)]),  # purge
        intent("PUT", "/bucket/theirs.txt", b"x", creates=[Resource("object", MARKER, f"/bucket/{MARKER}")]),
        registration({"entities": [{"type": "Vehicle", "id": OURS}]}),  # the type may be somebody else's
        registration({"entities": [{"type": f"{MARKER}Car"}, {"type": [f"{MARKER}Car", "Vehicle"]}]}),
        registration({"entities": [{"type": f"{MARKER}Car"}]}, {"propertyNames": ["speed"]}),
        registration({"entities": [{"idPattern": f"urn:{MARKER}.*"}]}),
        registration({}),  # would match whatever is asked for
        intent("POST", "/v2/models/x/load", {}, touches=[entity(OURS)]),  # declares another path than it uses
    ],
)
def test_what_is_not_ours_never_leaves(unwanted: Intent):
    """In sandbox-write nothing leaves that names a thing this run did not create, whatever the check declared."""
    with pytest.raises(SafetyRefused):
        judge(unwanted, Mode.SANDBOX_WRITE, owned)


BY_TYPE = f"type={MARKER}Car%7C{MARKER}Bus&q=speed%3E50"
SNAPSHOT = Resource("snapshot", OURS, f"/snapshots/{OURS}")
A_SNAPSHOT = f"q=id%3D%3D%22{OURS}%22"


@pytest.mark.parametrize(
    "wanted",
    [
        intent("DELETE", f"/entities/?{BY_TYPE}", touches=[entity(OURS)]),
        intent("DELETE", f"/entities?id={OURS}&local=true", touches=[entity(OURS)]),
        intent("DELETE", f"/entities/?id={OURS}", expects_refusal=True),
        intent("DELETE", f"/snapshots?{A_SNAPSHOT}", touches=[SNAPSHOT]),
    ],
)
def test_a_purge_of_what_is_ours_may_be_asked_for(wanted: Intent):
    """In disruptive alone, by types and ids that bear the marker; one that is to be refused, too."""
    judge(wanted, Mode.DISRUPTIVE, owned)
    with pytest.raises(SafetyRefused):
        judge(wanted, Mode.LOAD, owned)


@pytest.mark.parametrize(
    "target",
    [
        "/entities/",
        "/entities/?q=speed%3E50",
        "/entities/?idPattern=.*&local=true",
        "/entities/?type=%2A",
        f"/entities/?type={MARKER}Car,Vehicle",
        f"/entities/?type={MARKER}Car&type=Vehicle",
        f"/entities/?type={MARKER}Car&id={OURS},{FOREIGN}",
        "/snapshots",
        "/snapshots?q=snapshotPriority%3D%3D5",
        f"/snapshots?{A_SNAPSHOT}%7CsnapshotPriority%3D%3D5",
        f"/snapshots?q=id%3D%3D%22{FOREIGN}%22",
        "/temporal/entities",
    ],
)
def test_a_purge_of_anything_else_never_leaves(target: str):
    """Also in disruptive, whatever the check says that it touches."""
    for unwanted in (intent("DELETE", target, touches=[entity(OURS)]), intent("DELETE", target, expects_refusal=True)):
        with pytest.raises(SafetyRefused):
            judge(unwanted, Mode.DISRUPTIVE, owned)


METHODS = st.sampled_from(["POST", "PUT", "PATCH", "DELETE"])
PATHS = st.sampled_from(
    ["/entities", "/entities/{}", "/entities/{}/attrs", "/temporal/entities/{}", "/subscriptions/{}",
     "/entityOperations/upsert", "/entityOperations/delete", "/csourceRegistrations/{}", "/jsonldContexts/{}",
     "/anything/{}"]
)  # fmt: skip


@given(method=METHODS, path=PATHS, identifier=st.text(min_size=1, max_size=12), refusal=st.booleans())
def test_no_foreign_id_leaves_in_any_place(method: str, path: str, identifier: str, refusal: bool):
    """In path or body, of any operation: an id without the marker is refused."""
    body = [{"id": identifier}] if "Operations" in path else {"id": identifier}
    wanted = intent(
        method, path.format("urn:x"), body, creates=[entity(OURS)], touches=[entity(OURS)], expects_refusal=refusal
    )
    with pytest.raises(SafetyRefused):
        judge(wanted, Mode.SANDBOX_WRITE, owned)


@given(method=METHODS, path=PATHS)
def test_a_probe_never_writes(method: str, path: str):
    """In probe mode no request leaves that could change anything, not even about what is ours."""
    wanted = intent(method, path.format(OURS), {"id": OURS}, creates=[entity(OURS)], touches=[entity(OURS)])
    with pytest.raises(SafetyRefused):
        judge(wanted, Mode.PROBE, owned)
