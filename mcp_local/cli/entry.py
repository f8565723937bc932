"""What an entry in a client's file says: our command line, and the settings of this terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.errors import SettingsError
from mcp_local.places import CONFIG_VARIABLE, HOME_VARIABLE
from mcp_local.policy.load import PRESET, load_policy
from mcp_local.settings import require_sign_in
from mcp_local.settings.keys import KEYS, PROXY
from mcp_local.settings.paths import absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.context import Context
    from mcp_local.settings import Settings


def policy_words(policy: str | None) -> list[str]:
    """Return the flag for a policy, which is read now, so that a mistake shows before a client.

    Raises:
        PolicyError: it is broken.
    """
    if not policy:
        return []
    path = policy
    if not policy.startswith(PRESET):
        home = os.path.expanduser(policy)  # noqa: PTH111 - Path.expanduser raises for `~nobody`
        path = str(Path(home).absolute())
    load_policy(Path(path))
    return ["--policy", path]


def own_environment(context: Context) -> dict[str, str]:
    """Return the settings that stand in this environment: the client won't have them.

    Neither a passphrase nor a proxy's password is among them: they would lie in the client's file
    for everyone to read.
    """
    ours = {*(key.variable for key in KEYS), HOME_VARIABLE, CONFIG_VARIABLE}
    given = {name: context.environ.get(name, "").strip() for name in sorted(ours)}
    found = {name: _from_anywhere(name, text) for name, text in given.items() if text}
    if "@" in found.get(PROXY.variable, ""):
        del found[PROXY.variable]
        context.console.warn(
            f"{PROXY.variable} holds a password, so the client's file doesn't get it. Set `proxy` "
            "in the settings file."
        )
    return found


def _from_anywhere(name: str, text: str) -> str:
    """Return the value as it holds in whichever folder a client starts its servers."""
    places = {key.variable for key in KEYS if key.shape.is_place(text)}
    return str(absolute(text)) if name in {*places, HOME_VARIABLE, CONFIG_VARIABLE} else text


def warn_of_settings(settings: Settings, policy: str, context: Context) -> None:
    """Say where the entry will not start, not for long, or in vain; it may be meant to be so.

    ``policy`` is the one that holds for the server; empty: there is none.
    """
    try:
        require_sign_in(settings)
    except SettingsError as error:
        context.console.warn(f"{error.message} The client can't start it until they are.")
        context.console.note("  Set them: mcp-local init")
    if settings.development:
        context.console.warn(
            f"The entry signs people in at the emulator, {settings.authority}, and works only "
            "while that runs."
        )
        context.console.note(
            "  For your own tenant: use a terminal without the emulator's exports."
        )
    if not policy:
        context.console.warn(
            "No policy is named: only the account tools are served, and what has a check of its "
            "own."
        )
        context.console.note(
            "  Name one: --policy FILE, or preset:read-only. A first one: mcp-local policy init "
            "TARGET"
        )


def warn_of_paths(words: Sequence[str], context: Context) -> None:
    """Name arguments that are files of this folder: a client starts its servers in another."""
    near = [word for word in words if not Path(word).is_absolute() and os.path.exists(word)]  # noqa: PTH110 - Path.exists raises for a word too long for a name
    if near:
        context.console.warn(
            f"{', '.join(near)}: a client may start this in another folder. Give the whole path."
        )


def note_passed(names: Sequence[str], title: str, context: Context) -> None:
    """Say where the value of a variable must come from that is handed on by its name."""
    if names:
        context.console.note(
            f"{', '.join(names)}: {title} must have it in its own environment, to be handed on."
        )
