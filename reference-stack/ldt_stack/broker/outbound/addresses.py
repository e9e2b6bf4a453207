"""Which addresses a name has, and to which of them the broker may connect of its own accord.

The standard leaves it open (ETSI GS CIM 009 V1.9.1, 5.5.6, 5.8.6): whoever may create a Subscription or name a @context
makes the broker send requests, so whoever runs the broker says where to. Addresses are judged as they are connected to,
after names were resolved, never as they are written in a URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

ANY: Final = "any"
PUBLIC: Final = "public"

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: all that is handed out
# Special-purpose ranges that `is_global` of some Python versions lets pass: IETF protocol assignments, 6to4 and its
# relays (which end at an IPv4 address), documentation.
_SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1: a translator goes to the IPv4 address in it


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be connected to: everything, all public addresses, some networks, or a union of these.

    Args:
        everything: No address is refused.
        public: Addresses of the public internet are allowed: none that is private, loopback, link-local, multicast or
            otherwise special (IANA's registries of special-purpose addresses).
        networks: Allowed beside them.
    """

    everything: bool = False
    public: bool = False
    networks: tuple[IpNetwork, ...] = ()

    @classmethod
    def parse(cls, items: Iterable[str]) -> AddressPolicy:
        """From "any", "public", addresses and networks (CIDR), in any combination; none of them: nothing is allowed.

        Raises:
            ValueError: One of them is neither.
        """
        words = [item.strip() for item in items if item.strip()]
        networks: list[IpNetwork] = []
        for word in words:
            if word in (ANY, PUBLIC):
                continue
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError as error:
                raise ValueError(
                    f'"{word}" is no network: {error}. Expected "{ANY}", "{PUBLIC}", an address such as '
                    "192.0.2.7, or a network such as 10.1.0.0/16 or fd00::/8"
                ) from None
        return cls(ANY in words, PUBLIC in words, tuple(networks))

    def allows(self, address: str) -> bool:
        """Whether an IP address (text, perhaps with a zone: "fe80::1%eth0") may be connected to.

        An IPv6 address that stands for an IPv4 address (IPv4-mapped, NAT64) is judged as that one.
        """
        if self.everything:
            return True
        given = _without_zone(ipaddress.ip_address(address))
        target = _translated(given)
        if any(target in network or given in network for network in self.networks):
            return True
        return self.public and _is_public(target)


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, in the system's order of preference, each once. Raises OSError if there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _without_zone(address: IpAddress) -> IpAddress:
    return ipaddress.IPv6Address(int(address)) if isinstance(address, ipaddress.IPv6Address) else address


def _translated(address: IpAddress) -> IpAddress:
    """The IPv4 address that a connection to an IPv6 address ends at, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def _is_public(address: IpAddress) -> bool:
    """Python's `is_global` alone lets multicast and deprecated IPv6 ranges pass."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
