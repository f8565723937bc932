"""The bridge: a remote MCP server behind HTTP, as an ``Upstream`` that the relay guards.

It forwards the very bytes that were judged, so it speaks Streamable HTTP itself: the SDK's client
reads and writes every message anew, says of a refusal only that there was one, and takes by itself
longer than other bridges do in all.
"""
