"""An MCP client for our own commands: a real stdio session with ``mcp-local run …``.

What a person tries on the command line goes the way that a desktop client's requests go: another
process, the wire, the guard.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp_types import ElicitResult, Implementation

from mcp_local.errors import ExitCode, McpLocalError, TargetError, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from mcp.client.context import ClientRequestContext
    from mcp_types import CallToolResult, ElicitRequestParams, GetPromptResult, ReadResourceResult

    OnProgress = Callable[[float, float | None, str], None]
    """Is told what is done, of how much, and a message."""
    Ask = Callable[[str], bool]
    """Puts a question to the person; may block. Returns whether they said yes."""

LEGACY = "legacy"
"""The handshake era, up to protocol version 2025-11-25."""
MODERN = "2026-07-28"
"""The stateless era."""
AUTO = "auto"
"""Whichever the server speaks."""
CONFIRM = "confirm"
"""The one field of a form that asks for a yes, as our guard sends it."""
_CLOSED = "Connection closed"
"""What the SDK says where nothing at all was answered."""


class UseFailed(McpLocalError):
    """The server answered with an error: the tool's own, or that there is no such thing."""

    code = "use_failed"
    exit_code = ExitCode.PROBLEMS


@dataclass(frozen=True, slots=True)
class Listing:
    """What the signed-in person sees: names of tools and prompts, URIs, URI templates."""

    tools: tuple[str, ...]
    resources: tuple[str, ...]
    templates: tuple[str, ...]
    prompts: tuple[str, ...]

    def items(self) -> list[tuple[str, str]]:
        """Return everything as (kind, name); templates are resources."""
        kinds = (
            ("tool", self.tools),
            ("resource", self.resources + self.templates),
            ("prompt", self.prompts),
        )
        return [(kind, name) for kind, names in kinds for name in names]


class ServerSession:
    """A session with a guarded server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def protocol_version(self) -> str:
        """The version that was agreed on."""
        return self._client.protocol_version

    async def listing(self) -> Listing:
        """List everything, each list anew.

        Raises:
            UseFailed: the server refuses.
        """
        client = self._client
        try:
            tools = await client.list_tools(cache_mode="refresh")
            resources = await client.list_resources(cache_mode="refresh")
            templates = await client.list_resource_templates(cache_mode="refresh")
            prompts = await client.list_prompts(cache_mode="refresh")
        except MCPError as error:
            raise UseFailed(error.message) from error
        return Listing(
            tuple(tool.name for tool in tools.tools),
            tuple(resource.uri for resource in resources.resources),
            tuple(template.uri_template for template in templates.resource_templates),
            tuple(prompt.name for prompt in prompts.prompts),
        )

    async def call(
        self,
        name: str,
        arguments: Mapping[str, object],
        on_progress: OnProgress | None = None,
    ) -> CallToolResult:
        """Call a tool.

        Raises:
            UseFailed: the server refuses, or the tool answers with an error.
        """

        async def report(progress: float, total: float | None, message: str | None) -> None:
            if on_progress is not None:
                on_progress(progress, total, message or "")

        try:
            result = await self._client.call_tool(name, dict(arguments), progress_callback=report)
        except MCPError as error:
            raise UseFailed(error.message) from error
        if result.is_error:
            raise UseFailed(
                "\n".join(block.text for block in result.content if block.type == "text")
            )
        return result

    async def read(self, uri: str) -> ReadResourceResult:
        """Read a resource.

        Raises:
            UseFailed: the server refuses, or answers with an error.
        """
        try:
            return await self._client.read_resource(uri, cache_mode="refresh")
        except MCPError as error:
            raise UseFailed(error.message) from error

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """Get a prompt.

        Raises:
            UseFailed: the server refuses, or answers with an error.
        """
        try:
            return await self._client.get_prompt(name, dict(arguments))
        except MCPError as error:
            raise UseFailed(error.message) from error


@asynccontextmanager
async def connect(
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    mode: str = AUTO,
    show_errors: bool = False,
    ask: Ask | None = None,
) -> AsyncGenerator[ServerSession]:
    """Start ``mcp-local WORDS…`` and speak MCP with it over its standard input and output.

    ``mode`` is an era, or ``auto``. What the server writes to standard error is shown or kept back
    for the error that is raised. ``ask`` puts questions to the person; left out, the server is told
    that nobody can be asked here.

    Raises:
        TargetError: the server ended before it answered; says what it said.
        Unreachable: a server behind ours can't be spoken to.
    """
    # -P: modules lying in the working folder must not be imported where tokens are
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "mcp_local", *words], env=dict(environ)
    )
    info = Implementation(name="mcp-local", version="1")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as kept:
        client = Client(
            stdio_client(server, sys.stderr if show_errors else kept),
            mode=mode,
            client_info=info,
            elicitation_callback=None if ask is None else Answers(ask),
        )
        started = False
        try:
            async with client:
                started = True
                yield ServerSession(client)
        except (MCPError, OSError, BaseExceptionGroup) as error:
            inner = _single(error)
            if started or not isinstance(inner, MCPError | OSError):
                raise inner from None
            raise _ended(kept, inner) from inner


class Answers:
    """Answers forms that want a yes or no; whatever else a server asks for is declined."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def __call__(
        self, context: ClientRequestContext | None, params: ElicitRequestParams
    ) -> ElicitResult:
        """Ask, where it is for a yes."""
        del context
        schema = params.requested_schema if params.mode == "form" else {}
        fields = cast("Mapping[str, object]", schema.get("properties", {}))
        if [*fields] != [CONFIRM] or not await _in_thread(self._ask, params.message):
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={CONFIRM: True})


async def _in_thread(ask: Ask, message: str) -> bool:
    """Ask in a thread that doesn't keep the process from ending on Ctrl-C."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def work() -> None:
        said = ask(message)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, answer, said)

    threading.Thread(target=work, name="mcp-local question", daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[bool], said: bool) -> None:  # noqa: FBT001 - the answer
    if not answer.done():
        answer.set_result(said)


def _single(error: BaseException) -> BaseException:
    """Return what a task group wrapped, when it is one error only."""
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", inner)
        first, *others = group.exceptions
        if others:
            return error
        inner = first
    return inner


def _ended(kept: TextIO, failure: MCPError | OSError) -> McpLocalError:
    """Return the error that was told before the session ended: by our command, or by its server."""
    kept.seek(0)
    lines = [line.rstrip() for line in kept if line.strip()]
    told = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if isinstance(failure, MCPError) and failure.message != _CLOSED:
        return Unreachable(failure.message, hint="`mcp-local logs` may have what it wrote itself.")
    if not told:
        return TargetError("The server ended before it answered.", hint="--verbose shows more.")
    message = lines[told[-1]].removeprefix("error: ")
    return TargetError(message, hint="\n".join(line.strip() for line in lines[told[-1] + 1 :]))
