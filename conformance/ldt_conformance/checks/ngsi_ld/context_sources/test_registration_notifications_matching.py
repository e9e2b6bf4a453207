"""Which Registrations are notified: ETSI GS CIM 009 V1.9.1, clauses 5.11.2, 5.11.3, 5.11.7 and 5.12.

Each check registers a Context Source that matches the Subscription and one that does not.
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, Subscription, check, require
from ldt_conformance.checks.ngsi_ld.context_sources.registering import EARLIER, FARO, LATER, NORTH, PORTO, source
from ldt_conformance.checks.ngsi_ld.context_sources.watching_registrations import (
    NEWLY,
    UPDATED,
    expect_only,
    on_type,
    watch_registrations,
)
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATION_SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import entities_in
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import expect_equal
from ldt_conformance.receiver import Receiver

NOTIFIED: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/5.11.7", "ngsi-ld/5.11.2"],
    "pics": ["PICS_NOTIFICATIONS_CSR"],
    "capability": REGISTRATION_SUBSCRIPTIONS,
    "mode": Mode.SANDBOX_WRITE,
}
UPDATED_SUBSCRIPTION: dict[str, Any] = {**NOTIFIED, "requirements": ["ngsi-ld/5.11.7", "ngsi-ld/5.11.3"]}
WITHIN = {"georel": "within", "geometry": "Polygon", "coordinates": NORTH}
BEFORE = {"timerel": "before", "timeAt": "2021-08-01T22:00:00Z"}
OBSERVATION = cim009("5.11.2.4", "observationInterval (if present). If the timeproperty is")
MANAGEMENT = cim009(
    "5.11.2.4", '"deletedAt", the temporal query is matched against the managementInterval (if present)'
)
PLACE = cim009(
    "5.11.2.4", "identified in the geoQ element. If no GeoProperty is specified in the geoquery, the default"
)
ALL_MATCHING = cim009(
    "5.11.3.4", "Finally, send a notification with all currently matching Context Source Registrations."
)


@check(
    id="registration-notification/latest",
    title="Without a temporalQ only Registrations of latest information are notified",
    clause=cim009(
        "5.11.2.4", "If no temporal query is present in the temporalQ element, only Context Source Registrations"
    ),
    test_purposes=purposes("CS/REGSUB/047_08_01"),
    **NOTIFIED,
)
def test_latest(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind))

    latest = source(broker).offering(kind)
    expect_only(broker, watching, latest, source(broker).offering(kind).with_members(observationInterval=EARLIER))


@check(
    id="registration-notification/observation-interval",
    title="A temporalQ without timeproperty notifies the Registrations whose observationInterval contains the time",
    clause=OBSERVATION,
    test_purposes=purposes("CS/REGSUB/047_10_01"),
    **NOTIFIED,
)
def test_observation_interval(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind, temporalQ=BEFORE))

    offers = source(broker).offering(kind), source(broker).offering(kind)
    wanted, unwanted = (
        offer.with_members(observationInterval=interval)
        for offer, interval in zip(offers, (EARLIER, LATER), strict=True)
    )
    expect_only(broker, watching, wanted, unwanted)


@check(
    id="registration-notification/created-at",
    title="A temporalQ by createdAt notifies by the managementInterval, not by the observationInterval",
    clause=MANAGEMENT,
    test_purposes=purposes("CS/REGSUB/047_11_01"),
    **NOTIFIED,
)
def test_created_at(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    query = {**BEFORE, "timeproperty": "createdAt"}
    watching = watch_registrations(broker, receiver, on_type(kind, temporalQ=query))

    wanted = source(broker).offering(kind).with_members(managementInterval=EARLIER)
    expect_only(broker, watching, wanted, source(broker).offering(kind).with_members(observationInterval=EARLIER))


@check(
    id="registration-notification/modified-at",
    title="A temporalQ by modifiedAt notifies the Registrations whose managementInterval contains the time",
    clause=MANAGEMENT,
    test_purposes=purposes("CS/REGSUB/047_11_02"),
    **NOTIFIED,
)
def test_modified_at(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    query = {**BEFORE, "timeproperty": "modifiedAt"}
    watching = watch_registrations(broker, receiver, on_type(kind, temporalQ=query))

    wanted = source(broker).offering(kind).with_members(managementInterval=EARLIER)
    expect_only(broker, watching, wanted, source(broker).offering(kind).with_members(managementInterval=LATER))


@check(
    id="registration-notification/watched-attributes",
    title="Registrations that offer none of the Attributes watched and notified do not match",
    clause=[
        cim009("5.11.2.4", "the Attributes specified in the notification parameter are matched against the respective"),
        cim009(
            "5.12", "If at least one of the specified attribute names matches a Property or Relationship specified in"
        ),
    ],
    test_purposes=purposes("CS/REGSUB/047_12_01"),
    **NOTIFIED,
)
def test_watched_attributes(broker: Broker, receiver: Receiver) -> None:
    """Both lists are given: where either is missing, any Attribute matches."""
    kind = broker.new_type()

    def on_speed(template: Subscription) -> Subscription:
        return template.on_type(kind).watching("speed").with_notification(attributes=["speed"])

    watching = watch_registrations(broker, receiver, on_speed)

    wanted = source(broker).offering(kind, properties=["speed", "brandName"])
    expect_only(broker, watching, wanted, source(broker).offering(kind, properties=["heading"]))


@check(
    id="registration-notification/any-attribute",
    title="Without watchedAttributes Registrations of matching Entities are notified whatever Attributes they offer",
    clause=cim009(
        "5.11.2.4", "notification are not present or of length 0, all possible Attributes (if present in the Context"
    ),
    test_purposes=purposes("CS/REGSUB/047_13_01"),
    **NOTIFIED,
)
def test_any_attribute(broker: Broker, receiver: Receiver) -> None:
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind))

    other = source(broker).offering(broker.new_type(), properties=["heading"])
    expect_only(broker, watching, source(broker).offering(kind, properties=["heading"]), other)


@check(
    id="registration-notification/location",
    title="A geoQ notifies the Registrations whose place matches",
    clause=PLACE,
    test_purposes=purposes("CS/REGSUB/047_14_01"),
    **NOTIFIED,
)
def test_location(broker: Broker, receiver: Receiver) -> None:
    expect_by_place(broker, receiver, {**WITHIN, "geoproperty": "location"})


@check(
    id="registration-notification/default-location",
    title="A geoQ that names no GeoProperty is matched against location",
    clause=PLACE,
    test_purposes=purposes("CS/REGSUB/047_15_01"),
    **NOTIFIED,
)
def test_default_location(broker: Broker, receiver: Receiver) -> None:
    expect_by_place(broker, receiver, WITHIN)


def expect_by_place(broker: Broker, receiver: Receiver, geo_query: dict[str, Any]) -> None:
    """Fail unless by this geoquery what offers Porto is notified, and what offers Faro is not."""
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind, geoQ=geo_query))

    wanted = source(broker).offering(kind).with_members(location=PORTO)
    expect_only(broker, watching, wanted, source(broker).offering(kind).with_members(location=FARO))


@check(
    id="registration-notification/csf",
    title="A context source filter notifies the Registrations whose members meet it",
    clause=[
        cim009("5.11.2.4", "If present, the conditions specified by the context source filter match the respective"),
        cim009("4.9", "filter out Context Sources by the values of properties that describe them, defined when"),
    ],
    since="1.8.1",
    **NOTIFIED,
)
def test_csf(broker: Broker, receiver: Receiver) -> None:
    kind, name = broker.new_type(), broker.unique("north")
    watching = watch_registrations(broker, receiver, on_type(kind, csf=f'registrationName=="{name}"'))

    wanted = source(broker).offering(kind).with_members(registrationName=name)
    expect_only(broker, watching, wanted, source(broker).offering(kind).with_members(registrationName="another"))


@check(
    id="registration-notification/scope",
    title="A Scope query notifies the Registrations whose scope matches",
    clause=cim009("5.11.2.4", "If present, the Scope query (as mandated by clause 4.19) is matched against the scope"),
    since="1.8.1",
    **NOTIFIED,
)
def test_scope(broker: Broker, receiver: Receiver) -> None:
    """That what says nothing of Scopes matches none, or any, is said nowhere: each Registration has one."""
    kind = broker.new_type()
    watching = watch_registrations(broker, receiver, on_type(kind, scopeQ="/Madrid/#"))

    wanted = source(broker).offering(kind).with_members(scope="/Madrid/Gardens")
    expect_only(broker, watching, wanted, source(broker).offering(kind).with_members(scope="/Lisbon/Gardens"))


@check(
    id="registration-notification/subscription-updated-first",
    title="An updated Subscription notifies the Registration that matches now (the first of two)",
    clause=ALL_MATCHING,
    test_purposes=purposes("CS/REGSUB/047_16_01"),
    **UPDATED_SUBSCRIPTION,
)
def test_subscription_updated_first(broker: Broker, receiver: Receiver) -> None:
    expect_after_update(broker, receiver, "A")


@check(
    id="registration-notification/subscription-updated-second",
    title="An updated Subscription notifies the Registration that matches now (the second of two)",
    clause=ALL_MATCHING,
    test_purposes=purposes("CS/REGSUB/047_16_02"),
    **UPDATED_SUBSCRIPTION,
)
def test_subscription_updated_second(broker: Broker, receiver: Receiver) -> None:
    expect_after_update(broker, receiver, "B")


@check(
    id="registration-notification/subscription-updated-both",
    title="An updated Subscription notifies all Registrations that match now, together",
    clause=ALL_MATCHING,
    test_purposes=purposes("CS/REGSUB/047_16_03"),
    **UPDATED_SUBSCRIPTION,
)
def test_subscription_updated_both(broker: Broker, receiver: Receiver) -> None:
    expect_after_update(broker, receiver, "AB")


def expect_after_update(broker: Broker, receiver: Receiver, labels: str) -> None:
    """Fail unless a Subscription that is changed to these types notifies their Registrations and not the other.

    That the reason is `newlyMatching` follows from what it describes; 5.3.3 does not list a changed Subscription among
    the cases, so `updated` is tolerated.
    """
    kinds = {label: broker.new_type() for label in "AB"}
    ids = {label: registered(broker, source(broker).offering(kind)) for label, kind in kinds.items()}
    watching = watch_registrations(broker, receiver, on_type(broker.new_type()))
    fragment = {"entities": [{"type": kinds[label]} for label in labels]}
    changed = broker.update_registration_subscription(watching.id, fragment)
    require(changed, 204, step="updating the entities of the Registration Subscription")

    request = watching.notification("after the Subscription was updated", about=ids[labels[0]])

    notified = {str(item.get("id")) for item in entities_in(request)}
    seen = [label for label, registration_id in ids.items() if registration_id in notified]
    if seen != list(labels):
        fail(f"a notification with the Registrations {list(labels)} of ['A', 'B']", f"one with {seen}")
    reason = request.json().get("triggerReason")
    if reason == UPDATED:
        warn(Reason.TOLERATED, f"triggerReason {NEWLY}", f"triggerReason {UPDATED}")
    expect_equal(reason, NEWLY, "triggerReason")
