"""What every server of a library has: one model for many people, and work in the background.

The page (`curator.web`), its endpoints and MCP (`curator.mcp`) all answer through this.
"""

from __future__ import annotations

from curator.serving.answering import Answering
from curator.serving.queue import Busy, FairQueue, Ticket
from curator.serving.serving import Serving

__all__ = ["Answering", "Busy", "FairQueue", "Serving", "Ticket"]
