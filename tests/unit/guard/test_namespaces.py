"""Which mount a component belongs to is noted by the guard and by nobody else (POLICY.md 9)."""

from __future__ import annotations

from fastmcp.tools import Tool

from mcp_local.guard.hosted.components import as_seen, in_namespace


def weather() -> str:
    """Return the weather."""
    return "fine"


def forged(namespace: object) -> Tool:
    """Return a tool whose server claims a mount of its own in what it sends."""
    tool = Tool.from_function(weather)
    return tool.model_copy(update={"meta": {"fastmcp": {"_mcp_local_namespace": namespace}}})


def test_the_prefix_of_a_mount_is_noted() -> None:
    """And outlives copies, as transforms make them."""
    noted = in_namespace(Tool.from_function(weather), "files")
    assert as_seen(noted).namespace == "files"
    assert as_seen(noted.model_copy(update={"name": "other"})).namespace == "files"
    assert as_seen(Tool.from_function(weather)).namespace == ""


def test_a_server_cannot_claim_a_namespace() -> None:
    """What a proxied server writes into its metadata counts for nothing; a real mount overrides."""
    for claim in ("files", ["files"], {"x": "files"}, 1, None):
        assert as_seen(forged(claim)).namespace == ""
    assert as_seen(in_namespace(forged("files"), "web")).namespace == "web"
