"""The library as tools of an assistant: the Model Context Protocol, over stdio and HTTP."""

from __future__ import annotations

from curator.mcp.serving import mounted, serve_stdio

__all__ = ["mounted", "serve_stdio"]
