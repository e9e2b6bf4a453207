"""Everything that the broker sends of its own accord: @context downloads, notifications, forwarded requests.

One place for the limits of time, size and redirects, and for the policy which addresses may be connected to.
"""

from ldt_stack.broker.outbound.addresses import AddressPolicy
from ldt_stack.broker.outbound.client import Answer, Outbound
from ldt_stack.broker.outbound.errors import OutboundError, Reason

__all__ = ["AddressPolicy", "Answer", "Outbound", "OutboundError", "Reason"]
