"""Notifications about Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.11.7, 5.11.2, 5.11.3, 5.3.2 and 5.3.3.

Whether a notification shows a Registration whole or filtered to what matches is not judged (5.11.7 recommends that,
ruling M10), nor whether there is a first notification where nothing matches (M24).
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members, require
from ldt_conformance.checks.ngsi_ld.context_sources.registering import offered_types, source
from ldt_conformance.checks.ngsi_ld.context_sources.watching_registrations import (
    NEWLY,
    NO_LONGER,
    UPDATED,
    in_notification,
    on_type,
    registration_sentinel,
    update,
    watch_registrations,
)
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATION_SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.expiring import expect_expired, soon
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import Watch, settled
from ldt_conformance.comparators import same_instant
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import expect_date_time, expect_equal
from ldt_conformance.receiver import Received, Receiver

NOTIFIED: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/5.11.7"],
    "pics": ["PICS_NOTIFICATIONS_CSR"],
    "capability": REGISTRATION_SUBSCRIPTIONS,
    "mode": Mode.SANDBOX_WRITE,
}
ON_CHANGE = cim009(
    "5.11.7", "subscription and whenever there is a change in a matching csource registration. Such a change"
)
REASON = cim009(
    "5.11.7", "The notification message shall include the matching csource registration(s) together with the"
)


def newly(broker: Broker, receiver: Receiver) -> tuple[Watch, str, str, Received]:
    """Watch a type and register a Context Source of it: the Watch, type, Registration's id and its notification."""
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind))
    registration_id = registered(broker, source(broker).offering(kind, properties=["speed"]))
    request = watching.notification("after a matching Context Source was registered", about=registration_id)
    return watching, kind, registration_id, request


@check(
    id="registration-notification/structure",
    title="A notification about a new Registration has the members of CSourceNotification and says newlyMatching",
    clause=[
        cim009("5.11.7", "The structure of the csource notification message shall be as mandated by clause 5.3.2."),
        cim009(
            "5.3.3", "match(es) the identified subscription. This value is used in the first notification and whenever"
        ),
    ],
    test_purposes=purposes("CS/REGSUB/047_04_01"),
    **NOTIFIED,
)
def test_structure(broker: Broker, receiver: Receiver) -> None:
    watching, _, _, request = newly(broker, receiver)

    body = request.json()
    expect_members(body, present=["id", "type", "data", "notifiedAt", "subscriptionId", "triggerReason"])
    seen = (body["type"], body["subscriptionId"], body["triggerReason"])
    expect_equal(seen, ("ContextSourceNotification", watching.id, NEWLY), "type, subscriptionId and triggerReason")
    expect_date_time(body["notifiedAt"], "notifiedAt")
    expect_equal(isinstance(body["data"], list), True, "whether data is an array")


@check(
    id="registration-notification/information",
    title="A notification about a Registration shows what of its information matches",
    clause=REASON,
    test_purposes=purposes("CS/REGSUB/047_03_01"),
    **NOTIFIED,
)
def test_information(broker: Broker, receiver: Receiver) -> None:
    """Ruling M10: the RegistrationInfo that matches must be there; another may be."""
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind))
    registration_id = registered(broker, source(broker).offering(broker.new_type()).offering(kind))

    request = watching.notification("after a matching Context Source was registered", about=registration_id)

    shown = in_notification(request, registration_id)
    expect_equal(shown.get("type"), "ContextSourceRegistration", "type of what is notified")
    if kind not in offered_types(shown):
        fail(f"the RegistrationInfo that offers {kind}", f"information {shown.get('information')}")


