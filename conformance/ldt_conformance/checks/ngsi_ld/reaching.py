"""Whether the target reaches us at all: asked before its silence is held against it.

A broker in a container, behind a tunnel or with a policy of addresses may answer us and be unable to call us. It is
then asked twice to call: for an @context (a read alone), and with a notification. Where neither arrives, nothing that
depends on a call can be judged; where one does, silence elsewhere is the broker's own.
"""

from __future__ import annotations

from typing import NoReturn

from ldt_conformance.checks.ngsi_ld.given import stored, subscribed
from ldt_conformance.clients import Broker, Subscription, property_
from ldt_conformance.engine.verdicts import Reason, inconclusive
from ldt_conformance.receiver import Receiver

WITNESS_SECONDS = 10.0


def require_reached(broker: Broker, receiver: Receiver) -> None:
    """End the check as inconclusive where the target has not called us in this run and does not when asked to."""
    if not is_reached(broker, receiver):
        cannot_be_reached(receiver)


def is_reached(broker: Broker, receiver: Receiver) -> bool:
    """Whether anything of the target has arrived in this run; where nothing has, it is asked to call, once a run."""
    if receiver.requests_seen:
        return True
    if receiver.reached is None:
        receiver.reached = _fetches_a_context(broker, receiver) or _notifies(broker, receiver)
    return receiver.reached


def cannot_be_reached(receiver: Receiver) -> NoReturn:
    """The outcome of every check that needs a call."""
    inconclusive(
        Reason.RECEIVER_UNREACHABLE,
        f"asked for an @context and for a notification, the target never called {receiver.base_url}; a container or "
        "a tunnel in between, or its policy of addresses, may be why. Try: --public-host with a name that it can call",
        expected="a target that can call us back",
    )


def _fetches_a_context(broker: Broker, receiver: Receiver) -> bool:
    served = receiver.serve_context({})
    broker.query_entities({"type": broker.new_type(), "limit": 1}, ld_context=served.url)
    return bool(served.received())


def _notifies(broker: Broker, receiver: Receiver) -> bool:
    inbox = receiver.inbox()
    entity = stored(broker, broker.new_entity("Witness").with_property("speed", 0))
    subscribed(broker, Subscription(broker.new_id("Subscription"), inbox.url).on_type(str(entity.type)))
    broker.update_attributes(entity.id, {"speed": property_(1)})
    return inbox.wait_for(lambda _: True, WITNESS_SECONDS) is not None
