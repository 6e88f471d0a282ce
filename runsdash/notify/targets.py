"""Checks where a webhook may go: looked up once, refused where it is not public, reached at the checked address."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from runsdash.service.addresses import is_link_local, is_public
from runsdash.service.connecting import addresses_of

SCHEMES = {"http": 80, "https": 443}


class TargetRefused(ValueError):
    """Says in a sentence for people why the target is no URL we send to."""


@dataclass(frozen=True)
class Target:
    """Holds a checked URL and the address its name stood for when it was checked."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url_by_address(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


def checked_url(url: str) -> tuple[str, str, int, str]:
    """Splits a URL we could send to into (scheme, host, port, path). Looks nothing up."""
    try:
        parts = urlsplit(url)
        port = parts.port or SCHEMES.get(parts.scheme, 0)
    except ValueError:
        raise TargetRefused("This is not a URL.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise TargetRefused("The URL has to start with https:// or http:// and name a host.")
    if parts.username or parts.password:
        raise TargetRefused("The URL must not carry a user name or password.")
    path = parts.path or "/"
    return parts.scheme, parts.hostname, port, f"{path}?{parts.query}" if parts.query else path


def resolved(url: str, *, until: float) -> Target:
    """Looks the host up by `until` (monotonic); refuses it when any of its addresses is not to be reached.

    What tells a machine of a cloud its secrets is never reached, whatever is allowed.
    """
    scheme, host, port, path = checked_url(url)
    try:
        found = addresses_of(host, port, until)
    except OSError:
        raise TargetRefused(f"The name {host} could not be found.") from None
    addresses = list(dict.fromkeys(info[4][0] for info in found))
    for address in addresses:
        if is_link_local(address):
            raise TargetRefused(f"{host} is at {address}, which is link-local or a cloud's metadata.")
        if not settings.WEBHOOK_ALLOW_PRIVATE and not is_public(address):
            raise TargetRefused(
                f"{host} is at {address}, which is not a public address. WEBHOOK_ALLOW_PRIVATE allows that."
            )
    return Target(scheme, host, port, path, addresses[0])
