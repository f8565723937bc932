"""The matrix as one page that needs nothing else: no server, no network, no other file.

Names come from servers: everything is escaped and made visible, and the content policy runs our
own style sheet and script alone, told by their hashes. Without script the whole table is there.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_local.cli.console import visible
from mcp_local.cli.policy.words import EFFECTS, MEANINGS, placed, role_name
from mcp_local.policy.in_force import OBSERVES
from mcp_local.policy.model import Kind
from mcp_local.policy.views.matrix import CellEffect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mcp_local.policy.views.matrix import Cell, Matrix, Row

_SIGNS: Final = {
    CellEffect.ALLOW: "✓",
    CellEffect.ASK: "?",
    CellEffect.CONDITIONAL: "≈",
    CellEffect.DENY: "✕",
}
"""Beside the word, so that colour never says anything alone."""


def matrix_page(matrix: Matrix, source: str) -> str:
    """Return the page as HTML; ``source`` is what the policy is called."""
    style, script = _beside("page.css"), _beside("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"Who may what: {source}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *_body(matrix, source),
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def _body(matrix: Matrix, source: str) -> Iterator[str]:
    rows = f"{len(matrix.rows)} rows"
    yield "<header><h1>Who may what</h1>"
    yield f"<p>By the policy <code>{_text(source)}</code>.</p>"
    if matrix.observing:
        yield f"<p><strong>{OBSERVES}</strong></p>"
    yield "</header>"
    yield "<main>"
    yield from _filters(matrix)
    yield f'<p id="count" role="status">{rows}</p>'
    yield '<div id="table" role="region" aria-labelledby="caption" tabindex="0"><table>'
    yield '<caption id="caption">What each role may use</caption>'
    heads = "".join(
        f'<th scope="col" data-role="{index}">{_text(role_name(role))}</th>'
        for index, role in enumerate(matrix.roles)
    )
    yield f'<thead><tr><th scope="col">Kind</th><th scope="col">Component</th>{heads}</tr></thead>'
    yield "<tbody>"
    yield from map(_row, matrix.rows)
    yield "</tbody></table></div>"
    yield from _legend()
    yield "</main>"


def _filters(matrix: Matrix) -> Iterator[str]:
    """Yield the form; hidden until the script is there to make it work."""
    roles = [("", "all roles"), *((str(i), role_name(role)) for i, role in enumerate(matrix.roles))]
    kinds = [("", "all kinds"), *((kind.value, kind.value) for kind in Kind)]
    yield '<form id="filters" role="search" aria-label="Rows and columns" hidden>'
    yield '<p><label for="search">Search</label>'
    yield '<input id="search" type="search" autocomplete="off" placeholder="name or tag"></p>'
    yield from _select("kind", "Kind", kinds)
    yield from _select("role", "Role", roles)
    yield '<p class="tick"><input id="usable" type="checkbox">'
    yield '<label for="usable">Hide what is denied</label></p>'
    yield '<p><button type="reset">Show all</button></p>'
    yield "</form>"


def _select(name: str, label: str, options: Iterable[tuple[str, str]]) -> Iterator[str]:
    shown = "".join(f'<option value="{value}">{_text(text)}</option>' for value, text in options)
    yield f'<p><label for="{name}">{label}</label><select id="{name}">{shown}</select></p>'


def _row(row: Row) -> str:
    tags = "".join(f" <small>{_text(tag)}</small>" for tag in row.tags)
    cells = "".join(_cell(index, cell) for index, cell in enumerate(row.cells))
    name = _text(placed(row.namespace, row.name))
    head = f'<td>{row.kind}</td><th scope="row"><code>{name}</code>{tags}</th>'
    return f'<tr data-kind="{row.kind}">{head}{cells}</tr>'


def _cell(index: int, cell: Cell) -> str:
    sign = f'<span aria-hidden="true">{_SIGNS[cell.effect]}</span>'
    word = EFFECTS[cell.effect]
    if cell.listed is (cell.effect is CellEffect.DENY):  # against the rule that both go together
        word += ", but listed" if cell.listed else ", but not listed"
    rule = f" <small>{_text(cell.rule)}</small>" if cell.effect is not CellEffect.DENY else ""
    return f'<td data-role="{index}" class="{cell.effect}">{sign} {word}{rule}</td>'


def _legend() -> Iterator[str]:
    yield "<h2>What the words mean</h2><dl>"
    for effect, word in EFFECTS.items():
        sign = f'<span aria-hidden="true">{_SIGNS[effect]}</span>'
        yield f'<dt class="{effect}">{sign} {word}</dt><dd>{MEANINGS[effect]}</dd>'
    yield "</dl><p>Below each word stands the rule that decides. Whoever has several roles has what"
    yield "any of them allows, less what any of them is denied.</p>"


def _text(text: str) -> str:
    return escape(visible(text), quote=True)


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
