"""What a request says about where it goes and where it comes from.

A page of somebody else's can let its own name point at this machine (DNS rebinding); the browser
then sends requests here in the name of that page, and shows it the answers. Only the ``Host`` tells
them from the reader's own. A change must also come from a page of this very server, which
``Origin`` and ``Sec-Fetch-Site`` say (Fetch Metadata, W3C); no page can set these itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from curator.errors import UsageError

__all__ = ["host_and_port", "known_names", "local_path", "peer_group", "same_origin"]

LONGEST = 2000  # of an address to go to after logging in
# One label after the other; an underscore is in names of containers.
NAME = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
PORTS = {"http": 80, "https": 443}


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """The name and the port in a ``Host``, or None if it is none.

    The name is in one writing: lower case, no dot at the end, an IPv6 address shortened and in
    brackets.
    """
    bracket = re.fullmatch(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{1,5}))?", text, re.ASCII)
    if bracket:
        try:
            name = f"[{ipaddress.IPv6Address(bracket[1]).compressed}]"
        except ValueError:
            return None
        digits = bracket[2]
    else:
        plain = re.fullmatch(r"([^:\[\]]{1,254})(?::([0-9]{1,5}))?", text)
        if not plain:
            return None
        name, digits = plain[1].lower().removesuffix("."), plain[2]
        if not NAME.fullmatch(name):
            return None
    port = int(digits) if digits else None
    return None if port is not None and port > 65535 else (name, port)


def known_names(hosts: Iterable[str]) -> frozenset[str]:
    """The names that a server answers to, as `host_and_port` writes them.

    Raises:
        UsageError: one of them is no name of a host.
    """
    names = set()
    for host in hosts:
        text = host.strip()
        if text.count(":") > 1 and not text.startswith("["):
            text = f"[{text}]"  # an IPv6 address as people write it
        try:
            text = text.encode("idna").decode("ascii") if not text.isascii() else text
        except UnicodeError:
            text = ""
        read = host_and_port(text)
        if read is None:
            raise UsageError(
                f"{host!r} is no name of a host.",
                remedy="Give the bare name, as curator.lab.example, without http:// or a path.",
            )
        names.add(read[0])
    return frozenset(names)


def same_origin(origin: str, scheme: str, host: str) -> bool:
    """Whether an ``Origin`` is that of the server which was asked as ``host`` over ``scheme``."""
    wanted = host_and_port(host)
    said, separator, rest = origin.partition("://")
    came = host_and_port(rest) if separator else None
    if wanted is None or came is None or said.lower() != scheme:
        return False
    usual = PORTS.get(scheme)
    return (wanted[0], wanted[1] or usual) == (came[0], came[1] or usual)


def local_path(text: str) -> str:
    """``text`` if it is a path of this server, to be gone to after logging in; else ``/``.

    Browsers take ``//x``, ``/\\x`` and ``/<tab>/x`` for other servers.
    """
    odd = re.search(r"[\\\x00-\x20\x7f-\x9f]", text) or not text.isascii() or len(text) > LONGEST
    if odd or not text.startswith("/") or text.startswith("//"):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in ("/login", "/logout"):
        return "/"
    return text


def peer_group(address: str) -> str:
    """What a peer is counted by: its address, of an IPv6 address the network, as one machine has
    all addresses of that."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(read, ipaddress.IPv4Address):
        return str(read)
    if read.ipv4_mapped:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network((read, 64), strict=False))
