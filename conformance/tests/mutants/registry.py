"""Wrong brokers whose Context Registry is wrong, each in one clause; as those of `mutants.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ldt_stack.broker.federation import matching
from ldt_stack.broker.model import registrations as model
from ldt_stack.broker.notifications import registrations as noticing
from ldt_stack.broker.notifications.registration_subscription import Notice
from ldt_stack.broker.operations.registrations import management as registrations

from .faults import Headers, Install, Mutant, exchange, function


def _nothing(_: Any) -> Any:
    return lambda *args, **named: None


def _always(_: Any) -> Any:
    return lambda *args, **named: True


def _silent_about_deletions(original: Any) -> Any:
    def notice_of_change(subscription: Any, before: Any, after: Any) -> Notice | None:
        notice: Notice | None = original(subscription, before, after)
        return None if after is None else notice

    return notice_of_change


def _newly_matching_each_time(original: Any) -> Any:
    def notice_of_change(subscription: Any, before: Any, after: Any) -> Notice | None:
        notice: Notice | None = original(subscription, before, after)
        return (
            replace(notice, trigger_reason="newlyMatching") if notice and notice.trigger_reason == "updated" else notice
        )

    return notice_of_change


def _never_too_wide(original: Any) -> Any:
    def parse_registration_query(source: Any, call: Any, settings: Any) -> Any:
        wide = source.types is None and source.attrs is None and source.q is None and source.geo is None
        return original(replace(source, attrs="anything") if wide else source, call, settings)

    return parse_registration_query


def _without_condition(name: str) -> Any:
    """Makes a Registration Query that does not look at one of its conditions."""

    def make(original: Any) -> Any:
        return lambda self, registration: original(replace(self, **{name: None}), registration)

    return make


def _forgets_what_it_does_not_name(original: Any) -> Any:
    def expand_registration(payload: Any, ld_context: Any) -> Any:
        members = original(payload, ld_context)
        return members if "type" in members else {**members, "registrationName": "urn:ngsi-ld:null"}

    return expand_registration


def _identity(change: Callable[[Headers, bytes], tuple[int, Headers, bytes]]) -> Install:
    """Rewrites what the broker answers when it is asked for its identity."""

    def rewrite(scope: Any, status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        asked = scope["path"].endswith("/info/sourceIdentity")
        return change(headers, body) if asked else (status, headers, body)

    return exchange(rewrite)


MUTANTS: dict[str, Mutant] = {
    "registers-what-has-expired": Mutant(
        "5.9.2.4", "an expiresAt in the past is accepted", function(registrations, "_refuse_past", _nothing)
    ),
    "registers-in-conflict": Mutant(
        "5.9.2.4",
        "exclusive and redirect Registrations are accepted whatever is there",
        function(registrations, "_refuse_conflicts", _nothing),
    ),
    "any-mode-will-do": Mutant(
        "4.3.6.3",
        "the rules of exclusive and auxiliary Registrations are ignored",
        function(model, "_check_mode", _nothing),
    ),
    "update-loses-a-name": Mutant(
        "5.9.3.4",
        "an update of a Registration removes its registrationName",
        function(registrations, "expand_registration", _forgets_what_it_does_not_name),
    ),
    "registrations-never-too-wide": Mutant(
        "5.10.2.4",
        "a query of Registrations needs no selector",
        function(registrations, "parse_registration_query", _never_too_wide),
    ),
    "registrations-of-any-time": Mutant(
        "5.10.2.4", "time intervals of Registrations are ignored", function(matching, "_matches_time", _always)
    ),
    "registrations-of-any-place": Mutant(
        "5.10.2.4", "the location of Registrations is ignored", function(matching, "possibly_within", _always)
    ),
    "context-source-filter-ignored": Mutant(
        "5.10.2.4",
        "csf is ignored where Registrations are looked for",
        function(matching.RegistrationQuery, "_meets_conditions", _without_condition("csf")),
    ),
    "registered-scopes-ignored": Mutant(
        "5.10.2.4",
        "a Registration matches whatever its scope is",
        function(matching.RegistrationQuery, "_meets_conditions", _without_condition("scope")),
    ),
    "registered-attributes-ignored": Mutant(
        "5.12", "a Registration matches whatever Attributes it offers", function(matching, "shares_attribute", _always)
    ),
    "registered-ids-ignored": Mutant(
        "5.12",
        "a Registration matches whatever ids it offers",
        function(matching.EntitySpecification, "_matches_id", _always),
    ),
    "no-first-notice": Mutant(
        "5.11.7",
        "a Registration Subscription is told of changes alone",
        function(noticing, "notice_of_all", _nothing),
    ),
    "deletions-not-noticed": Mutant(
        "5.11.7",
        "the deletion of a Registration is not notified",
        function(noticing, "notice_of_change", _silent_about_deletions),
    ),
    "always-newly-matching": Mutant(
        "5.3.3",
        "an updated Registration is notified as newly matching",
        function(noticing, "notice_of_change", _newly_matching_each_time),
    ),
    "identity-unknown": Mutant(
        "5.15.1.4",
        "there is no resource for the identity of the broker",
        _identity(lambda headers, body: (404, headers, b"{}")),
    ),
    "identity-without-time": Mutant(
        "5.2.40",
        "the identity of the broker has no contextSourceTimeAt",
        _identity(lambda headers, body: (200, headers, body.replace(b"contextSourceTimeAt", b"timestamp"))),
    ),
    "identity-with-blanks": Mutant(
        "5.2.40",
        "the alias of the broker cannot stand in a Via header",
        _identity(lambda headers, body: (200, headers, body.replace(b'Alias":"', b'Alias":"our broker, '))),
    ),
}
