"""The log: one event, one redacted line, one write; for people and for programs.

It lies below the broker and the guard, which both write to it, and knows neither.
"""

from mcp_local.log.writer import Log, read_tail

__all__ = ["Log", "read_tail"]
