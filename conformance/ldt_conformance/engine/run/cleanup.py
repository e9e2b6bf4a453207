"""Removal of what a run created: at the end of each check, at the end of a run, and by `ldt cleanup` after a crash.

Registrations of Context Sources first, then newest first. Only what the journal names is removed; what the server named
itself, and whose name was lost in a crash, is found again by the run's marker alone. A thing counts as removed when it
cannot be read any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.journal import Entry, last_segment
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import Outcome

GONE = frozenset({404, 410})
NO_SUCH_OPERATION = frozenset({405, 501})
PAGE = 100
PAGES = 20


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one journalled thing.

    Attributes:
        removed: It is not there any more (or never was).
        said: One sentence where it is still there.
    """

    entry: Entry
    removed: bool
    said: str = ""


class Cleaner:
    """Removes journalled things from a target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._without_history: set[str] = set()  # roles whose endpoint has no temporal API

    def remove_all(self, entries: Iterable[Entry]) -> list[Removal]:
        """Remove things, newest first; one that fails does not keep the others.

        A Registration may send the deletion of an Entity elsewhere, or forbid it (CIM 009 5.6.6.4): it goes before all.
        """
        return [self._remove(entry) for entry in sorted(entries, key=_rank, reverse=True)]

    def _remove(self, entry: Entry) -> Removal:
        try:
            client = self._target.client(entry.role)
            paths = self._paths(client, entry)
            said = next(filter(None, [self._remove_path(client, entry, path) for path in paths]), "")
        except Outcome as outcome:
            said = f"{_name(entry)} may remain: {outcome.observed}"
        return Removal(entry, removed=not said, said=said)

    def _paths(self, client: Client, entry: Entry) -> list[str]:
        """Where it is: its own path, the one that the server named, or what bears the marker."""
        resource = entry.resource
        collection = resource.path.rstrip("/") if resource.id is None else resource.path.rstrip("/").rsplit("/", 1)[0]
        own = [resource.path] if resource.id is not None else []
        if entry.named is not None:
            return [*own, f"{collection}/{_segment(last_segment(entry.named))}"]
        if own:
            return own
        return self._found_by_marker(client, entry)

    def _remove_path(self, client: Client, entry: Entry, path: str) -> str:
        answer = client.tidy("DELETE", path, tenant=entry.tenant)
        if entry.resource.kind == "context" and answer.status in GONE | NO_SUCH_OPERATION:
            return ""  # not kept, or kept where nobody can see it
        said = ""
        if not (answer.status < 300 or answer.status in GONE):
            said = f"{_name(entry)} may remain: DELETE {path} answered {answer.status}"
        look = client.tidy("GET", path, tenant=entry.tenant)
        if look.status in GONE:
            said = ""
        elif not said:
            said = (
                f"{_name(entry)} remains: DELETE {path} answered {answer.status}, and GET still answers {look.status}"
            )
        if path.startswith("/entities/"):
            said = said or self._remove_history(entry, path)
        return said

    def _remove_history(self, entry: Entry, path: str) -> str:
        """The temporal evolution outlives its Entity (CIM 009 clause 5.6.6 deletes the Entity alone)."""
        if not self._target.has("history") or "history" in self._without_history:
            return ""
        answer = self._target.client("history").tidy("DELETE", f"/temporal{path}", tenant=entry.tenant)
        if answer.status in NO_SUCH_OPERATION or (answer.status in GONE and not _is_problem(answer)):
            self._without_history.add("history")
        if answer.status < 300 or answer.status in GONE | NO_SUCH_OPERATION:
            return ""
        return f"the history of {_name(entry)} may remain: DELETE /temporal{path} answered {answer.status}"

    def _found_by_marker(self, client: Client, entry: Entry) -> list[str]:
        """What the server named itself; of Registrations those that name no Attributes, which any Attribute finds.

        Without a type or an Attribute a broker lists no Registrations at all (CIM 009 5.10.2.4, 5.12).
        """
        collection = entry.resource.path.rstrip("/")
        if collection in {"/entities", "/temporal/entities"}:
            return self._entities_of_our_types(client, entry)
        if collection == "/entityMaps":
            return []  # its name was lost in a crash, it has no mark of ours, and it expires (CIM 009 5.5.14)
        if collection == "/jsonldContexts":
            return self._our_contexts(client, entry)
        asked = {"attrs": entry.marker} if collection == "/csourceRegistrations" else {}
        return [
            f"{collection}/{_segment(str(member['id']))}"
            for member in self._members(client, entry, collection, asked)
            if entry.marker in json.dumps(member) and "id" in member
        ]

    def _entities_of_our_types(self, client: Client, entry: Entry) -> list[str]:
        """Entity Types of a run are its own, so every Entity of such a type is."""
        answer = client.tidy("GET", "/types", tenant=entry.tenant)
        body = _json(answer)
        names = body.get("typeList", []) if isinstance(body, dict) else body
        types = [name for name in names or [] if isinstance(name, str) and entry.marker in name]
        return [
            f"/entities/{_segment(str(member.get('id')))}"
            for name in types
            for member in self._members(client, entry, "/entities", {"type": name})
        ]

    def _our_contexts(self, client: Client, entry: Entry) -> list[str]:
        urls = _json(client.tidy("GET", "/jsonldContexts", tenant=entry.tenant))
        found = []
        for url in urls if isinstance(urls, list) else []:
            path = f"/jsonldContexts/{_segment(last_segment(str(url)))}"
            if entry.marker in client.tidy("GET", path, tenant=entry.tenant).text:
                found.append(path)
        return found

    def _members(self, client: Client, entry: Entry, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        """Everything in a collection, page by page."""
        found: list[dict[str, Any]] = []
        for page in range(PAGES):
            asked = params | {"limit": str(PAGE), "offset": str(page * PAGE)}
            body = _json(client.tidy("GET", path, tenant=entry.tenant, params=asked))
            members = [member for member in body if isinstance(member, dict)] if isinstance(body, list) else []
            found += members
            if len(members) < PAGE:
                break
        return found


def _rank(entry: Entry) -> tuple[bool, float]:
    return entry.resource.kind == "registration", entry.at


def _name(entry: Entry) -> str:
    return f"{entry.resource.kind} {entry.named or entry.resource.id or 'of ' + entry.marker}"


def _segment(name: str) -> str:
    return quote(name, safe=":")


def _json(response: Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _is_problem(response: Response) -> bool:
    body = _json(response)
    return isinstance(body, dict) and "ResourceNotFound" in str(body.get("type", ""))
