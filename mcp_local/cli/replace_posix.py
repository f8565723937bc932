"""Another program in our place, on POSIX systems."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def replace_process(line: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Run ``line`` as this very process, with its standard input and output."""
    os.execve(line[0], list(line), dict(environ))  # noqa: S606 - no shell is wanted
