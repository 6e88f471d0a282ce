"""Says of IP addresses what they are for: the public, one link, a cloud's metadata. Looks nothing up.

An IPv6 address may carry an IPv4 one, which a translator on the way takes out; it counts as both.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
# What tells a machine of a cloud its secrets and is not link-local: Azure, Alibaba, Oracle; AWS, Google.
METADATA = frozenset(
    map(ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
GLOBAL = IPv6Network("2000::/3")
# For no host of the public, though `is_global` calls some so: of the registries of special addresses (RFC 6890).
SPECIAL_IPV4 = "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.175.48.0/24"
SPECIAL_IPV6 = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20"
SPECIAL = [ip_network(text) for text in f"{SPECIAL_IPV4} {SPECIAL_IPV6}".split()]
# Prefixes whose last 32 bits are an IPv4 address: compatible, mapped, translated, NAT64 of all and of a site.
WITH_IPV4 = [
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
]
ISATAP = (0x00005EFE, 0x02005EFE)


def parsed(address: str) -> Address:
    """Parses an address as a lookup gives it, with or without the zone."""
    return ip_address(address.partition("%")[0])


def is_link_local(address: str) -> bool:
    """Tells whether an address is link-local or one of a cloud's metadata."""
    return any(one.is_link_local or one in METADATA for one in forms_of(parsed(address)))


def is_public(address: str) -> bool:
    """Tells whether an address is a host's in the public Internet."""
    found = parsed(address)
    if found.version == 6 and found not in GLOBAL:
        return False
    return all(is_public_form(one) for one in forms_of(found))


def is_public_form(address: Address) -> bool:
    is_special = any(address.version == one.version and address in one for one in SPECIAL)
    return address.is_global and not address.is_multicast and address not in METADATA and not is_special


def forms_of(address: Address) -> Iterator[Address]:
    """Yields the address, and the IPv4 addresses in it."""
    yield address
    if not isinstance(address, IPv6Address):
        return
    number = int(address)
    if any(address in one for one in WITH_IPV4) or (number >> 32) & 0xFFFFFFFF in ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in WITH_IPV4[-1]:  # behind a prefix of 48 bits it stands around bits 64 to 71 (RFC 6052)
        yield IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    yield from filter(None, (address.sixtofour, *(address.teredo or ())))
