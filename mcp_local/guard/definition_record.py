"""What is kept of a server's definitions: those that were approved, and those seen last (M7).

It is what the server told, so that a change can be shown word by word, and so that ``tools`` and
``can`` have an answer while the server is out of reach.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mcp_local.log.redact import redact
from mcp_local.policy.model import Component, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mcp_local.settings.model import Server

Definition = dict[str, object]
"""What a list says of one component, but for ``_meta``, which no model reads."""

TOOLS: Final = "tools"
PROMPTS: Final = "prompts"
TEMPLATES: Final = "resourceTemplates"
RESOURCES: Final = "resources"
INSTRUCTIONS: Final = "instructions"
NAMED_BY: Final = {TOOLS: "name", PROMPTS: "name", TEMPLATES: "uriTemplate", RESOURCES: "uri"}
"""List, by the key it has in a result → the field that names an item of it."""
KINDS: Final = {
    TOOLS: Kind.TOOL,
    RESOURCES: Kind.RESOURCE,
    TEMPLATES: Kind.RESOURCE,
    PROMPTS: Kind.PROMPT,
}
"""List → what its items are to the policy."""
PINNED: Final = (TOOLS, PROMPTS, TEMPLATES)
"""Lists whose items are approved one by one; resources come and go."""

_MOST_RESOURCES: Final = 5000
"""Resources of a server that are kept; more are of no use to anybody who asks offline."""
_IN_SHORT: Final = ("uri", "name", "annotations")


class ServerKey(NamedTuple):
    """Which server a record is of."""

    file: str
    """The name of its file, without ending."""
    title: str
    """What people know it by: its name under ``[servers]``, its command line, or its address."""


def key_of(server: Server, folder: Path) -> ServerKey:
    """Return the key of a server that runs in ``folder``.

    One under ``[servers]`` is known by its name, so that another command under the same name is a
    change. Any other by its command line, and by its folder where a word names a file there.
    """
    if server.name:
        return ServerKey(f"server-{server.name}", server.name)
    words = [server.url] if server.url else [server.command, *server.args]
    at_home = not server.url and any(_names_file(word, folder) for word in words)
    identity = json.dumps([*words, str(folder)] if at_home else words)
    digest = sha256(identity.encode()).hexdigest()[:24]
    return ServerKey(f"{'url' if server.url else 'command'}-{digest}", redact(" ".join(words)))


def _names_file(word: str, folder: Path) -> bool:
    """Whether an argument is a file there; a token or a program's text may be too long for one."""
    try:
        return bool(word) and (folder / word).is_file()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that a server said of itself at one time."""

    lists: Mapping[str, Mapping[str, Definition]] = field(
        default_factory=dict[str, "Mapping[str, Definition]"]
    )
    """List → name → definition; a list that is missing was never asked for."""
    instructions: str | None = None
    """``None``: never asked for."""

    def with_list(self, which: str, items: Mapping[str, Definition]) -> Definitions:
        """Return them with one list in place of what was known of it."""
        return replace(self, lists={**self.lists, which: items})

    def over(self, older: Definitions) -> Definitions:
        """Return them with what they lack of ``older``."""
        instructions = older.instructions if self.instructions is None else self.instructions
        return Definitions({**older.lists, **self.lists}, instructions)

    def components(self, namespace: str) -> list[Component]:
        """Return what the policy sees of them."""
        found: list[Component] = []
        for which, items in self.lists.items():
            for name, definition in items.items():
                hints = definition.get("annotations")
                found.append(
                    Component(
                        KINDS[which],
                        name,
                        namespace=namespace,
                        template=which == TEMPLATES,
                        annotations=cast("dict[str, object]", hints)
                        if isinstance(hints, dict)
                        else {},
                    )
                )
        return found


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one server."""

    title: str = ""
    approved: Definitions = field(default_factory=Definitions)
    seen: Definitions = field(default_factory=Definitions)

    @property
    def offer(self) -> str:
        """The SHA-256 of all of what was seen that can be approved."""
        lists = {which: self.seen.lists.get(which) for which in PINNED}
        return digest({**lists, INSTRUCTIONS: self.seen.instructions})


def digest(definition: object) -> str:
    """Return the SHA-256 of a definition, whatever the order of its keys."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode("ascii")).hexdigest()


def define(which: str, items: Iterable[Mapping[str, object]]) -> dict[str, Definition]:
    """Return the definitions of a list's items by name; the first of a name counts."""
    found: dict[str, Definition] = {}
    for item in items:
        name = item.get(NAMED_BY[which])
        if not isinstance(name, str) or name in found:
            continue
        if which == RESOURCES:
            if len(found) == _MOST_RESOURCES:
                break
            found[name] = {key: item[key] for key in _IN_SHORT if key in item}
        else:
            found[name] = {key: value for key, value in item.items() if key != "_meta"}
    return found
