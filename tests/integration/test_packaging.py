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

import jsonschema
import pytest

from mcp_local.settings.keys import VARIABLES

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


SCHEMA = _json(ROOT / "tests" / "vectors" / "mcp_registry" / "server.schema.json")
VALIDATOR: Any = jsonschema.Draft7Validator(SCHEMA)


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


def test_the_entry_is_valid_by_the_registrys_schema() -> None:
    """That which it names itself; its variables are ours."""
    entry = _json(PACKAGING / "server.json")
    assert entry["$schema"] == SCHEMA["$id"]
    assert not list(VALIDATOR.iter_errors(entry))
    (package,) = entry["packages"]
    assert package["registryType"] == "pypi"
    assert package["transport"] == {"type": "stdio"}
    assert {each["name"] for each in package["environmentVariables"]} <= VARIABLES


@pytest.mark.parametrize(
    "change",
    [
        {"name": "no-namespace"},
        {"description": "x" * 101},
        {"packages": [{"registryType": "pypi", "identifier": "x"}]},
        {"packages": [{"registryType": "x", "identifier": "x", "transport": {"type": "pipe"}}]},
    ],
)
def test_the_schema_refuses_what_it_should(change: dict[str, object]) -> None:
    """So that the test above can fail."""
    entry = _json(PACKAGING / "server.json") | change
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(entry)


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
