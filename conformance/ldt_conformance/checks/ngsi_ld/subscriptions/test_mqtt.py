"""Notifications over MQTT: ETSI GS CIM 009 V1.9.1, clause 7.2.

The binding is optional (7.1). The checks need an MQTT server that the target and this run both reach; the site file
names one or several under `mqtt`, and each form of endpoint is checked where a server of its kind is named.
"""

from collections.abc import Callable
from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.subscriptions.publishing import (
    MqttServers,
    Prepare,
    notifier_info,
    published,
    unchanged,
)
from ldt_conformance.clients import JSON, LD_JSON
from ldt_conformance.clients.mqtt import MqttAccess
from ldt_conformance.comparators import JSONLD_CONTEXT, find_link, parse_links
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal

DECLARED: dict[str, Any] = {
    "level": Level.MUST,
    "capability": "mqtt",
    "mode": Mode.SANDBOX_WRITE,
    "requirements": ["ngsi-ld/7.2"],
    "pics": ["PICS_NOTIFICATIONS_SUB"],
}
MESSAGE = cim009("7.2", "The MQTT notification message shall be provided as a JSON Object with the two elements")
ENDPOINT = cim009("7.2", "the default MQTT port is 1883 for MQTT over TCP and 8883 for mqtts")
LOGIN = cim009("7.2", "Username and password can be optionally specified as part of the endpoint URI.")
PARAMETERS = cim009(
    "7.2", "These can be specified in the subscription as part of the optional array of KeyValuePair type"
)
RECEIVER_INFO = [{"key": "X-Ldt-Check", "value": "receiver side"}]


@check(
    id="mqtt/message",
    title="A notification over MQTT is an object with metadata (Content-Type, Link, receiverInfo) and body",
    clause=[
        MESSAGE,
        cim009("7.2", 'array shall be generated and added to the "metadata" element of the MQTT message.'),
    ],
    test_purposes=purposes("CI/SUB/MQTT/058_04_01"),
    **DECLARED,
)
def test_message(broker: Broker, mqtt_servers: MqttServers) -> None:
    def with_info(template: Any) -> Any:
        return template.with_endpoint(receiverInfo=RECEIVER_INFO)

    found = published(broker, mqtt_servers, mqtt_servers.first(), with_info)

    expect_members(found.content, present=["metadata", "body"])
    expect_equal(str(found.metadata.get("Content-Type")).partition(";")[0].strip(), JSON, "Content-Type")
    if find_link(parse_links([str(found.metadata.get("Link"))]), JSONLD_CONTEXT) is None:
        fail(f'a Link with rel="{JSONLD_CONTEXT}" in metadata', f"Link: {found.metadata.get('Link')}")
    expect_equal(found.metadata.get("X-Ldt-Check"), "receiver side", "X-Ldt-Check in metadata")
    expect_equal(found.body.get("type"), "Notification", "type of the body")
    expect_members(found.shown, present=["id", "type"])


@check(
    id="mqtt/ld-json",
    title="endpoint.accept application/ld+json is the Content-Type in metadata, and the @context stands in the body",
    clause=cim009("7.2", 'changed to "application/ld+json" by means of the "endpoint.accept" member.'),
    **DECLARED,
)
def test_ld_json(broker: Broker, mqtt_servers: MqttServers) -> None:
    found = published(broker, mqtt_servers, mqtt_servers.first(), lambda one: one.with_endpoint(accept=LD_JSON))

    expect_equal(str(found.metadata.get("Content-Type")).partition(";")[0].strip(), LD_JSON, "Content-Type")
    text = str(found.content)
    expect_equal("@context" in text, True, "whether there is an @context in the notification")


def quality_check(*, id: str, title: str, prepare: Prepare, qos: int | None, test_purpose: str) -> Callable[..., None]:  # noqa: A002
    """Make a check of a quality of service.

    Args:
        qos: With which the message must come; None is any.
        id, title, prepare, test_purpose: As in `check` and `published`.
    """

    @check(
        id=id,
        title=title,
        clause=[MESSAGE, PARAMETERS],
        test_purposes=purposes(test_purpose),
        **DECLARED,
    )
    def test_quality(broker: Broker, mqtt_servers: MqttServers) -> None:
        found = published(broker, mqtt_servers, mqtt_servers.first(), prepare)

        if qos is not None:
            expect_equal(found.message.qos, qos, "quality of service of the message")
        expect_members(found.content, present=["metadata", "body"])

    return test_quality


