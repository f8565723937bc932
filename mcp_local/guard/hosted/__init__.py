"""The guard for FastMCP servers that run in this process.

``protect`` attaches it, ``serve_stdio`` runs the server on standard input and output, and
``explain_all`` and ``explain_use`` say for the offline commands what the guard would do.

This package alone knows FastMCP's insides (attributes with an underscore); its version is pinned.
"""

from mcp_local.guard.hosted.explain import Explained, explain_all, explain_use, inventory
from mcp_local.guard.hosted.protect import protect
from mcp_local.guard.hosted.serve import serve_stdio

__all__ = ["Explained", "explain_all", "explain_use", "inventory", "protect", "serve_stdio"]
