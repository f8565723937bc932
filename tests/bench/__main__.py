"""All benchmarks, side by side in one run: ``uv run python tests/bench [--quick]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import core
import hosted

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--quick", action="store_true", help="fewer rounds, to see that it runs")
options = parser.parse_args()
core.main(quick=options.quick)
with tempfile.TemporaryDirectory() as folder:
    hosted.main(Path(folder) / "home", quick=options.quick)
