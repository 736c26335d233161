"""Other addresses for known hosts, as the user sets them: ``HOST=ADDRESS HOST=ADDRESS``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from curator.errors import AddressRefused, UsageError
from curator.fetch.guard import checked_url

if TYPE_CHECKING:
    import httpx

__all__ = ["Mirrors", "mirrors_of"]

_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_REMEDY = "Write CURATOR_MIRRORS='huggingface.co=https://mirror.example.org'."


def mirrors_of(text: str) -> dict[str, str]:
    """The pairs of the setting ``CURATOR_MIRRORS``, separated by spaces or commas.

    Raises:
        UsageError: a part is no such pair, an address is not http(s), or a host comes twice.
    """
    found: dict[str, str] = {}
    for part in re.split(r"[\s,]+", text.strip()):
        if not part:
            continue
        host, equals, address = part.partition("=")
        host = host.lower()
        if not equals or not address:
            raise UsageError(f"The mirror {part[:60]!r} is not HOST=ADDRESS.", remedy=_REMEDY)
        if host in found:
            raise UsageError(f"Two mirrors are set for {host}.", remedy="Keep one of them.")
        found[host] = address
    Mirrors(found)
    return found


class Mirrors:
    """Where requests go that name a mirrored host.

    The user chose these addresses, so they may be private and need not be https. The path of
    the address comes before that of the request.
    """

    def __init__(self, mirrors: Mapping[str, str]) -> None:
        """Raises `UsageError` for what is no host or no address."""
        self._mirrors: dict[str, httpx.URL] = {}
        for host, address in mirrors.items():
            name = host.lower()
            if not _NAME.fullmatch(name):
                raise UsageError(f"A mirror is set for {host[:60]!r}, no host.", remedy=_REMEDY)
            try:
                url = checked_url(address)
            except AddressRefused as error:
                raise UsageError(f"The mirror of {name}: {error.message}", remedy=_REMEDY) from None
            if url.query:
                raise UsageError(f"The mirror of {name} has a '?' in it.", remedy=_REMEDY)
            self._mirrors[name] = url

    def of(self, url: httpx.URL) -> httpx.URL | None:
        """The address that ``url`` is got from instead, if its host has a mirror."""
        mirror = self._mirrors.get(url.raw_host.decode().rstrip("."))
        if mirror is None:
            return None
        return mirror.copy_with(raw_path=mirror.raw_path.rstrip(b"/") + url.raw_path)
