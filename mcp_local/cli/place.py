"""Which client's file is meant, and what is told of it once it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.cli.parser import Arguments
from mcp_local.desktop.catalogue import BY_ID, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.model import Place, Scope
from mcp_local.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.desktop.model import DesktopClient
    from mcp_local.desktop.program import Program
    from mcp_local.desktop.registration import Done


class PlaceArguments(Arguments):
    """Which client's file is meant."""

    client: str
    scope: str | None
    file: str | None


def declare_place(parser: Parser) -> None:
    """Add the arguments of :class:`PlaceArguments`."""
    parser.add_argument("client", metavar="CLIENT", help=", ".join(BY_ID))
    parser.add_argument(
        "--scope", choices=list(Scope), help="the person's servers, or this folder's (user)"
    )
    parser.add_argument("--file", metavar="PATH", help="this file instead of the client's own")


def find_place(
    client: DesktopClient, arguments: PlaceArguments, context: Context, name: str = ""
) -> Place:
    """Return the place that is meant: named, of the scope, else the first that is there.

    ``name`` is that of a server that is there already: then it is the first that has it.

    Raises:
        UsageError: the client has none of that scope.
        Unreadable: a file that had to be looked into doesn't parse.
    """
    known = places(client, context.environ, Path.cwd())
    if arguments.file is not None:
        first = known[0]
        return Place(Path(arguments.file).absolute(), first.keys, first.scope, first.format)
    if arguments.scope is not None:
        known = [place for place in known if place.scope == arguments.scope]
        if not known:
            raise UsageError(
                f"{client.title} has no {arguments.scope} configuration.", hint="Leave --scope out."
            )
    elif name:
        for place in known:
            if place.path.exists() and name in ConfigFile(place).servers():
                return place
    there = [place for place in known if place.scope is known[0].scope and place.path.exists()]
    return (there or known)[0]


def warm(program: Program, context: Context) -> None:
    """Try the program as a client will start it.

    Raises:
        TargetError: it doesn't start.
    """
    context.console.note("Making sure that a client can start mcp-local …")
    program.warm()


def told(
    what: str,
    done: Done,
    client: DesktopClient,
    context: Context,
    changed: Sequence[str] | None = None,
) -> ExitCode:
    """Say what was done; ``changed``: what an entry says otherwise whose place was taken."""
    lines = [f"{what} {done.name} in {done.path}.", client.restart]
    if changed is not None:
        lines[1:1] = [f"  {each}" for each in changed] or ["  It says what it said before."]
    if done.copy is not None:
        lines.append(f"The file as it was: {done.copy.name}, beside it.")
    context.console.answer(_document(done, client, changed), "\n".join(lines))
    return ExitCode.OK


def there_already(done: Done, client: DesktopClient, context: Context) -> ExitCode:
    """Say that nothing was written: the entry says what it should."""
    context.console.answer(
        _document(done, client, []), f"{done.name} is there already, in {done.path}."
    )
    return ExitCode.OK


def _document(
    done: Done, client: DesktopClient, changed: Sequence[str] | None
) -> dict[str, object]:
    return {
        "client": client.id,
        "name": done.name,
        "file": str(done.path),
        "backup": str(done.copy) if done.copy else None,
        "replaced": changed,
    }
