"""Settings files: TOML to values with their places. What is unknown is refused, not skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from mcp_local import places
from mcp_local.errors import SettingsError, did_you_mean
from mcp_local.settings.keys import (
    BY_NAME,
    CLIENT_SECRET,
    IN_FILE,
    PASSPHRASE_FILE,
    SECTIONS,
)
from mcp_local.settings.model import Provenance, Source
from mcp_local.settings.paths import absolute
from mcp_local.settings.servers import read_server
from mcp_local.settings.values import IN_QUOTES, Unfit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.settings.paths import ManagedFile


class Found(NamedTuple):
    """One value, and where it was found."""

    value: object
    provenance: Provenance


class Layer:
    """All values of one source, by the settings' names."""

    def __init__(self) -> None:
        self.values: dict[str, Found] = {}
        self.warnings: list[str] = []


def wrong(place: str, name: str, message: str, hint: str = "") -> SettingsError:
    """Return the error for one setting that can't be taken as it stands."""
    return SettingsError(
        f"{place}: `{name}` {message}.",
        hint=hint or "Correct it there, or take it out.",
    )


def read_managed(place: ManagedFile) -> Layer:
    """Read the administrator's file, if there is one.

    Raises:
        SettingsError: it can't be read, holds a mistake, or could be written by others than its
            owner: whoever can write it decides over every user of the machine.
    """
    text = places.read_managed(str(place.path), place.owner)
    return Layer() if text is None else _read_layer(text, place.path, Source.MANAGED)


def read_file(path: Path, *, required: bool) -> Layer:
    """Read the person's settings file; one that isn't there has no values.

    Raises:
        SettingsError: it can't be read, isn't TOML, holds a mistake, or is ``required`` and not
            there.
    """
    text = places.read_text(str(path))
    if text is not None:
        return _read_layer(text, path, Source.FILE)
    if required:
        raise SettingsError(
            f"The settings file {path} is not there.",
            hint="Name another with `--config`, or leave the flag out.",
        )
    return Layer()


def _read_layer(text: str, path: Path, source: Source) -> Layer:
    layer = Layer()
    for name, value in _flatten(_parse(text, path), ""):
        try:
            _take(layer, name, value, Provenance(source, str(path)), path.parent)
        except Unfit as error:
            full = f"{name}.{error.key}" if error.key else name
            place = f"{path}, line {line}" if (line := line_of(text, full)) else str(path)
            raise wrong(place, full, error.message, error.hint) from None
    return layer


def _parse(text: str, path: Path) -> dict[str, object]:
    import tomllib  # noqa: PLC0415 - start-up: many have no settings file

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        place = re.search(r"\(at line (\d+)", detail)
        line = text.split("\n")[int(place[1]) - 1] if place else ""
        hint = IN_QUOTES if "\\" in line else 'A value looks like `tenant = "contoso.com"`.'
        raise SettingsError(f"{path} is not TOML: {detail}.", hint=hint) from None


def _flatten(table: dict[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = prefix + key
        opens = name in SECTIONS or name == "servers"
        if opens and isinstance(value, dict):
            yield from _flatten(cast("dict[str, object]", value), name + ".")
        else:
            yield name, value


def _take(layer: Layer, name: str, value: object, place: Provenance, folder: Path) -> None:
    if name == CLIENT_SECRET:
        layer.warnings.append(unused_secret(f"`{name}` in {place.place}"))
    elif name.startswith("servers."):
        server = read_server(name.removeprefix("servers."), value, folder)
        layer.values[name] = Found(server, place)
    elif name in IN_FILE:
        layer.values[name] = Found(read_value(name, value, folder), place)
    else:
        raise _unknown(name)


def _unknown(name: str) -> Unfit:
    if name in SECTIONS or name == "servers":
        return Unfit(f"must be a table: [{name}]")
    if name in {PASSPHRASE_FILE.name, "cache.passphrase"}:
        return Unfit(
            "doesn't belong in the settings file",
            f"Name a file that holds the passphrase in {PASSPHRASE_FILE.variable}.",
        )
    return Unfit("is no setting", did_you_mean(name, IN_FILE | SECTIONS | {"servers"}))


def read_value(name: str, value: object, folder: Path | None = None) -> object:
    """Return the value as its setting takes it; paths are made absolute from ``folder``.

    Raises:
        Unfit: it isn't of the setting's shape.
    """
    shape = BY_NAME[name].shape
    checked = shape.check(value)
    return str(absolute(str(checked), folder)) if shape.is_place(checked) else checked


def unused_secret(where: str) -> str:
    """Return the warning for a client secret, which is nowhere used."""
    return (
        f"{where} is not used: a desktop program is a public client. "
        "Remove it there, and revoke it if nothing else needs it."
    )


def line_of(text: str, name: str) -> int:
    """Return the line on which a setting is written, 0 where that can't be told."""
    header = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r"\s*\[+([^\[\]]+)\]", line):
            header = here = _bare(match[1])
        elif match := re.match(r"\s*([\w.\"' -]+?)\s*=", line):
            here = f"{header}.{_bare(match[1])}".removeprefix(".")
        else:
            continue
        if here == name:
            return number
    return 0


def _bare(key: str) -> str:
    return re.sub(r"[\s\"']", "", key)
