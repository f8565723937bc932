"""A browser that only notes the address it was to open: ``python tab.py FILE URL``.

The test reads the file, and visits the address itself when it wants to, or never.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    with Path(sys.argv[1]).open("a", encoding="utf-8") as tabs:
        tabs.write(sys.argv[2] + "\n")
    sys.stdout.write("Opening in existing browser session.\n")
