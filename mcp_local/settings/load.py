"""Settings: managed > flags > environment > file > defaults, each value with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

from mcp_local.errors import SettingsError, did_you_mean
from mcp_local.settings import keys
from mcp_local.settings.derive import complete
from mcp_local.settings.files import (
    Found,
    Layer,
    read_file,
    read_managed,
    read_value,
    unused_secret,
    wrong,
)
from mcp_local.settings.model import Provenance, Server, Settings, SignIn, Source
from mcp_local.settings.paths import absolute, config_path, home_folder, managed_file
from mcp_local.settings.values import Unfit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcp_local.settings.keys import Key
    from mcp_local.settings.paths import ManagedFile

T = TypeVar("T")


class Chosen:
    """The winning value of every setting."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self._found = found

    def __getitem__(self, key: Key[T]) -> T:
        found = self._found.get(key.name)
        return key.default if found is None else cast("T", found.value)

    def servers(self) -> dict[str, Server]:
        """Return the servers by name."""
        servers = (each.value for each in self._found.values() if isinstance(each.value, Server))
        return {server.name: server for server in servers}

    def provenance(self) -> dict[str, Provenance]:
        """Return where each value comes from, by the setting's name."""
        places = {key.name: keys.BY_DEFAULT for key in keys.KEYS}
        return places | {name: found.provenance for name, found in self._found.items()}


def load(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    *,
    argv_flags: tuple[str, ...] = (),
    managed: ManagedFile | None = None,
) -> Settings:
    """Return the settings; values that are the same everywhere are in force from the highest place.

    ``flags`` holds the text given for a setting by its TOML name (``client_id``,
    ``signin.timeout``), and the settings file as ``config``; ``None`` is not given.
    ``argv_flags`` are kept as ``Settings.flags``. ``managed`` stands in for the system's place.

    Raises:
        SettingsError: something can't be taken as it stands; says what, where, and what to do.
    """
    home, home_place = home_folder(environ)
    config, config_place = _config_file(flags, environ)
    top = read_managed(managed or managed_file())
    file = read_file(config, required=config_place.source is Source.FLAG)
    below = (_from_flags(flags), _from_environ(environ), file)
    chosen = Chosen(_merge(top, below))
    settings = replace(
        _assemble(chosen, home, config),
        flags=argv_flags,
        provenance=chosen.provenance() | {"home": home_place, "config_file": config_place},
        warnings=tuple(warning for layer in (top, *below) for warning in layer.warnings),
    )
    return complete(settings)


def _config_file(
    flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> tuple[Path, Provenance]:
    if given := flags.get("config"):
        return absolute(given), Provenance(Source.FLAG, "--config")
    return config_path(environ)


def _from_flags(flags: Mapping[str, str | None]) -> Layer:
    layer = Layer()
    for name, text in flags.items():
        if text is not None and name != "config":
            place = keys.BY_NAME[name].flag or f"--{name}"
            layer.values[name] = _from_text(name, text, Provenance(Source.FLAG, place))
    return layer


def _from_environ(environ: Mapping[str, str]) -> Layer:
    layer = Layer()
    for variable in environ:
        if variable.startswith("MCP_LOCAL_") and variable not in keys.VARIABLES:
            raise SettingsError(
                f"The environment variable {variable} is no setting.",
                hint=did_you_mean(_by_setting(variable), keys.VARIABLES),
            )
    for key in keys.KEYS:
        if text := environ.get(key.variable, "").strip():  # empty: clients pass what isn't set
            place = Provenance(Source.ENVIRONMENT, key.variable)
            layer.values[key.name] = _from_text(key.name, text, place)
    if environ.get(keys.CLIENT_SECRET_VARIABLE):
        layer.warnings.append(unused_secret(keys.CLIENT_SECRET_VARIABLE))
    return layer


def _by_setting(variable: str) -> str:
    """Return the variable of the setting that another is named after, else the very same."""
    meant = variable.removeprefix("MCP_LOCAL_").lower()
    named = (key.variable for key in keys.KEYS if key.name.replace(".", "_") == meant)
    return next(named, variable)


def _from_text(name: str, text: str, place: Provenance) -> Found:
    try:
        decoded = keys.BY_NAME[name].shape.decode(text)
        return Found(read_value(name, decoded), place)
    except Unfit as error:
        raise wrong(place.place, name, error.message, error.hint) from None


def _merge(top: Layer, below: tuple[Layer, ...]) -> dict[str, Found]:
    """Return the highest value of each setting.

    Raises:
        SettingsError: a value differs from the administrator's.
    """
    merged: dict[str, Found] = dict(top.values)
    for layer in below:
        for name, found in layer.values.items():
            fixed = top.values.get(name)
            if fixed is not None and fixed.value != found.value:
                raise wrong(
                    found.provenance.place,
                    name,
                    f"is fixed to another value by {fixed.provenance.place}",
                    "Remove it here, or ask your administrator.",
                )
            merged.setdefault(name, found)
    return merged


def _assemble(chosen: Chosen, home: Path, config: Path) -> Settings:
    return Settings(
        home=home,
        config_file=config,
        tenant=chosen[keys.TENANT],
        client_id=chosen[keys.CLIENT_ID],
        api=chosen[keys.API],
        audiences=chosen[keys.AUDIENCES],
        scopes=chosen[keys.SCOPES],
        tenants=chosen[keys.TENANTS],
        authority=chosen[keys.AUTHORITY],
        cloud=chosen[keys.CLOUD],
        account=chosen[keys.ACCOUNT],
        ca_file=chosen[keys.CA_FILE],
        proxy=chosen[keys.PROXY],
        policy=chosen[keys.POLICY],
        signin=SignIn(
            method=chosen[keys.SIGN_IN_METHOD],
            fallback=chosen[keys.SIGN_IN_FALLBACK],
            when=chosen[keys.SIGN_IN_WHEN],
            timeout=chosen[keys.SIGN_IN_TIMEOUT],
            roles=chosen[keys.SIGN_IN_ROLES],
        ),
        list_hold=chosen[keys.LIST_HOLD],
        list_locked=chosen[keys.LIST_LOCKED] == "show",
        cache_key=chosen[keys.CACHE_KEY],
        passphrase_file=chosen[keys.PASSPHRASE_FILE],
        token_leeway=int(chosen[keys.TOKEN_LEEWAY]),
        allow_app_only=chosen[keys.ALLOW_APP_ONLY],
        offline_grace=chosen[keys.OFFLINE_GRACE],
        offline_tags=chosen[keys.OFFLINE_TAGS],
        servers=chosen.servers(),
        log_level=chosen[keys.LOG_LEVEL],
        log_format=chosen[keys.LOG_FORMAT],
    )
