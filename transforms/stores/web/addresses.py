"""Addresses of this machine's surroundings to which no server may lead: what is read there could be published."""

from __future__ import annotations

import asyncio
import ipaddress

_KEYS = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Addresses of clouds' metadata that are not link-local: of AWS by IPv6, and of Alibaba."""


async def leads_to_keys(host: str, port: int) -> bool:
    """Tell whether a host is, or has the address of, the service by which a cloud tells a machine who it is, with its keys.

    A name is looked up as a connection would. One that is not known here, as behind a proxy, leads nowhere from here.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except (OSError, UnicodeError):
        return False
    return any(_has_keys(str(address[0])) for *_, address in found)


def _has_keys(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_link_local or address.ipv4_mapped in _KEYS
    return address.is_link_local or address in _KEYS
