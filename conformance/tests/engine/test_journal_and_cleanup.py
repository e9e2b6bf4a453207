"""What a run creates is on disk before it is asked for, and gone afterwards, however the run ended."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ldt_conformance.engine.errors import JournalError, SiteError
from ldt_conformance.engine.run.recovery import recover
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.journal import Resource, journal_files, read_journal

from .conftest import OpenSession
from .fakes import Answer, FakeBroker

SUBSCRIPTION = Resource("subscription", None, "/subscriptions")


def entity(identifier: str) -> Resource:
    return Resource("entity", identifier, f"/entities/{identifier}")


def create(client: Client, type_name: str = "T") -> str:
    identifier = client.owned_id(type_name)
    client.request("POST", "/entities", json={"id": identifier, "type": type_name}, creates=[entity(identifier)])
    return identifier


def test_the_intent_is_on_disk_before_the_request_leaves(
    broker: FakeBroker, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    """The journal is written and forced to disk while the target has not seen anything yet."""
    session = open_session(broker={"url": broker.url})
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(len(broker.written())), fsync(descriptor)))
    identifier = create(session.target.client("broker"))
    assert synced
    assert synced[0] == 0
    assert identifier in session.services.journal.path.read_text()


def test_nothing_is_sent_where_the_journal_cannot_be_written(
    broker: FakeBroker, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    """A full disk: a clear error, exit code 4, and the target has seen no write."""
    session = open_session(broker={"url": broker.url})

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="nothing was sent") as raised:
        create(session.target.client("broker"))
    assert raised.value.exit_code == 4
    assert broker.written() == []


def test_half_a_line_is_taken_back(broker: FakeBroker, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch):
    """A disk that fills up within a line leaves a journal that can still be read."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    first = create(client)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    with pytest.raises(JournalError):
        create(client)
    monkeypatch.undo()
    left = read_journal(session.services.journal.path).left
    assert [entry.resource.id for entry in left] == [first]


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path: Path):
    """The last line announces nothing that was sent unless it is whole; anything else that is no record is told."""
    path = tmp_path / "journal" / "check-1.main.jsonl"
    path.parent.mkdir()
    header = json.dumps({"op": "run", "run": "check-1", "site": "ldt.yaml"})
    path.write_text(header + '\n{"op": "crea')
    assert read_journal(path).left == []
    path.write_text(header + '\n{"op": "crea\n' + header + "\n")
    with pytest.raises(JournalError, match="line 2"):
        read_journal(path)


def test_everything_is_removed_newest_first_and_nothing_else(broker: FakeBroker, open_session: OpenSession):
    """After the clean-up the target holds what it held before, and only our things were deleted."""
    broker.stored["/entities/urn:theirs"] = {"id": "urn:theirs", "type": "T"}
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    created = [create(client) for _ in range(3)]
    session.clean_up()
    assert list(broker.stored) == ["/entities/urn:theirs"]
    deleted = [seen.path for seen in broker.seen if seen.method == "DELETE" and "temporal" not in seen.path]
    assert deleted == [f"/ngsi-ld/v1/entities/{identifier}" for identifier in reversed(created)]
    assert read_journal(session.services.journal.path).left == []


def test_registrations_are_removed_before_what_they_may_hold_back(broker: FakeBroker, open_session: OpenSession):
    """The deletion of an Entity that is newer than its Registration is nothing that the latter has a say in."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    named = Resource("registration", registered := client.owned_id("R"), f"/csourceRegistrations/{registered}")
    offered = [{"entities": [{"type": session.settings.prefix}]}]
    registration = {"id": registered, "type": "ContextSourceRegistration", "information": offered}
    client.request("POST", "/csourceRegistrations", json=registration, creates=[named])
    identifier = create(client)
    session.clean_up()
    deleted = [seen.path for seen in broker.seen if seen.method == "DELETE" and "temporal" not in seen.path]
    assert deleted == [f"/ngsi-ld/v1/csourceRegistrations/{registered}", f"/ngsi-ld/v1/entities/{identifier}"]


def test_what_the_server_named_is_removed_by_its_name(broker: FakeBroker, open_session: OpenSession):
    """A subscription without an id is removed under the name that the answer's Location gave it."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    body = {"type": "Subscription", "description": session.settings.prefix}
    client.request("POST", "/subscriptions", json=body, creates=[SUBSCRIPTION])
    assert broker.stored
    session.clean_up()
    assert broker.stored == {}


