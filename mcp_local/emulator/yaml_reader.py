"""YAML read through its nodes, so that every complaint can name the line."""

from __future__ import annotations

import difflib
import uuid
from typing import TYPE_CHECKING, NamedTuple

import yaml

from mcp_local.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BOOLEAN = "tag:yaml.org,2002:bool"
_TRUE = frozenset({"true", "yes", "on"})
_SCALARS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float"))


class _Place(NamedTuple):
    """Where in which file."""

    path: Path
    line: int

    def error(self, message: str, hint: str = "") -> SettingsError:
        return SettingsError(f"{self.path}:{self.line}: {message}", hint=hint)


def read_yaml(path: Path) -> Section:
    """Return the mapping that a YAML file holds.

    Raises:
        SettingsError: the file can't be read, isn't YAML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        hint = "Name a YAML file of people with --users; without it there are people already."
        raise SettingsError(f"{path}: {error.strerror}.", hint=hint) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _Place(path, line).error(f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise _Place(path, 1).error("not YAML") from error
    except RecursionError:
        raise _Place(path, 1).error("not YAML: nested too deeply") from None
    if node is None:
        raise _Place(path, 1).error("the file is empty")
    return _section(path, node, "the file")


def _place(path: Path, node: yaml.Node) -> _Place:
    return _Place(path, node.start_mark.line + 1)


def _section(path: Path, node: yaml.Node, what: str) -> Section:
    place = _place(path, node)
    if not isinstance(node, yaml.MappingNode):
        raise place.error(f"{what} must hold keys and values")
    entries: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _place(path, key).error("a key must be a word")
        if key.value in entries:
            raise _place(path, key).error(f"{key.value} stands here twice")
        entries[key.value] = value
    return Section(place, entries)


class Section:
    """One mapping; every reading of a value checks its type."""

    def __init__(self, place: _Place, entries: dict[str, yaml.Node]) -> None:
        self._place = place
        self._entries = entries

    def error(self, message: str, hint: str = "") -> SettingsError:
        """Return an error that names the file and the section's line."""
        return self._place.error(message, hint)

    def _error_at(self, node: yaml.Node, message: str, hint: str = "") -> SettingsError:
        return _place(self._place.path, node).error(message, hint)

    def allow(self, *keys: str) -> None:
        """Refuse any other key; a misspelt one is told the nearest right one."""
        for key, node in self._entries.items():
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(keys)}."
                raise self._error_at(node, f"{key} isn't known here", hint)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that isn't empty; without ``default`` it must be there."""
        node = self._entries.get(key)
        if node is None:
            if default is None:
                raise self.error(f"{key} is missing")
            return default
        return self._word(node, key)

    def _word(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS or not node.value:
            raise self._error_at(node, f"{key} must be text")
        return str(node.value)

    def guid(self, key: str, default: str) -> str:
        """Return a GUID in lower case."""
        text = self.text(key, default)
        try:
            return str(uuid.UUID(text)) if text else ""
        except ValueError:
            raise self._error_at(self._entries[key], f"{key} must be a GUID") from None

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of ``choices``."""
        text = self.text(key, default)
        if text not in choices:
            node = self._entries[key]
            raise self._error_at(node, f"{key} must be one of: {', '.join(choices)}")
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a yes or no."""
        node = self._entries.get(key)
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag != _BOOLEAN:
            raise self._error_at(node, f"{key} must be true or false")
        return node.value.lower() in _TRUE

    def words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of texts."""
        node = self._entries.get(key)
        if node is None:
            return default
        if not isinstance(node, yaml.SequenceNode):
            raise self._error_at(node, f"{key} must be a list")
        return tuple(self._word(one, f"an entry of {key}") for one in node.value)

    def section(self, key: str) -> Section:
        """Return the mapping under ``key``, an empty one when it isn't there."""
        node = self._entries.get(key)
        if node is None:
            return Section(self._place, {})
        return _section(self._place.path, node, key)

    def sections(self, key: str) -> list[Section]:
        """Return the mappings listed under ``key``."""
        node = self._entries.get(key)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._error_at(node, f"{key} must be a list")
        return [_section(self._place.path, one, f"an entry of {key}") for one in node.value]
