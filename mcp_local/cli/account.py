"""Who is signed in: ``login``, ``logout``, ``refresh``, ``whoami``, ``token``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.broker.session.refresh import run_refresh
from mcp_local.broker.session.resource import run_resource
from mcp_local.broker.signin.process import Way, run_sign_in
from mcp_local.cli.console import error_document
from mcp_local.cli.parser import Arguments, Command, port
from mcp_local.cli.person import look_up, open_broker, sign_in_settings
from mcp_local.cli.sign_in_words import Announcer
from mcp_local.cli.whoami import Report, TokenSource, describe, document, iso_time
from mcp_local.errors import ExitCode, UsageError
from mcp_local.log.place import open_log

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


class BrokerArguments(Arguments):
    """What all commands take that a server starts as a process of its own."""

    account: str | None
    background: bool
    result_fd: int | None

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"account": self.account}


def _declare_broker(parser: Parser) -> None:
    parser.declare_account()
    parser.add_argument("--background", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--result-fd", type=int, help=argparse.SUPPRESS)


class LoginArguments(BrokerArguments):
    """``login``."""

    device: bool
    no_browser: bool
    port: int
    timeout: str | None
    scope: list[str] | None
    claims: str
    again: bool

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings."""
        return super().overrides() | {"signin.timeout": self.timeout}