def test_an_entity_map_is_removed_by_the_name_in_its_header(broker: FakeBroker, open_session: OpenSession):
    """It is made on the way of a query, and no Location says so; one that lost its name is left to expire."""
    broker.stored |= {"/entityMaps/urn:m:1": {"id": "urn:m:1"}, "/entityMaps/urn:m:2": {"id": "urn:m:2"}}
    broker.overrides["/entities"] = Answer(201, [], {"NGSILD-EntityMap": "/ngsi-ld/v1/entityMaps/urn:m:1"})
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    creates = [Resource("entity-map", None, "/entityMaps")]
    client.request("GET", "/entities", params={"type": "T", "entityMap": "true"}, creates=creates)
    broker.overrides["/entities"] = Answer(200, [])
    client.request("GET", "/entities", params={"type": "T", "entityMap": "true"}, creates=creates)
    session.clean_up()
    assert list(broker.stored) == ["/entityMaps/urn:m:2"]
    assert read_journal(session.services.journal.path).left == []


def test_what_lost_its_name_is_found_by_the_marker_alone(broker: FakeBroker, open_session: OpenSession):
    """Without a Location, only the subscription that bears the run's marker goes; the others stay."""
    broker.nameless = True
    broker.stored["/subscriptions/urn:theirs"] = {"id": "urn:theirs", "type": "Subscription", "description": "theirs"}
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    body = {"type": "Subscription", "description": session.settings.prefix}
    client.request("POST", "/subscriptions", json=body, creates=[SUBSCRIPTION])
    session.clean_up()
    assert list(broker.stored) == ["/subscriptions/urn:theirs"]


def test_a_registration_that_lost_its_name_is_asked_for_by_an_attribute(broker: FakeBroker, open_session: OpenSession):
    """Registrations are not listed without a selector; those of others that match it as well stay."""
    broker.nameless = True
    theirs = {"id": "urn:theirs", "type": "ContextSourceRegistration", "information": [{"entities": [{"type": "Car"}]}]}
    broker.stored["/csourceRegistrations/urn:theirs"] = theirs
    session = open_session(broker={"url": broker.url})
    body = {**theirs, "information": [{"entities": [{"type": f"{session.settings.prefix}Car"}]}]}
    del body["id"]
    unnamed = Resource("registration", None, "/csourceRegistrations/")
    session.target.client("broker").request("POST", "/csourceRegistrations/", json=body, creates=[unnamed])
    assert len(broker.stored) == 2
    session.clean_up()
    assert list(broker.stored) == ["/csourceRegistrations/urn:theirs"]
    assert any(f"attrs={session.settings.prefix}" in seen.path for seen in broker.seen)


def test_a_hosted_context_that_lost_its_name_is_found_by_its_content(broker: FakeBroker, open_session: OpenSession):
    """Contexts are listed by URL alone, so each is read and only the one with the marker goes."""
    broker.nameless = True
    broker.stored["/jsonldContexts/theirs"] = {"@context": {"a": "https://example.org/a"}}
    session = open_session(broker={"url": broker.url})
    ld_context = {"@context": {session.settings.prefix: "https://example.org/ours"}}
    client = session.target.client("broker")
    client.request("POST", "/jsonldContexts", json=ld_context, creates=[Resource("context", None, "/jsonldContexts")])
    session.clean_up()
    assert list(broker.stored) == ["/jsonldContexts/theirs"]


def test_a_context_of_ours_that_the_broker_cached_is_removed(broker: FakeBroker, open_session: OpenSession):
    """Naming an @context that we serve makes a broker keep it; it is deleted under its URL, those of others stay."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    ours, theirs = f"http://127.0.0.1:1/contexts/{session.settings.prefix}1.jsonld", "http://127.0.0.1:1/theirs.jsonld"
    broker.stored |= {f"/jsonldContexts/{url}": {"@context": {}} for url in (ours, theirs)}
    for url in (ours, theirs, ours):
        client.get("/entities", params={"type": "T"}, headers={"Link": f'<{url}>; rel="x"'})
    session.clean_up()
    assert list(broker.stored) == [f"/jsonldContexts/{theirs}"]


def test_a_context_that_the_broker_made_of_a_body_is_removed(broker: FakeBroker, open_session: OpenSession):
    """An answer's Link that names a hosted @context: ours where the body's @context bears the marker, else theirs."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    for term in (session.settings.prefix, "somebody"):
        name = f"urn:ngsi-ld:LdContext:{term}"
        broker.stored[f"/jsonldContexts/{name}"] = {"@context": {term: "https://example.org/x"}}
        broker.echo = {"Link": f'<{client.base_url}/jsonldContexts/{name}>; rel="x"'}
        body = {"type": "Query", "entities": [{"type": "T"}], "@context": {term: "https://example.org/x"}}
        client.request("POST", "/entityOperations/query", json=body)
    broker.echo = {}
    session.clean_up()
    assert list(broker.stored) == ["/jsonldContexts/urn:ngsi-ld:LdContext:somebody"]


