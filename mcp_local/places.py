"""Where settings lie on this system, and their text as it stands there.

Light: read before a server of ``[servers]`` is started (see ``cli/swift``).
"""

from __future__ import annotations

import os
import stat
import sys

from mcp_local.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

APP: Final = "mcp-local"
FILE_NAME: Final = "config.toml"
HOME_VARIABLE: Final = "MCP_LOCAL_HOME"
CONFIG_VARIABLE: Final = "MCP_LOCAL_CONFIG"
MAX_BYTES: Final = 1 << 20
"""A settings file is a page of text; what is larger is something else."""


def home_folder(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the state folder as it is given, and the variable that names it.

    Without ``MCP_LOCAL_HOME`` that is the system's place for user state, and no variable.
    """
    if override := environ.get(HOME_VARIABLE, ""):
        return override, HOME_VARIABLE
    if sys.platform == "win32":  # desktop clients' packages hide AppData from terminals
        return os.path.join(os.path.expanduser("~"), ".mcp-local"), ""
    from platformdirs import user_state_dir  # noqa: PLC0415 - start-up: not with an override

    return user_state_dir(APP, appauthor=False), ""


def config_file(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the settings file as it is given, and the variable that names it.

    With ``MCP_LOCAL_HOME`` it lies there too, so that one variable makes a set-up of its own.
    """
    if override := environ.get(CONFIG_VARIABLE, ""):
        return override, CONFIG_VARIABLE
    if environ.get(HOME_VARIABLE) or sys.platform == "win32":
        folder, variable = home_folder(environ)
        return os.path.join(folder, FILE_NAME), variable
    from platformdirs import user_config_dir  # noqa: PLC0415 - start-up, as above

    return os.path.join(user_config_dir(APP, appauthor=False), FILE_NAME), ""


def managed_file() -> str:
    """Return the place of the administrator's settings, whatever the environment.

    Raises:
        SettingsError: Windows doesn't tell.
    """
    if sys.platform == "win32":
        from mcp_local.places_windows import program_data  # noqa: PLC0415 - only there

        return os.path.join(program_data(), APP, FILE_NAME)
    if sys.platform == "darwin":
        return f"/Library/Application Support/{APP}/{FILE_NAME}"
    return f"/etc/{APP}/{FILE_NAME}"


def read_text(path: str) -> str | None:
    """Return the text of a settings file; ``None``: there is none.

    Raises:
        SettingsError: it is there, and can't be read.
    """
    try:
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode):
            raise SettingsError(f"{path} is not a file.", hint="Name the settings file itself.")
        if state.st_size > MAX_BYTES:
            raise SettingsError(f"{path} is larger than 1 MiB.", hint="Is it a settings file?")
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}.", hint="Check who may read it."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from None


def read_managed(path: str, owner: int = 0) -> str | None:
    """Return the text of the administrator's settings; ``None``: there are none.

    Raises:
        SettingsError: it can't be read, or could be written by others than its owner: whoever can
            write it decides over every user of the machine.
    """
    text = read_text(path)
    if text is not None and not _is_written_only_by(path, owner):
        raise SettingsError(
            f"{path} could be written by others than the administrator.",
            hint="Give it to the administrator alone, and its folder too; then start again.",
        )
    return text


def _is_written_only_by(path: str, owner: int) -> bool:
    if sys.platform == "win32":
        from mcp_local.places_windows import owned_by_administrators  # noqa: PLC0415 - only there

        return owned_by_administrators(path) and owned_by_administrators(os.path.dirname(path))
    states = (os.stat(path), os.stat(os.path.dirname(path)))
    others = stat.S_IWGRP | stat.S_IWOTH
    return all(state.st_uid == owner and not state.st_mode & others for state in states)