@check(
    id="registration-notification/initial-and-updated",
    title="What matches already is notified at the beginning, and again when it is updated",
    clause=[ON_CHANGE, REASON],
    test_purposes=purposes("CS/REGSUB/047_02_01", "CS/REGSUB/047_08_01"),
    **NOTIFIED,
)
def test_initial_and_updated(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    registration_id = registered(broker, source(broker).offering(kind))
    watching = watch_registrations(broker, receiver, on_type(kind))
    watching.notification("at the beginning", about=registration_id, reason=NEWLY)

    update(broker, registration_id, {"description": "another"})

    watching.notification("after an update of the Registration", about=registration_id, reason=UPDATED)


@check(
    id="registration-notification/comes-to-match",
    title="A Registration that an update makes match is notified as newly matching",
    clause=[
        ON_CHANGE,
        cim009("5.3.3", "Source Registration matching the Subscription has been registered, or an existing Context"),
    ],
    **NOTIFIED,
)
def test_comes_to_match(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    registration_id = registered(broker, source(broker).offering(broker.new_type()))
    watching = watch_registrations(broker, receiver, on_type(kind))

    update(broker, registration_id, {"information": [{"entities": [{"type": kind}]}]})

    watching.notification("after an update that makes it match", about=registration_id, reason=NEWLY)


@check(
    id="registration-notification/no-longer-matching",
    title="A Registration that an update makes match no longer is notified as such",
    clause=[
        cim009(
            "5.11.7",
            "matching before the update, after the update or in both cases) or the deletion of a matching csource",
        ),
        cim009(
            "5.3.3",
            "previous notification no longer matches the Subscription, i.e. as a result of an update or because it",
        ),
    ],
    test_purposes=purposes("CS/REGSUB/047_09_01"),
    **NOTIFIED,
)
def test_no_longer_matching(broker: Broker, receiver: Receiver) -> None:
    watching, _, registration_id, _ = newly(broker, receiver)

    update(broker, registration_id, {"information": [{"entities": [{"type": broker.new_type()}]}]})

    watching.notification("after an update that ends the match", about=registration_id, reason=NO_LONGER)


@check(
    id="registration-notification/deleted",
    title="A matching Registration that is deleted is notified as no longer matching",
    clause=[
        cim009(
            "5.11.7",
            "matching before the update, after the update or in both cases) or the deletion of a matching csource",
        ),
        cim009(
            "5.3.3",
            "previous notification no longer matches the Subscription, i.e. as a result of an update or because it",
        ),
    ],
    **NOTIFIED,
)
def test_deleted(broker: Broker, receiver: Receiver) -> None:
    watching, _, registration_id, _ = newly(broker, receiver)

    require(broker.delete_registration(registration_id), 204, step="deleting the Registration")

    watching.notification("after the deletion of the Registration", about=registration_id, reason=NO_LONGER)


@check(
    id="registration-notification/periodic",
    title="With timeInterval what matches is notified at the beginning and again in intervals",
    clause=cim009(
        "5.11.7", "subscription and periodically, when the time specified time interval (in seconds) has elapsed"
    ),
    test_purposes=purposes("CS/REGSUB/047_01_01"),
    **NOTIFIED,
)
def test_periodic(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    registration_id = registered(broker, source(broker).offering(kind))
    watching = watch_registrations(broker, receiver, on_type(kind, timeInterval=1))

    for what in ("at the beginning", "after the first interval"):
        watching.notification(what, about=registration_id)


@check(
    id="registration-notification/status-ok",
    title="After a delivery the Registration Subscription counts it and shows when",
    clause=[
        cim009("5.11.7", "The notification.timesSent member shall be incremented by one."),
        cim009("5.11.7", "Update notification.lastSuccess with the current timestamp."),
    ],
    test_purposes=purposes("CS/REGSUB/047_05_01"),
    **NOTIFIED,
)
def test_status_ok(broker: Broker, receiver: Receiver) -> None:
    """Ruling W29: the direction of the counters is judged, and no others of them."""
    watching, *_ = newly(broker, receiver)

    found = settled(watching, broker.retrieve_registration_subscription, "lastSuccess").get("notification") or {}

    expect_equal((found.get("timesSent") or 0) >= 1, True, "whether timesSent is at least 1")
    for name in ("lastNotification", "lastSuccess"):
        expect_date_time(found.get(name), f"notification.{name}")


@check(
    id="registration-notification/status-failed",
    title="After a failed delivery the Registration Subscription shows the failure",
    clause=[
        cim009("5.11.7", "Update notification.lastFailure with the current timestamp."),
        cim009("5.11.7", 'Update the subscription status to "failed".'),
    ],
    test_purposes=purposes("CS/REGSUB/047_06_01"),
    **NOTIFIED,
)
def test_status_failed(broker: Broker, receiver: Receiver) -> None:
    """Ruling M12: failed in `notification.status`; in the Subscription's own `status` it is tolerated."""
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind))
    watching.inbox.respond(500)

    registration_id = registered(broker, source(broker).offering(kind))
    watching.notification("after a matching Context Source was registered", about=registration_id)

    subscription = settled(watching, broker.retrieve_registration_subscription, "lastFailure")
    found = subscription.get("notification") or {}
    expect_date_time(found.get("lastFailure"), "notification.lastFailure")
    if found.get("status") != "failed" and subscription.get("status") == "failed":
        warn(Reason.TOLERATED, "failed in notification.status", "failed in the status of the Subscription")
    expect_equal(found.get("status"), "failed", "notification.status")


@check(
    id="registration-notification/paused",
    title="A paused Registration Subscription notifies nothing, and what matches once it is active again",
    clause=[
        cim009("5.8.6", "Notifications shall only be sent if and only if the status of the corresponding subscription"),
        cim009("5.11.3.4", "Finally, send a notification with all currently matching Context Source Registrations."),
    ],
    test_purposes=purposes("CS/REGSUB/047_07_01"),
    **{**NOTIFIED, "requirements": ["ngsi-ld/5.11.7", "ngsi-ld/5.11.3"]},
)
def test_paused(broker: Broker, receiver: Receiver) -> None:
    watching, kind, _, _ = newly(broker, receiver)
    sentinel = registration_sentinel(broker, receiver)
    set_active(broker, watching, False)
    watching.forget()

    registration_id = registered(broker, source(broker).offering(kind))

    watching.silence("while the Subscription is paused", sentinel, about=registration_id)
    set_active(broker, watching, True)
    watching.notification("after the Subscription was made active again", about=registration_id)


def set_active(broker: Broker, watching: Watch, active: bool) -> None:
    """Pause a Registration Subscription, or make it active again."""
    response = broker.update_registration_subscription(watching.id, {"isActive": active})
    require(response, 204, step=f"updating isActive to {active}")


@check(
    id="registration-notification/expired",
    title="A Registration Subscription that expires says so, keeps its expiresAt, and notifies nothing any more",
    clause=[
        cim009("5.8.1.4", 'changes automatically to "expired", so that notifications will no longer be sent.'),
        cim009("5.8.6", 'is "active", i.e. not "paused" nor "expired".'),
    ],
    test_purposes=purposes("CS/REGSUB/047_07_02", "CS/REGSUB/038_05_01"),
    **{**NOTIFIED, "requirements": ["ngsi-ld/5.11.7", "ngsi-ld/5.11.2"]},
)
def test_expired(broker: Broker, receiver: Receiver) -> None:
    """It may also be deleted then (4.8)."""
    watching, kind, _, _ = newly(broker, receiver)
    sentinel = registration_sentinel(broker, receiver)
    due = soon(broker, broker.retrieve_registration_subscription(watching.id))
    expiring = broker.update_registration_subscription(watching.id, {"expiresAt": due})
    require(expiring, 204, step=f"updating expiresAt to {due}")

    found = expect_expired(lambda: broker.retrieve_registration_subscription(watching.id), due)

    if found.status != 404:
        kept = same_instant(found.json().get("expiresAt"), due)
        expect_equal(kept, True, f"whether expiresAt is {due}")
    watching.forget()
    registration_id = registered(broker, source(broker).offering(kind))
    watching.silence("after the Subscription has expired", sentinel, about=registration_id)
