"""Getting documents from other people's servers: politely, safely, and without dying of it."""

from curator.fetch.client import Fetched, Fetcher

__all__ = ["Fetched", "Fetcher"]
