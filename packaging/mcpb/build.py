"""Build the bundle for desktop clients: ``uv run python packaging/mcpb/build.py [--out FILE]``.

The wheel of this checkout lies in it, so that it needs no release; what the wheel depends on is
fetched by the client's uv when the bundle is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def build(out: Path) -> None:
    """Write the bundle to ``out``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with tempfile.TemporaryDirectory() as folder:
        line = ["uv", "build", "--quiet", "--wheel", "--out-dir", folder]
        subprocess.run(line, cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.write(HERE / "manifest.json", "manifest.json")
            bundle.write(HERE / "main.py", "server/main.py")
            bundle.write(wheel, wheel.name)
            bundle.writestr("pyproject.toml", inner_project(project, wheel.name))


def inner_project(project: dict[str, str], wheel: str) -> str:
    """Return the project file of the bundle: it needs the wheel beside it, and nothing else."""
    return (
        f'[project]\nname = "mcp-local-bundle"\nversion = "{project["version"]}"\n'
        f'requires-python = "{project["requires-python"]}"\ndependencies = ["mcp-local"]\n\n'
        f'[tool.uv.sources]\nmcp-local = {{ path = "{wheel}" }}\n\n[tool.uv]\npackage = false\n'
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "mcp-local.mcpb")
    build(parser.parse_args().out)
