"""Finds the visitor's address behind proxies. Believes headers of TRUSTED_PROXIES alone."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """Returns the visitor's address; None when it cannot be known.

    It is the one that connects, or, where that is a trusted proxy's, the right-most of X-Forwarded-For that is not: a
    proxy appends the address that called it, so nothing is read that an untrusted one wrote. When all are trusted, the
    first of them is the visitor.
    """
    forwarded = request.headers.get("X-Forwarded-For")
    hops = forwarded.split(",") if forwarded else []
    for hop in (request.META.get("REMOTE_ADDR", ""), *reversed(hops)):
        address = parsed(hop)
        if address is None:
            return None
        if not is_within(address, settings.TRUSTED_PROXIES):
            break
    return address


def is_within(address: Address, networks: list[str]) -> bool:
    return any(address in ip_network(network, strict=False) for network in networks)


def parsed(text: str) -> Address | None:
    """Parses an address, with or without a port, as some proxies write it. IPv4 mapped to IPv6 becomes IPv4."""
    text = text.strip().partition("%")[0]  # a zone means nothing to anybody else
    for candidate in (text, split_domain_port(text)[0].strip("[]")):
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        return getattr(address, "ipv4_mapped", None) or address
    return None
