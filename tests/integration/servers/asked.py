"""A server of which the policy asks the person about some things. What runs is noted in ``RAN``."""

from __future__ import annotations

from typing import Any

from fastmcp import Context, FastMCP
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from tests.integration.servers.scenarios import ran

POLICY = """
version: 1
roles:
  reader: {tags: [read]}
  writer: {includes: [reader], tags: [write]}
rules:
  - name: confirm-deletes
    effect: ask
    agents: {roles: [reader]}
    tools: {names: [delete_row, book_table]}
    resources: {uris: ["rows://*"]}
    prompts: {names: [brief]}
    reason: Deleting needs a yes.
    redact: [args.password]
  - name: confirm-often
    effect: ask
    agents: {roles: [reader]}
    tools: {names: [send]}
    remember: session
    reason: Sending needs a yes.
  - name: never
    effect: deny
    tools: {names: [delete_row]}
    when: [{field: args.table, operator: equals, value: users}]
    reason: Not the users.
"""
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"seats": {"type": "integer"}},
    "required": ["seats"],
}


def asked() -> FastMCP[Any]:
    """Make it."""
    mcp: FastMCP[Any] = FastMCP("asked")

    @mcp.tool
    def delete_row(id: int = 0, table: str = "notes", password: str = "") -> str:  # noqa: A002
        return ran(f"delete {table} {id}{password and ' with password'}")

    @mcp.tool
    def send(text: str) -> str:
        return ran(f"send {text}")

    @mcp.tool(tags={"read"})
    def look() -> str:
        return "looked"

    @mcp.tool(version="1")
    def purge() -> str:
        return ran("purge 1")

    @mcp.tool
    async def book_table(context: Context) -> str | InputRequiredResult:
        """Ask the client something of its own, between two calls."""
        answer = (context.input_responses or {}).get("seats")
        if context.request_state != "seats wanted" or not isinstance(answer, ElicitResult):
            assert context.request_state is None
            assert context.input_responses is None
            params = ElicitRequestFormParams(message="How many?", requested_schema=_FORM)
            return InputRequiredResult(
                input_requests={"seats": ElicitRequest(params=params)},
                request_state="seats wanted",
            )
        return ran(f"book {(answer.content or {}).get('seats')}")

    @mcp.resource("rows://{number}")
    def row(number: int) -> str:
        return ran(f"row {number}")

    @mcp.prompt
    def brief(topic: str) -> str:
        return ran(f"brief {topic}")

    return mcp
