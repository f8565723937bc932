"""All benchmarks, side by side in one run: ``uv run python tests/bench [--quick] [NAME …]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import bridge
import core
import hosted
import policy
import relay
import signin

NAMES = ("core", "policy", "hosted", "relay", "signin")
LONG = ("growth", "bridge")
"""Run only when they are named: they take long, or need npm and PyPI."""


def run(name: str, home: Path, *, quick: bool) -> None:
    """Run one benchmark; it may leave files in ``home``."""
    match name:
        case "core":
            core.main(quick=quick)
        case "policy":
            policy.main(quick=quick)
        case "hosted":
            hosted.main(home, quick=quick)
        case "relay":
            relay.main(home, quick=quick)
        case "signin":
            signin.main(quick=quick)
        case "bridge":
            bridge.main(home, quick=quick)
        case _:
            relay.grow(home, quick=quick)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--quick", action="store_true", help="fewer rounds, to see that it runs")
parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES + LONG)}")
options = parser.parse_args()
for chosen in options.names or NAMES:
    with tempfile.TemporaryDirectory() as folder:
        run(chosen, Path(folder) / "home", quick=options.quick)
