"""Who asks: a browser with its session, or a program with the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from curator.serving import Busy
from curator.web.limits import Buckets, Limits
from curator.web.sessions import Sessions, equal

__all__ = ["Door", "Visit", "client_of", "csrf_token", "visit_of"]

KEY = "curator.visit"  # in the scope of a request
MINUTE = 60.0


class TooManyGuesses(Busy):
    """More wrong tokens came from an address than a person mistypes."""


class Door:
    """What a server knows of who may come in. ``token`` None: everybody may."""

    def __init__(self, token: str | None, limits: Limits, sessions: Sessions | None = None) -> None:
        self._token = token.encode("utf-8") if token is not None else None
        self.limits = limits
        self.sessions = sessions or Sessions()
        self._wrong = Buckets(limits.guesses, MINUTE, most=limits.clients)
        self._all_wrong = Buckets(limits.all_guesses, MINUTE)

    @property
    def locked(self) -> bool:
        """Whether a token is needed."""
        return self._token is not None

    @property
    def hurried(self) -> bool:
        """Whether so many wrong tokens come, from wherever, that each try should take longer."""
        return self._all_wrong.wait("") > 0

    def right(self, given: bytes, peer: str) -> bool:
        """Whether this is the token; wrong ones are counted.

        Raises:
            Busy: too many wrong ones came from this peer. Even the right one is not looked at.
        """
        if self._token is None:
            return False
        wait = self._wrong.wait(peer)
        if wait:
            error = TooManyGuesses(
                "Too many wrong tokens came from your address.",
                remedy="Wait a minute, then try again.",
            )
            error.wait = int(wait) + 1
            raise error
        if given and equal(given, self._token):
            return True
        self._wrong.take(peer)
        self._all_wrong.take("")
        return False


@dataclass
class Visit:
    """One request's part in a session. ``session`` is the id, None where there is none yet;
    ``inside``: it logged in. ``fresh`` and ``ended`` say that the answer sets or deletes a cookie.
    """

    door: Door
    peer: str
    session: bytes | None = None
    inside: bool = False
    program: bool = False  # came with the right token
    bearer: bytes = b""
    fresh: bool = False
    ended: bool = False

    @property
    def client(self) -> str:
        """A name for who asks, by which turns go round; nothing can be learned from it."""
        sessions = self.door.sessions
        if self.session is not None:
            return sessions.name(self.session)
        # A bearer that was not looked at could be another one for each question.
        bearer = self.bearer if self.program else b""
        return sessions.name(sessions.name(bearer).encode() + self.peer.encode())

    def csrf(self) -> str:
        """What changes must bring along; begins a session where there is none."""
        if self.session is None:
            self.session = self.door.sessions.new()
            self.fresh = True
        return self.door.sessions.csrf(self.session)

    def log_in(self) -> None:
        """From now on a session of a new id, so that nobody can have known it before."""
        self.session = self.door.sessions.log_in()
        self.inside = self.fresh = True

    def log_out(self) -> None:
        if self.session is not None:
            self.door.sessions.log_out(self.session)
        self.session, self.inside, self.fresh, self.ended = None, False, False, True


def visit_of(request: Request) -> Visit:
    """The visit that a request is part of; `Guard` noted it."""
    visit: Any = request.scope[KEY]
    assert isinstance(visit, Visit)
    return visit


def client_of(request: Request) -> str:
    """A short name for who asks: of the session, else of the right token and the address."""
    return visit_of(request).client


def csrf_token(request: Request) -> str:
    """What the forms and the scripts of a page send with every change."""
    return visit_of(request).csrf()