def test_a_refused_creation_leaves_nothing_to_remove(broker: FakeBroker, open_session: OpenSession):
    """What was answered 400 was not created: the clean-up asks nothing about it."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    identifier = client.owned_id("T")
    client.request("POST", "/entities", json={"id": identifier}, creates=[entity(identifier)])
    sent = len(broker.seen)
    session.clean_up()
    assert len(broker.seen) == sent


def test_a_malformed_creation_that_was_accepted_is_removed_all_the_same(broker: FakeBroker, open_session: OpenSession):
    """A broker that wrongly accepts what should be refused is left clean too."""
    session = open_session(broker={"url": broker.url})
    client = session.target.client("broker")
    identifier = client.owned_id("T")
    client.request("POST", "/entities", json={"id": identifier, "type": "T", "bad": None}, expects_refusal=True)
    assert broker.stored
    session.clean_up()
    assert broker.stored == {}


def test_a_deletion_that_is_not_done_is_said(broker: FakeBroker, open_session: OpenSession):
    """204 is not believed: what can still be read is left behind, and its journal stays."""
    session = open_session(broker={"url": broker.url})
    identifier = create(session.target.client("broker"))
    broker.sticky = True
    session.clean_up()
    session.close()
    recovery = recover(session.settings.out)
    assert recovery.removed == 0
    assert identifier in recovery.left_behind[0]
    broker.sticky = False
    assert recover(session.settings.out).left_behind == []
    assert journal_files(session.settings.out) == []


def test_history_is_removed_with_its_entity(broker: FakeBroker, open_session: OpenSession):
    """Deleting an Entity leaves its temporal evolution, so that is deleted as well."""
    session = open_session(broker={"url": broker.url})
    identifier = create(session.target.client("broker"))
    broker.stored[f"/temporal/entities/{identifier}"] = {"id": identifier}
    session.clean_up()
    assert broker.stored == {}


def test_an_unreachable_target_is_said_and_its_journal_kept(broker: FakeBroker, open_session: OpenSession):
    """Clean-up of a target that is gone tells what may remain, and can be repeated."""
    session = open_session(broker={"url": broker.url})
    create(session.target.client("broker"))
    session.close()
    broker.close()
    recovery = recover(session.settings.out)
    assert len(recovery.left_behind) == 1
    assert len(journal_files(session.settings.out)) == 1


def test_a_target_that_refuses_deletion_is_said(broker: FakeBroker, open_session: OpenSession):
    """403 to a deletion: the thing remains, and the sentence says what was answered."""
    session = open_session(broker={"url": broker.url})
    identifier = create(session.target.client("broker"))
    session.close()
    broker.overrides[f"/entities/{identifier}"] = Answer(403, {"title": "no"})
    assert "403" in recover(session.settings.out).left_behind[0]


def test_no_such_folder_is_a_usage_error(tmp_path: Path):
    """`ldt cleanup` of a place that does not exist says so, with exit code 2."""
    with pytest.raises(SiteError) as raised:
        recover(tmp_path / "nowhere")
    assert raised.value.exit_code == 2


KILLED_RUN = textwrap.dedent(
    """
    import sys, time
    from ldt_conformance.engine.transport.journal import Resource
    from ldt_conformance.engine.run.session import Options, Session
    session = Session.open(Options(site=sys.argv[1], mode="sandbox-write", out=sys.argv[2]))
    client = session.target.client("broker")
    while True:
        name = client.owned_id("T")
        there = Resource("entity", name, "/entities/" + name)
        client.request("POST", "/entities", json={"id": name, "type": "T"}, creates=[there])
        body = {"type": "Subscription", "description": session.settings.prefix}
        client.request("POST", "/subscriptions", json=body, creates=[Resource("subscription", None, "/subscriptions")])
    """
)


def test_after_kill_9_the_target_is_as_it_was(broker: FakeBroker, write_site: Callable[..., Path], tmp_path: Path):
    """A run killed in the middle of creating things, cleaned up from its journal: the target as before."""
    broker.stored["/entities/urn:theirs"] = {"id": "urn:theirs", "type": "T"}
    site = write_site(broker={"url": broker.url})
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", KILLED_RUN, str(site), str(out)])
    deadline = time.monotonic() + 20
    while len(broker.stored) < 12 and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL) if os.name == "posix" else child.kill()
    child.wait()
    assert len(broker.stored) >= 12
    command = [sys.executable, "-m", "ldt_conformance", "cleanup", "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["left_behind"] == []
    assert list(broker.stored) == ["/entities/urn:theirs"]