def _declare_login(parser: Parser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--device", action="store_true", help="enter a code on any device")
    way.add_argument(
        "--no-browser", action="store_true", help="print the address instead of opening it"
    )
    parser.add_argument(
        "--port",
        type=port,
        default=0,
        metavar="N",
        help="with --no-browser: where the answer comes",
    )
    parser.add_argument("--timeout", metavar="SECONDS", help="give up after this time (300)")
    parser.add_argument(
        "--scope", action="append", metavar="SCOPE", help="consent to another API's, too"
    )
    parser.add_argument("--claims", default="", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    _declare_broker(parser)


def _login(arguments: LoginArguments, context: Context) -> ExitCode:
    if arguments.port and not arguments.no_browser:
        raise UsageError("--port goes with --no-browser.", hint="mcp-local login --help")
    settings = sign_in_settings(arguments, context)
    announcer = Announcer(
        context.console, no_browser=arguments.no_browser, quiet=arguments.background
    )
    run_sign_in(
        settings,
        context.environ,
        _way(arguments),
        log=open_log(settings),
        announce=announcer.tell,
        result_fd=arguments.result_fd,
    )
    if not arguments.background:
        _answer(_kept(settings, context, TokenSource.NETWORK), context)
        for scope in arguments.scope or ():
            context.console.note(f"Consented to {scope}: there is a token for it now.")
    return ExitCode.OK


def _way(arguments: LoginArguments) -> Way:
    return Way(
        device=arguments.device,
        open_browser=not arguments.no_browser,
        port=arguments.port,
        background=arguments.background,
        scopes=tuple(arguments.scope or ()),
        claims=arguments.claims,
        again=arguments.again,
    )


def _logout(arguments: BrokerArguments, context: Context) -> ExitCode:
    settings = sign_in_settings(arguments, context)
    with open_broker(settings, context) as broker:
        gone = broker.sign_out()
    open_log(settings).event("sign_out", accounts=[account.object_id for account in gone])
    names = ", ".join(account.username or account.object_id for account in gone)
    context.console.answer(
        {"signed_out": [account.username for account in gone]},
        f"Signed out: {names}." if names else "Nobody was signed in.",
    )
    return ExitCode.OK


class RefreshArguments(BrokerArguments):
    """``refresh``."""

    force: bool


def _declare_refresh(parser: Parser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="ask the authority even if the token is still good"
    )
    _declare_broker(parser)


def _refresh(arguments: RefreshArguments, context: Context) -> ExitCode:
    settings = sign_in_settings(arguments, context)
    if arguments.background:
        _renew(arguments, settings, context)
        return ExitCode.OK
    before = look_up(settings, context, offline=True).token
    after = _renew(arguments, settings, context)
    same = before is not None and before.token == after.token
    return _answer(
        _kept(settings, context, TokenSource.CACHE if same else TokenSource.NETWORK), context
    )


def _renew(arguments: RefreshArguments, settings: Settings, context: Context) -> VerifiedToken:
    return run_refresh(
        settings,
        context.environ,
        log=open_log(settings),
        force=arguments.force,
        result_fd=arguments.result_fd,
    )


def _kept(settings: Settings, context: Context, source: TokenSource) -> Report:
    """Return what is kept now, and where it came from."""
    return replace(look_up(settings, context, offline=True), source=source)


class WhoamiArguments(Arguments):
    """``whoami``."""

    offline: bool


def _declare_whoami(parser: Parser) -> None:
    parser.add_argument("--offline", action="store_true", help="ask nobody, use what is kept")


def _whoami(arguments: WhoamiArguments, context: Context) -> ExitCode:
    settings = context.settings(arguments)
    report = look_up(settings, context, offline=arguments.offline)
    return _answer(report, context)


def _answer(report: Report, context: Context) -> ExitCode:
    """Say who is signed in; when nobody is, also why, with that error's exit code."""
    shape = document(report)
    if report.error is None:
        context.console.answer(shape, describe(report))
        return ExitCode.OK
    context.console.answer(shape | {"error": error_document(report.error)}, describe(report))
    context.console.note(report.error.hint)
    return report.error.exit_code


class TokenArguments(BrokerArguments):
    """``token``."""

    scope: list[str] | None
    force: bool
    claims: str


def _declare_token(parser: Parser) -> None:
    parser.add_argument(
        "--scope", action="append", metavar="SCOPE", help="of another API; may be repeated"
    )
    parser.add_argument("--force", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--claims", default="", help=argparse.SUPPRESS)
    _declare_broker(parser)


def _token(arguments: TokenArguments, context: Context) -> ExitCode:
    settings = sign_in_settings(arguments, context)
    scopes = arguments.scope or list(settings.scopes)
    if arguments.background:
        run_resource(
            settings,
            context.environ,
            scopes,
            log=open_log(settings),
            force=arguments.force,
            claims=arguments.claims,
            result_fd=arguments.result_fd,
        )
        return ExitCode.OK
    with open_broker(settings, context) as broker:
        if arguments.scope:
            other = broker.token_for(scopes)
            token, expires_at = other.token, other.expires_at
        else:
            verified = broker.acquire()
            token, expires_at = verified.token, float(verified.identity.expires_at)
    # The one place where a token is printed: it is what was asked for.
    text = token.reveal()
    shape = {"access_token": text, "expires_at": iso_time(expires_at), "scopes": scopes}
    context.console.answer(shape, text)
    return ExitCode.OK


COMMANDS = (
    Command(
        "login",
        "Sign in, in the browser or with a device code.",
        LoginArguments,
        _declare_login,
        _login,
        """
        mcp-local login
        mcp-local login --device                   enter a code on your phone
        mcp-local login --no-browser --port 8400   over SSH: the way back is printed
        mcp-local login --scope api://reports.contoso.com/.default
        """,
    ),
    Command(
        "logout",
        "Forget everybody who signed in here.",
        BrokerArguments,
        _declare_broker,
        _logout,
    ),
    Command(
        "refresh",
        "Fetch a new token without a person, for roles granted a minute ago.",
        RefreshArguments,
        _declare_refresh,
        _refresh,
        "mcp-local refresh --force",
    ),
    Command(
        "whoami",
        "Show who is signed in, with which roles, until when.",
        WhoamiArguments,
        _declare_whoami,
        _whoami,
        """
        mcp-local whoami
        mcp-local whoami --offline --json
        """,
    ),
    Command(
        "token",
        "Print an access token for scripts.",
        TokenArguments,
        _declare_token,
        _token,
        """
        curl -H "Authorization: Bearer $(mcp-local token)" https://…
        mcp-local token --scope https://graph.microsoft.com/User.Read
        """,
    ),
)
