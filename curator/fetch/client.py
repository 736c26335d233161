"""The one HTTP client of the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer: decompressed, within the size limit, status 200 or 304.

    ``content`` is empty with 304 (``unchanged``). ``url`` is the address after redirects;
    ``validators`` what to send next time (``{"etag": …, "last_modified": …}``, may be empty).
    """

    url: str
    status: int
    content: bytes
    media_type: str = ""  # "application/atom+xml", lower case, without parameters
    charset: str | None = None  # as the Content-Type header declares it
    validators: dict[str, str] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        return self.status == 304


class Fetcher:
    """Stand-in for the contract; the real one follows."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        """Gets one document; waits, retries and gives up as the host's rules say."""
        raise NotImplementedError
