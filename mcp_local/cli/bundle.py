"""The ZIP that support is sent: what was found, the settings, the end of the log."""

from __future__ import annotations

import json
import sys
import zipfile
from typing import TYPE_CHECKING, Final

from mcp_local.cli.versions import versions
from mcp_local.errors import StorageError, UsageError
from mcp_local.log import read_tail
from mcp_local.settings import show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mcp_local.desktop.doctor.secrets import Secrets
    from mcp_local.settings import Settings

_LOG_LINES: Final = 500


def write_bundle(
    path: Path,
    checks: Sequence[dict[str, object]],
    settings: Settings | None,
    log: Path,
    secrets: Secrets,
) -> None:
    """Write a new file, for its owner alone; every part goes through ``secrets``.

    ``settings`` are ``None`` where they can't be read; what came of that is in the ``log``.

    Raises:
        UsageError: it is there already.
        StorageError: it can't be written.
    """
    parts = {
        "findings.json": json.dumps(checks, indent=2, ensure_ascii=False),
        "system.txt": f"{versions()[1]}\n{sys.version}\n{sys.platform}\n",
    }
    if settings is not None:
        parts["settings.json"] = _settings(settings)
    parts["log.jsonl"] = _log(log)
    try:
        path.touch(mode=0o600, exist_ok=False)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in parts.items():
                bundle.writestr(name, secrets.hide(text).encode("utf-8", "backslashreplace"))
    except FileExistsError:
        raise UsageError(f"{path} is there already.", hint="Name another file.") from None
    except OSError as error:
        raise StorageError(
            f"{path} can't be written: {error.strerror}.", hint="Name a file elsewhere."
        ) from None


def _settings(settings: Settings) -> str:
    rows = [
        {"name": name, "value": value, "source": place.source.value, "place": place.place}
        for name, value, place in show(settings)
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _log(path: Path) -> str:
    try:
        return "\n".join(read_tail(path, _LOG_LINES))
    except OSError as error:
        return f"The log can't be read: {error.strerror}."
