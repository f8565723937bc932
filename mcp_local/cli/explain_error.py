"""What an error of the authority means: ``explain-error``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.broker.authority.problems import PLAIN
from mcp_local.cli.parser import Arguments, Command
from mcp_local.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mcp_local.cli.context import Context
    from mcp_local.cli.parser import Parser

_CODE: Final = re.compile(r"(?i)(?:AADSTS|\b)(\d{5,8})\b")
_WORD: Final = re.compile(r"[a-z]+(?:_[a-z]+)+")


class ExplainErrorArguments(Arguments):
    """``explain-error``."""

    text: list[str]


def _declare(parser: Parser) -> None:
    parser.add_argument(
        "text", nargs="+", metavar="TEXT", help="a code (50105), or a message it stands in"
    )


def _explain_error(arguments: ExplainErrorArguments, context: Context) -> ExitCode:
    text = " ".join(arguments.text)
    found = list(dict.fromkeys([*_codes(text), *_words(text)]))
    if not found:
        raise UsageError(
            "No known error stands in that text.",
            hint="Codes look like AADSTS50105. Unknown ones: search for the code in Microsoft's "
            "documentation, or ask the administrator of the tenant.",
        )
    context.console.answer(
        {"errors": [_document(each) for each in found]}, "\n\n".join(_words_of(e) for e in found)
    )
    return ExitCode.OK


def _codes(text: str) -> list[int]:
    return [int(code) for code in _CODE.findall(text) if int(code) in CATALOGUE]


def _words(text: str) -> list[str]:
    """Return OAuth's own errors, where no code says more."""
    return [] if _codes(text) else [word for word in _WORD.findall(text) if word in PLAIN]


def _document(error: int | str) -> dict[str, object]:
    if isinstance(error, str):
        problem = PLAIN[error]
        return {"code": error, "means": problem.message, "remedy": problem.hint, "who": []}
    row = CATALOGUE[error]
    who = [each.name.lower() for each in row.who]
    return {"code": f"AADSTS{error}", "means": row.means, "remedy": row.remedy, "who": who}


def _words_of(error: int | str) -> str:
    said = _document(error)
    lines = [f"{said['code']}: {said['means']}", f"  {said['remedy']}"]
    if isinstance(error, int):
        lines.append(f"  Who can act: {' or '.join(CATALOGUE[error].who)}.")
    return "\n".join(lines)


COMMANDS = (
    Command(
        "explain-error",
        "Say what an error of Entra ID means and who can act.",
        ExplainErrorArguments,
        _declare,
        _explain_error,
        """
        mcp-local explain-error 50105
        mcp-local explain-error "AADSTS65001: The user or administrator has not consented …"
        """,
    ),
)
