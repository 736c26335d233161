"""Getting documents from other people's servers: politely, safely, and without dying of it."""

from curator.fetch.client import Fetched, Fetcher
from curator.fetch.mirrors import mirrors_of

__all__ = ["Fetched", "Fetcher", "mirrors_of"]
