"""Where this copy was installed from: hints name it, and what clients start."""

from __future__ import annotations

from typing import Final

_NAME: Final = "mcp-local"


def requirement(extra: str = "") -> str:
    """Return what ``uv`` and ``pip`` install this copy by (PEP 508), with an extra if one is named.

    That is the folder, file or repository that it came from (PEP 610), else its name on an index.
    """
    import json  # noqa: PLC0415 - start-up: only who lacks something pays for it
    from importlib.metadata import distribution  # noqa: PLC0415 - the same

    name = f"{_NAME}[{extra}]" if extra else _NAME
    said = distribution(_NAME).read_text("direct_url.json")
    if said is None:
        return name
    origin = json.loads(said)
    vcs = origin.get("vcs_info", {})
    repository = f"{vcs['vcs']}+" if vcs else ""
    commit = f"@{vcs['commit_id']}" if vcs else ""
    return f"{name} @ {repository}{_without_password(origin['url'])}{commit}"


def _without_password(url: str) -> str:
    """Return an address as it may be shown, and stand in clients' files: installers may forget to.

    A user name alone stays, as ``git@`` of SSH; over HTTP it is a token.
    """
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    who, at, place = host.rpartition("@")
    kept = f"{who}{at}" if scheme == "ssh" and ":" not in who else ""
    return f"{scheme}{mark}{kept}{place}{slash}{path}" if mark else url


def install_hint(extra: str = "") -> str:
    """Return how somebody installs it for good, or adds an extra to it: with uv, or with pip."""
    what = requirement(extra)
    return f"Install it: `uv tool install '{what}'`, or in an environment: `pip install '{what}'`."
