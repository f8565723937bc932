"""Use one thing as the model would, in a real session: ``call``, ``read``, ``prompt``."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.cli.asked import load_target
from mcp_local.cli.context import global_flags
from mcp_local.cli.explain import explain_one, no_such_thing, refusal
from mcp_local.cli.parser import Command, parse_object
from mcp_local.cli.pass_env import pass_env_words
from mcp_local.cli.person import look_up, require_token
from mcp_local.cli.results import answer, block_text, contents_text
from mcp_local.cli.target import TargetArguments, declare_target, target_settings
from mcp_local.cli.yes import YesOfPerson
from mcp_local.errors import ExitCode, Unreachable, UsageError
from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp_local.cli.asked import Asked
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.client import ServerSession
    from mcp_local.errors import McpLocalError
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


class UseArguments(TargetArguments):
    """``call``, ``read``, ``prompt``."""

    name: str
    args: str | None


def _declare_with_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="its name, as `mcp-local tools` shows it")
    declare_target(parser)
    parser.add_argument("--args", metavar="JSON", help="its arguments, as an object")


def _declare_read(parser: Parser) -> None:
    parser.add_argument("name", metavar="URI", help="the resource's URI")
    declare_target(parser)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be used, and how."""

    kind: Kind
    arguments: UseArguments
    given: Mapping[str, object]
    use: Callable[[ServerSession], Awaitable[None]]


def _call(arguments: UseArguments, context: Context) -> ExitCode:
    given = parse_object(arguments.args)

    async def use(session: ServerSession) -> None:
        with context.console.progress(arguments.name) as progress:
            result = await session.call(arguments.name, given, progress.update)
        answer(context, result, "\n".join(map(block_text, result.content)))

    return _fulfil(Wish(Kind.TOOL, arguments, given, use), context)


def _read(arguments: UseArguments, context: Context) -> ExitCode:
    async def use(session: ServerSession) -> None:
        result = await session.read(arguments.name)
        answer(context, result, "\n".join(map(contents_text, result.contents)))

    return _fulfil(Wish(Kind.RESOURCE, arguments, {}, use), context)


def _prompt(arguments: UseArguments, context: Context) -> ExitCode:
    given = parse_object(arguments.args)
    texts = {name: argument_text(value) for name, value in given.items()}

    async def use(session: ServerSession) -> None:
        result = await session.prompt(arguments.name, texts)
        lines = [f"{message.role}: {block_text(message.content)}" for message in result.messages]
        answer(context, result, "\n".join(lines))

    return _fulfil(Wish(Kind.PROMPT, arguments, given, use), context)


def argument_text(value: object) -> str:
    """Return an argument of a prompt, which is always text; what isn't is written as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fulfil(wish: Wish, context: Context) -> ExitCode:
    """Use it in a session; when the server refuses, tell the person why.

    The model gets one answer for hidden and absent; the person is told which it is.
    """
    from mcp_local.client import UseFailed  # noqa: PLC0415 - start-up: brings the MCP SDK along

    _check_text(wish)
    settings = target_settings(wish.arguments, context)
    token = require_token(look_up(settings, context))
    person = YesOfPerson(context.console)
    try:
        asyncio.run(_in_session(wish, context, person))
    except UseFailed as error:
        if person.said_yes:
            raise
        if person.asked:
            raise person.refusal(wish.arguments.name) from error
        raise (_why(wish, settings, context, token) or error) from error
    return ExitCode.OK


def _why(
    wish: Wish, settings: Settings, context: Context, token: VerifiedToken
) -> McpLocalError | None:
    """Return why the guard refused; ``None`` where it didn't, or nothing is known of the server.

    What it told in the session is known: it isn't started or reached a second time.
    """
    try:
        server = load_target(wish.arguments, settings, context, offline=True)
    except Unreachable:
        return None
    return asyncio.run(_why_refused(wish, server, token))


def _check_text(wish: Wish) -> None:
    """Refuse what no message can hold.

    Raises:
        UsageError: half a character, or bytes in another encoding than UTF-8.
    """
    try:
        f"{wish.arguments.name} {json.dumps(wish.given, ensure_ascii=False)}".encode()
    except UnicodeEncodeError:
        message = "The name or an argument holds what is no character."
        raise UsageError(message, hint="Write it as UTF-8.") from None


async def _in_session(wish: Wish, context: Context, person: YesOfPerson) -> None:
    from mcp_local.client import connect  # noqa: PLC0415 - start-up, as above

    arguments = wish.arguments
    words = [*global_flags(arguments), "run", *([arguments.target] if arguments.target else [])]
    if arguments.policy:
        words += ["--policy", arguments.policy]
    if arguments.api:
        words += ["--api", arguments.api]
    words += pass_env_words(arguments.pass_env)
    if arguments.command:
        words += ["--", *arguments.command]
    name = arguments.target or "".join(arguments.command[:1]) or "the sample server"
    session = connect(words, context.environ, show_errors=arguments.verbose, ask=person.ask)
    async with AsyncExitStack() as stack:
        with context.console.waiting(name):
            connected = await stack.enter_async_context(session)
        await wish.use(connected)


async def _why_refused(wish: Wish, server: Asked, token: VerifiedToken) -> McpLocalError | None:
    name = wish.arguments.name
    explained = await explain_one(server, wish.kind, name, wish.given, token)
    if explained is None:
        return await no_such_thing(server, name, [wish.kind], token)
    return refusal(explained, name)


COMMANDS = (
    Command(
        "call",
        "Call a tool as the model would, guarded.",
        UseArguments,
        _declare_with_arguments,
        _call,
        """
        mcp-local call get_weather --args '{"city": "Oslo"}'
        mcp-local call query server.py --args '{"sql": "SELECT 1"}' --json
        """,
    ),
    Command(
        "read",
        "Read a resource as the model would, guarded.",
        UseArguments,
        _declare_read,
        _read,
        "mcp-local read weather://cities/oslo",
    ),
    Command(
        "prompt",
        "Get a prompt as the model would, guarded.",
        UseArguments,
        _declare_with_arguments,
        _prompt,
        """
        mcp-local prompt weather_briefing --args '{"city": "Oslo"}'
        """,
    ),
)
