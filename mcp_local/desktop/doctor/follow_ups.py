"""One cause is one problem: what only follows from an earlier one is told as skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mcp_local.desktop.doctor.finding import Verdict, skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mcp_local.desktop.doctor.finding import Finding

_FOLDER: Final = frozenset({"state folder"})
_AUTHORITY: Final = frozenset(
    {"name", "proxy", "trust", "connection", "discovery", "signing keys", "registration"}
)
_NEEDS: Final = {
    "locks": _FOLDER,
    "key store": _FOLDER,
    "cache": _FOLDER,
    "sign-in": _FOLDER | _AUTHORITY,
    "account": _FOLDER | _AUTHORITY | {"key store"},
}
"""The checks that must have ended well before a check's own problem means anything."""
_CODE: Final = re.compile(r"AADSTS\d+")


def without_follow_ups(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings in order; a problem that another one brought about is skipped."""
    problems: list[Finding] = []
    for each in findings:
        if each.verdict is not Verdict.PROBLEM:
            yield each
            continue
        cause = _cause(each, problems)
        if cause is None:
            problems.append(each)
            yield each
        else:
            yield skipped(each.check, f"Because of {cause.check}, see there: {each.evidence}")


def _cause(finding: Finding, earlier: Sequence[Finding]) -> Finding | None:
    """Return the first problem that the finding follows from.

    An error of the authority that no earlier check met is a problem of its own.
    """
    needed = _NEEDS.get(finding.check, frozenset[str]())
    causes = [each for each in earlier if each.check in needed]
    met = {code for each in causes for code in _CODE.findall(each.evidence)}
    return causes[0] if causes and met.issuperset(_CODE.findall(finding.evidence)) else None
