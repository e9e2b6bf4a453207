"""Puts a broker together from its settings."""

from __future__ import annotations

from ldt_stack.broker.ld_context import ContextRegistry
from ldt_stack.broker.notifications.notifier import OutboxNotifier
from ldt_stack.broker.operations import contexts
from ldt_stack.broker.operations.expiry import Sweeper
from ldt_stack.broker.operations.snapshots.keeper import Keeper
from ldt_stack.broker.outbound import Outbound
from ldt_stack.broker.service import Broker, system_clock
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.sqlite import SqliteStore


def create_broker(settings: BrokerSettings) -> Broker:
    """A broker that is not started yet.

    Raises:
        InternalError: The store cannot be opened.
    """
    outbound = Outbound(settings.address_policy)
    contexts_ = ContextRegistry(settings, system_clock, outbound)
    broker = Broker(settings, SqliteStore(settings), outbound, contexts_, OutboxNotifier())
    broker.background.append(Sweeper())
    keeper = Keeper()
    broker.keeper = keeper
    broker.background.append(keeper)
    contexts.attach(broker)
    return broker