test_qos_default = quality_check(
    id="mqtt/qos-default",
    title="Without MQTT-QoS a notification is published, with the default quality of service",
    prepare=unchanged,
    qos=None,
    test_purpose="CI/SUB/MQTT/058_02_01",
)
test_qos_1 = quality_check(
    id="mqtt/qos-1",
    title="MQTT-QoS 1 publishes at least once",
    prepare=notifier_info(MQTT_QoS="1"),
    qos=1,
    test_purpose="CI/SUB/MQTT/058_02_02",
)
test_qos_2 = quality_check(
    id="mqtt/qos-2",
    title="MQTT-QoS 2 publishes exactly once",
    prepare=notifier_info(MQTT_QoS="2"),
    qos=2,
    test_purpose="CI/SUB/MQTT/058_02_03",
)
test_version_default = quality_check(
    id="mqtt/version-default",
    title="Without MQTT-Version a notification is published, whatever else is set",
    prepare=notifier_info(MQTT_QoS="0"),
    qos=0,
    test_purpose="CI/SUB/MQTT/058_03_01",
)
test_version_3 = quality_check(
    id="mqtt/version-3.1.1",
    title="MQTT-Version mqtt3.1.1 publishes",
    prepare=notifier_info(MQTT_Version="mqtt3.1.1"),
    qos=None,
    test_purpose="CI/SUB/MQTT/058_03_02",
)
test_version_5 = quality_check(
    id="mqtt/version-5.0",
    title="MQTT-Version mqtt5.0 publishes",
    prepare=notifier_info(MQTT_Version="mqtt5.0"),
    qos=None,
    test_purpose="CI/SUB/MQTT/058_03_03",
)


def endpoint_check(
    *,
    id: str,  # noqa: A002 — the word of the design for a check's permanent name
    title: str,
    what: str,
    fits: Callable[[MqttAccess], bool],
    test_purpose: str,
) -> Callable[..., None]:
    """Make a check of one form of endpoint URI, at a server that has this form.

    Args:
        what: The kind of server, after "names no MQTT server".
        fits: Whether a server is of it.
        id, title, test_purpose: As in `check`.
    """

    @check(id=id, title=title, clause=[ENDPOINT, LOGIN], test_purposes=purposes(test_purpose), **DECLARED)
    def test_endpoint(broker: Broker, mqtt_servers: MqttServers) -> None:
        found = published(broker, mqtt_servers, mqtt_servers.which(what, fits))

        expect_members(found.content, present=["metadata", "body"])

    return test_endpoint


test_endpoint_host = endpoint_check(
    id="mqtt/endpoint-host",
    title="An MQTT endpoint with neither user nor port is published to, at the default port",
    what="at the default port without a user",
    fits=lambda access: access.has_default_port and access.server.username is None,
    test_purpose="CI/SUB/MQTT/058_01_01",
)
test_endpoint_port = endpoint_check(
    id="mqtt/endpoint-port",
    title="An MQTT endpoint with a port of its own is published to",
    what="at another port than the default without a user",
    fits=lambda access: not access.has_default_port and access.server.username is None,
    test_purpose="CI/SUB/MQTT/058_01_02",
)
test_endpoint_user = endpoint_check(
    id="mqtt/endpoint-user",
    title="An MQTT endpoint with a user and no password is published to",
    what="with a user and no password",
    fits=lambda access: access.server.username is not None and access.password is None,
    test_purpose="CI/SUB/MQTT/058_01_03",
)
test_endpoint_password = endpoint_check(
    id="mqtt/endpoint-password",
    title="An MQTT endpoint with user and password is published to",
    what="at the default port with user and password",
    fits=lambda access: access.has_default_port and access.password is not None,
    test_purpose="CI/SUB/MQTT/058_01_04",
)
test_endpoint_password_port = endpoint_check(
    id="mqtt/endpoint-password-port",
    title="An MQTT endpoint with user, password and a port of its own is published to",
    what="at another port than the default with user and password",
    fits=lambda access: not access.has_default_port and access.password is not None,
    test_purpose="CI/SUB/MQTT/058_01_05",
)
