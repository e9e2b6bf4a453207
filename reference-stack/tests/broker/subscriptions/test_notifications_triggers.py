"""Which changes concern a Subscription: ETSI GS CIM 009 V1.9.1, clauses 5.2.12 and 5.8.6."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .changes import CAR, CREATED, DELETED, EVENTS, IRI, NOW, OLD, entity, fires, prop, subscription


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        (..., {"created", "updated", "appended"}),
        (["entityCreated"], {"created"}),
        (["entityDeleted"], {"deleted"}),
        (["entityUpdated"], {"created", "updated", "appended", "removed", "deleted"}),
        (["attributeCreated"], {"created", "appended"}),
        (["attributeUpdated"], {"updated"}),
        (["attributeDeleted"], {"removed", "deleted"}),
        (["attributeDeleted", "entityCreated"], {"removed", "deleted", "created"}),
    ],
)
def test_triggers_decide_which_kinds_of_change_notify(triggers: Any, expected: set[str]) -> None:
    """By default attributeCreated and attributeUpdated; entityUpdated is the three Attribute triggers (5.2.12)."""
    one = subscription(notificationTrigger=triggers)

    assert {name for name, event in EVENTS.items() if fires(one, *event)} == expected


@pytest.mark.parametrize(
    ("watched", "expected"), [(["speed"], {"created", "updated"}), (["colour"], {"appended"}), (["size"], set())]
)
def test_only_watched_attributes_notify(watched: list[str], expected: set[str]) -> None:
    """ "Watched Attributes are those that trigger a new notification when they are changed" (5.8.1.4)."""
    one = subscription(watchedAttributes=watched)

    assert {name for name, event in EVENTS.items() if fires(one, *event)} == expected


@pytest.mark.parametrize(
    ("watched", "event", "expected"),
    [(["speed"], CREATED, True), (["size"], CREATED, False), (["speed"], DELETED, True), (["size"], DELETED, False)],
)
def test_entity_triggers_heed_watched_attributes(watched: list[str], event: Any, expected: bool) -> None:
    """An Entity that comes or goes without any watched Attribute notifies nobody."""
    one = subscription(watchedAttributes=watched, notificationTrigger=["entityCreated", "entityDeleted"])

    assert fires(one, *event) is expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, "a", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(before=VALUES, after=VALUES, observed=st.sampled_from([OLD, NOW]))
def test_an_attribute_changes_when_any_member_has_another_value(before: Any, after: Any, observed: str) -> None:
    """Written again with equal members is no change, any other value is one (5.8.6); true is not 1."""
    old = entity(speed=prop(before, observedAt=OLD))
    new = entity(speed=prop(after, observedAt=observed, modifiedAt=NOW, instanceId="urn:ngsi-ld:instance:2"))

    def plain(value: Any) -> Any:  # JSON numbers have no kinds: 1 and 1.0 are equal
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    differs = json.dumps(plain(before), sort_keys=True) != json.dumps(plain(after), sort_keys=True)
    assert fires(subscription(), old, new) is (differs or observed != OLD)


def test_a_changed_sub_attribute_is_a_change() -> None:
    """ "Any of the members (including children)" (5.8.6)."""
    old, new = (entity(speed=prop(1, **{IRI("source"): [prop(name)]})) for name in "ab")

    assert fires(subscription(), old, new)
    assert not fires(subscription(), old, json.loads(json.dumps(old)))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"q": "speed>1"}, True),
        ({"q": "speed>2"}, False),
        ({"scopeQ": "/Madrid/#"}, True),
        ({"scopeQ": "/Lyon"}, False),
        ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}}, True),
        ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [5, 5]}}, False),
        ({"entities": [{"type": "Bus"}]}, False),
        ({"entities": [{"type": "Bus|Car"}]}, True),
        ({"entities": [{"type": "(Car;Electric)"}]}, False),
        ({"entities": [{"type": "Bus"}, {"type": "Car"}]}, True),
        ({"entities": [{"type": "Car", "id": CAR}]}, True),
        ({"entities": [{"type": "Car", "id": ["urn:ngsi-ld:Car:2"]}]}, False),
        ({"entities": [{"type": "Car", "idPattern": ":Car:1$"}]}, True),
        ({"entities": [{"type": "Car", "idPattern": ":Bus:"}]}, False),
        ({"entities": [{"type": "Car", "id": CAR, "idPattern": ":Bus:"}]}, True),
        ({"entities": ..., "watchedAttributes": ["speed"]}, True),
        ({"entities": [{"type": "*"}]}, True),
        ({"isActive": False}, False),
        ({"expiresAt": "2026-01-31T00:00:00Z"}, False),
        ({"expiresAt": "2026-02-02T00:00:00Z"}, True),
        ({"timeInterval": 5}, False),
    ],
)
def test_entities_and_conditions_decide(members: dict[str, Any], expected: bool) -> None:
    """Selectors, q, geoQ, scopeQ and status must all hold for the Entity as it is after the change (5.8.6)."""
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    before = {**entity(speed=prop(1)), IRI("location"): [place], "scope": ["/Madrid/Centro"]}
    after = {**before, IRI("speed"): [prop(2)]}

    assert fires(subscription(**members), before, after) is expected
