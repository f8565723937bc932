"""The registrations as a script for the Azure command line."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Final

from mcp_local.desktop.app.graph import requests

if TYPE_CHECKING:
    from mcp_local.desktop.app.bodies import Body
    from mcp_local.desktop.app.plan import AppPlan

_HEAD: Final = """#!/usr/bin/env bash
# Registers an API app with its roles, and a client app that signs people in, for mcp-local.
# Sign in first: az login --tenant TENANT. Role ids are the same in each run,
# the registrations are new ones: run it once.
set -euo pipefail

graph=https://graph.microsoft.com/v1.0
call() { # METHOD PATH BODY [QUERY]; what was just made is not known everywhere at once
  for pause in 5 10 20 0; do
    az rest --method "$1" --url "$graph$2" --headers Content-Type=application/json --body "$3" \\
      --query "${4:-id}" --output tsv && return
    sleep "$pause"
  done
  return 1
}
"""
_TAIL: Final = """
cat <<END
tenant = "$(az account show --query tenantId --output tsv)"
client_id = "$client_appId"
api = "$api_appId"
END
"""
_HOLE: Final = re.compile(r"\{(api|client|apiPrincipal)\.(appId|id)\}")


def az(plan: AppPlan) -> str:
    """Return a bash script; it prints the three ids that the settings need."""
    return _HEAD + "".join(_step(each) for each in requests(plan)) + _TAIL


def _step(request: Body) -> str:
    name = request.get("as")
    words = f"{request['method']} {_filled(str(request['path']))} {_filled(_json(request))}"
    if name in {"api", "client"}:
        return (
            f"\nids=$(call {words} '[id, appId]')\n"
            f'{name}_id=$(head -n 1 <<<"$ids")\n{name}_appId=$(tail -n 1 <<<"$ids")\n'
        )
    if name:
        return f"\n{name}_id=$(call {words})\n"
    return f"\ncall {words} >/dev/null\n"


def _json(request: Body) -> str:
    return json.dumps(request["body"], indent=2)


def _filled(text: str) -> str:
    """Return a text as one word of the shell, with variables where the names in braces stood."""
    parts: list[str] = []
    end = 0
    for hole in _HOLE.finditer(text):
        parts += [_quoted(text[end : hole.start()]), f'"${hole[1]}_{hole[2]}"']
        end = hole.end()
    return "".join([*parts, _quoted(text[end:])])


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else ""
