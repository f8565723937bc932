"""Another program in our place, on Windows."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def replace_process(line: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Run ``line`` with our standard input and output, and end as it does.

    Windows has no exec: its emulation would let our parent go on before the program has ended.
    """
    sys.exit(subprocess.call(list(line), env=dict(environ)))  # noqa: S603 - no shell, absolute path
