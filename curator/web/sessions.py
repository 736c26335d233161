"""Who a browser is: a signed number in a cookie, and the token for changes that goes with it.

Nothing is kept of a visitor, so that no flood of them pushes anybody out; only who logged in is
remembered, in memory. The key is made when the server starts: after that, everybody is new.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Sessions", "equal"]

BYTES = 32
IDLE = 12 * 3600.0  # seconds after which a login is forgotten
MOST = 1000  # logins that are remembered; the one not seen for longest goes


def equal(given: bytes, right: bytes) -> bool:
    """Whether two secrets are the same, in a time that tells neither how much of them nor how
    long they are."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(right).digest())


class Sessions:
    """Ids of sessions (32 random bytes) as values of cookies, and which of them logged in."""

    def __init__(
        self, *, most: int = MOST, idle: float = IDLE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._key = secrets.token_bytes(BYTES)
        self._most, self._idle, self._clock = most, idle, clock
        self._seen: OrderedDict[bytes, float] = OrderedDict()  # the longest unseen first

    def new(self) -> bytes:
        """The id of a session that did not log in."""
        return secrets.token_bytes(BYTES)

    def cookie(self, session: bytes) -> str:
        """What is put in the cookie."""
        return base64.urlsafe_b64encode(session + self._mac(b"cookie", session)).decode("ascii")

    def read(self, cookie: str) -> bytes | None:
        """The id in a cookie, if this server made it."""
        try:
            raw = base64.b64decode(cookie.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        session, mac = raw[:BYTES], raw[BYTES:]
        right = hmac.compare_digest(mac, self._mac(b"cookie", session))
        return session if right else None

    def csrf(self, session: bytes) -> str:
        """What a change of this session must bring along."""
        return self._mac(b"csrf", session).hex()

    def name(self, who: bytes) -> str:
        """A short name for a client, from which nothing can be learned about it."""
        return self._mac(b"name", who).hex()[:20]

    def log_in(self) -> bytes:
        """The id of a new session that is logged in."""
        self._forget()
        while len(self._seen) >= self._most:
            self._seen.popitem(last=False)
        session = self.new()
        self._seen[session] = self._clock()
        return session

    def is_in(self, session: bytes) -> bool:
        """Whether it is logged in; it is then not idle."""
        self._forget()
        if session not in self._seen:
            return False
        self._seen[session] = self._clock()
        self._seen.move_to_end(session)
        return True

    def log_out(self, session: bytes) -> None:
        """Ends a login, if it is one."""
        self._seen.pop(session, None)

    def _forget(self) -> None:
        oldest = self._clock() - self._idle
        while self._seen and next(iter(self._seen.values())) < oldest:
            self._seen.popitem(last=False)

    def _mac(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + data, "sha256")
