"""The page of docs that lists every error of the authority that is known."""

from __future__ import annotations

from mcp_local.broker.authority.aadsts import CATALOGUE, Meaning

_HEAD = """# What Entra ID's errors mean

`mcp-local explain-error CODE` says the same in a terminal, also for a whole message that is pasted
behind it. Made from the program's own catalogue; a test keeps the two alike.

| code | meaning | what helps | who can act |
|---|---|---|---|
"""


def error_page() -> str:
    """Return the page as Markdown: one row for codes that mean the same."""
    rows: dict[Meaning, list[int]] = {}
    for code, meaning in CATALOGUE.items():
        rows.setdefault(meaning, []).append(code)
    return _HEAD + "".join(_row(meaning, codes) for meaning, codes in rows.items())


def _row(meaning: Meaning, codes: list[int]) -> str:
    names = ", ".join(f"AADSTS{code}" for code in codes)
    cells = (names, meaning.means, meaning.remedy, " or ".join(meaning.who))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
