"""README.md, and pages like it, as data: their fenced blocks and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parents[2] / "README.md"
TEXT = PATH.read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str
    note: str
    """What the HTML comment on the line before says: ``run``, ``run: exit 4``, ``file: NAME``."""
    line: int

    @property
    def commands(self) -> list[str]:
        """The lines that begin with a prompt, without it."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]

    def said(self, what: str) -> str | None:
        """Return what the note says after ``what``; ``None`` if it says something else."""
        word, _, rest = self.note.partition(": ")
        return rest if word == what else None


def blocks(*languages: str, text: str = TEXT) -> list[Block]:
    """Return the blocks in these languages, or all; ``text`` is that of another page."""
    found = [
        Block(
            match["language"],
            match["text"],
            match["note"] or "",
            text.count("\n", 0, match.start("language")) + 1,
        )
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def table(heading: str, *, text: str = TEXT) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    section = text.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in rows[2:]]


def code(cell: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)
