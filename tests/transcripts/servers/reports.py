"""A server of somebody's own, which prints while it is imported and while it works."""

from fastmcp import FastMCP

import mcp_local

print("reports is imported")  # noqa: T201 - what must not reach the protocol

mcp = FastMCP("reports")


@mcp.tool(tags={"read"})
def list_reports() -> list[str]:
    """List the reports of the signed-in person."""
    print("reports are listed")  # noqa: T201 - nor this
    user = mcp_local.current_user()
    return [f"{user.name if user else 'nobody'}/q1"]


@mcp.tool(auth=mcp_local.require_role("Admin"))
def delete_report(name: str) -> str:
    """Delete a report."""
    return f"deleted {name}"


if __name__ == "__main__":
    mcp_local.run(mcp, policy="policy.yaml")
