"""What distributed operations need of the broker that they belong to: `service.Broker` is one such."""

from __future__ import annotations

from typing import Protocol

from ldt_stack.broker.federation.client import Sender, SourceClient
from ldt_stack.broker.federation.index import RegistrationIndex
from ldt_stack.broker.store.interface import Store


class Surroundings(Sender, Protocol):
    """A broker, as Context Sources are concerned: never more of it, so that nothing here depends on operations."""

    store: Store
    registrations: RegistrationIndex
    sources: SourceClient
