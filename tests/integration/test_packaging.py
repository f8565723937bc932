"""The bundle for desktop clients, and the entry for the registry of MCP servers."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mcp_local.settings.keys import VARIABLES

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_versions_and_names_are_those_of_the_project() -> None:
    """A release changes all of them or none."""
    manifest, entry = _json(PACKAGING / "mcpb" / "manifest.json"), _json(PACKAGING / "server.json")
    (package,) = entry["packages"]
    assert manifest["version"] == entry["version"] == package["version"] == PROJECT["version"]
    assert manifest["description"] == entry["description"] == PROJECT["description"]
    assert package["identifier"] == manifest["name"] == PROJECT["name"]
    assert manifest["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]


def test_the_bundle_asks_for_what_its_variables_need() -> None:
    """Each variable is one of ours, and each answer is used."""
    manifest = _json(PACKAGING / "mcpb" / "manifest.json")
    config = manifest["server"]["mcp_config"]
    assert set(config["env"]) <= VARIABLES
    used = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(config)))
    assert used == set(manifest["user_config"])


def test_the_entry_keeps_to_the_registry_s_rules() -> None:
    """A name in reverse DNS, a description of 100 characters, known variables."""
    entry = _json(PACKAGING / "server.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert len(entry["description"]) <= 100
    (package,) = entry["packages"]
    assert package["registryType"] == "pypi"
    assert package["transport"] == {"type": "stdio"}
    assert {each["name"] for each in package["environmentVariables"]} <= VARIABLES


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv isn't here")
def test_the_bundle_holds_all_it_needs(tmp_path: Path) -> None:
    """The wheel of this checkout, and a project that names it."""
    spec = importlib.util.spec_from_file_location("build", PACKAGING / "mcpb" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path / "dist" / "x.mcpb"
    module.build(out)
    with zipfile.ZipFile(out) as bundle:
        names = set(bundle.namelist())
        inner = tomllib.loads(bundle.read("pyproject.toml").decode())
    wheel = inner["tool"]["uv"]["sources"]["mcp-local"]["path"]
    assert names == {"manifest.json", "server/main.py", "pyproject.toml", wheel}
    assert inner["project"]["dependencies"] == ["mcp-local"]


@pytest.mark.node
@pytest.mark.skipif(shutil.which("npx") is None, reason="npx isn't here")
def test_the_manifest_is_valid() -> None:
    """By the bundles' own tool."""
    subprocess.run(
        ["npx", "--yes", "@anthropic-ai/mcpb@2", "validate", "manifest.json"],
        cwd=PACKAGING / "mcpb",
        check=True,
        capture_output=True,
    )
