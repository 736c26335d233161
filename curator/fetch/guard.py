"""Which addresses are fetched at all.

A feed, a list or a redirect can name any address, also one that only this machine can reach:
its own services, the printer, the cloud's page with the machine's keys. So only public hosts
are fetched unless the user says otherwise. What is public follows IANA's registries of special
addresses (RFC 6890 and successors), written out here because the meaning of
``ipaddress.is_private`` changed between patch releases of Python.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from curator.errors import AddressRefused
from curator.text import strip_controls

if TYPE_CHECKING:
    import httpx

__all__ = [
    "ALL",
    "NOTHING",
    "PRIVATE",
    "Kind",
    "Permit",
    "check_address",
    "check_host",
    "checked_url",
    "is_address",
    "kind_of",
    "shown",
]

Kind = Literal["public", "loopback", "private", "link-local", "never"]
Permit = frozenset[Kind]  # what is allowed besides public addresses

NOTHING: Permit = frozenset()
PRIVATE: Permit = frozenset({"loopback", "private"})
ALL: Permit = PRIVATE | {"link-local"}

MAX_URL = 8_000  # characters; servers refuse longer ones

_TABLE: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("loopback", ("127.0.0.0/8", "::1/128")),
    # Where cloud machines are given their keys: link-local, and what some clouds use instead.
    (
        "link-local",
        ("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32"),
    ),
    (
        "private",
        ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15",
         "fc00::/7", "fec0::/10"),
    ),
    (
        "never",  # unspecified, protocol assignments, documentation, multicast, reserved
        ("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24",
         "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "3fff::/20"),
    ),
)  # fmt: skip
_NETWORKS = [(kind, ipaddress.ip_network(net)) for kind, nets in _TABLE for net in nets]
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# An IPv4 address inside an IPv6 one, and the bit at which it begins: mapped, NAT64, 6to4.
_EMBEDDED = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_WHY: dict[Kind, str] = {
    "loopback": "it is on this machine",
    "private": "it is in a private network",
    "link-local": "it is a link-local address, where cloud machines keep their keys",
    "never": "it is not the address of a public server",
}
_HOST = re.compile(r"(?=.{1,253}\.?$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
# What the C library, not we, would take for an address: 2130706433, 0x7f.1, 127.1 (WHATWG URL
# calls such a host one that "ends in a number").
_ODD_NUMBER = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|[0-9]+)\.?$")
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_USER = re.compile(r"[^/?#]*//[^/?#]*@")  # an empty one too, which parsers drop
_SECRETS = re.compile(r"//[^/?#]*@|\?.*", re.DOTALL)


@lru_cache(maxsize=1024)
def kind_of(address: str) -> Kind:
    """What an IP address in text is; ``never`` also for text that is none."""
    try:
        return _kind(ipaddress.ip_address(address))
    except ValueError:
        return "never"


def _kind(address: IPv4Address | IPv6Address) -> Kind:
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDED:
            if address in network:
                return _kind(IPv4Address(int(address) >> shift & 0xFFFF_FFFF))
    for kind, net in _NETWORKS:
        if address.version == net.version and address in net:
            return kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "never"
    return "public"


def is_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_address(address: str, host: str, permit: Permit) -> None:
    """Raises `AddressRefused` unless ``address`` (of ``host``) is public or permitted."""
    kind = kind_of(address)
    if kind == "public" or kind in permit:
        return
    is_at = host if host == address else f"{host} ({address})"
    remedy = ""
    if kind == "link-local" and permit:  # private addresses are allowed: it came by redirect
        remedy = "Another server led there. If you trust it, ask for that address itself."
    elif kind in ALL:
        remedy = "If you trust it, set CURATOR_ALLOW_PRIVATE=1."
    raise AddressRefused(f"{is_at} is not fetched: {_WHY[kind]}.", remedy=remedy)


def check_host(host: str, permit: Permit) -> None:
    """Checks what can be told without looking the name up: literal addresses, ``localhost``.

    Raises:
        AddressRefused: it is not public, not permitted, or no host name.
    """
    if is_address(host):
        if "%" in host:
            raise _refused(host, "it names a network card of this machine")
        check_address(host, host, permit)
        return
    if not _HOST.fullmatch(host):
        raise _refused(host, "its host is no name", "Check the address.")
    if _ODD_NUMBER.search(host):
        raise _refused(
            host, "its host is an address in an odd writing", "Write it as 192.0.2.1 or as a name."
        )
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        check_address("127.0.0.1", host, permit)


def checked_url(text: str, params: Mapping[str, str | int] | None = None) -> httpx.URL:
    """The address with its parameters, well-formed and without its fragment.

    Whether its host may be fetched is another question (`check_host`, and the connection).

    Raises:
        AddressRefused: not http(s), no host, a password in it, control characters, too long.
    """
    import httpx

    if len(text) > MAX_URL:
        raise _refused(text, f"it has more than {MAX_URL:,} characters")
    if _UNSAFE.search(text):
        raise _refused(text, "it has spaces or control characters", "Check the address.")
    try:
        url = httpx.URL(text)
        if params:
            query = "&".join(part for part in (url.query.decode(), urlencode(params)) if part)
            url = url.copy_with(query=query.encode())
        url = url.copy_with(fragment=None)
        too_long = len(str(url)) > MAX_URL
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError):
        raise _refused(text, "it is no valid address", "Check the address.") from None
    if too_long:
        raise _refused(text, f"it has more than {MAX_URL:,} characters")
    if url.scheme not in ("http", "https"):
        raise _refused(text, "only http and https are", "Check the address.")
    if url.userinfo or _USER.match(text):
        raise _refused(text, "it has a user name or password in it", "Leave that out.")
    if not url.raw_host:
        raise _refused(text, "it has no host", "Check the address.")
    if url.port is not None and not 0 < url.port < 65536:
        raise _refused(text, "its port is not between 1 and 65535", "Check the address.")
    return url


def shown(url: httpx.URL) -> str:
    """The address as messages show it: without its query, which can hold keys."""
    return _short(f"{url.scheme}://{url.netloc.decode()}{url.path}")


def _refused(text: str, why: str, remedy: str = "") -> AddressRefused:
    safe = _SECRETS.sub(lambda found: "//…@" if found[0].startswith("//") else "?…", text[:MAX_URL])
    return AddressRefused(f"The address {_short(safe)!r} is not fetched: {why}.", remedy=remedy)


def _short(text: str) -> str:
    text = strip_controls(text[:200])
    return text if len(text) <= 100 else text[:97] + "..."
