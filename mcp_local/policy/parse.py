"""Text → Document: the short form of the language. Every mistake is told with its place.

The long form (``rules``, ``mode``) will join the same Document; until it is read, a file that uses
it is refused: half a policy is another policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.policy.document import Document, Grant, Reference, Selection, Tagging
from mcp_local.policy.globs import Glob, GlobError
from mcp_local.policy.model import Action, Effect
from mcp_local.policy.nodes import Checker
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.uris import fault
from mcp_local.policy.yaml_tree import Mapping, Scalar, ScalarKind, read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.yaml_tree import Node

_LONG_FORM = ("rules", "mode")
_TOP = ("version", "default", "roles", "tags")
_SELECTION = ("tools", "resources", "prompts")
_GRANT = ("includes", "tags", *_SELECTION, "actions")

_ANY_ACTION = "*"
_ACTIONS = (*map(str, Action), _ANY_ACTION)
_USES = {
    "tools": frozenset({Action.LIST, Action.CALL}),
    "resources": frozenset({Action.LIST, Action.READ, Action.SUBSCRIBE, Action.COMPLETE}),
    "prompts": frozenset({Action.LIST, Action.GET, Action.COMPLETE}),
    "tags": frozenset(Action),
}
"""What can be done with the components that a key selects."""

_LONGEST_ROLE = 120
"""Characters; Entra ID's limit for an app role's value."""


def parse_policy(text: str, filename: str) -> Document:
    """Return the document that a YAML text holds; ``filename`` is used in errors only.

    Raises:
        InvalidPolicy: with the first 50 mistakes.
    """
    parser = _Parser()
    document = parser.document(read_tree(text, filename), filename)
    if parser.problems:
        raise InvalidPolicy(parser.problems)
    return document


class _Parser(Checker):
    def document(self, node: Node, filename: str) -> Document:
        fields = self.fields(self._short_form_only(node), "", _TOP)
        self._version(fields.get("version"))
        default = fields.get("default")
        word = self.word(default, "default", ("allow", "deny")) if default else None
        return Document(
            file=filename,
            grants=tuple(self._grants(fields.get("roles"))),
            taggings=tuple(self._taggings(fields.get("tags"))),
            default=Effect(word) if word else None,
            default_origin=default.origin if default else None,
        )

    def _short_form_only(self, node: Node) -> Node:
        if not isinstance(node, Mapping):
            return node
        for key, _ in node.entries:
            if key.text in _LONG_FORM:
                message = "belongs to the long form; this version reads the short form only"
                self.wrong(key, key.text, message, "Say it with `roles`, `tags` and `default`.")
        kept = tuple(entry for entry in node.entries if entry[0].text not in _LONG_FORM)
        return Mapping(node.origin, kept)

    def _version(self, node: Node | None) -> None:
        if node is None:
            return
        if not (isinstance(node, Scalar) and node.kind is ScalarKind.NUMBER and node.text == "1"):
            self.wrong(node, "version", "must be 1", "Write `version: 1`.")

    def _grants(self, node: Node | None) -> Iterator[Grant]:
        if node is None:
            return
        for key, value, path in self.entries(node, "roles"):
            self._role_name(key, path)
            fields = self.fields(value, path, _GRANT)
            references = self.words(fields.get("includes"), f"{path}.includes")
            yield Grant(
                role=key.text,
                origin=key.origin,
                includes=tuple(Reference(word.text, word.origin, at) for word, at in references),
                tags=tuple(w.text for w, _ in self.words(fields.get("tags"), f"{path}.tags")),
                selection=self._selection(fields, path),
                actions=self._actions(fields, path),
            )

    def _role_name(self, key: Scalar, path: str) -> None:
        if key.text == "*":
            hint = "Name the roles, or say `default: allow`."
            self.wrong(key, path, "is no role: roles match exactly", hint)
        elif len(key.text) > _LONGEST_ROLE or any(char.isspace() for char in key.text):
            message = f"is no app role's value: it has blanks or over {_LONGEST_ROLE} characters"
            self.wrong(key, path, message, "Use the `value` of the role, not its display name.")

    def _selection(self, fields: dict[str, Node], path: str) -> Selection:
        tools, resources, prompts = (
            tuple(self._names(fields.get(key), f"{path}.{key}", key)) for key in _SELECTION
        )
        return Selection(tools, resources, prompts)

    def _names(self, node: Node | None, path: str, key: str) -> Iterator[str]:
        for word, inner in self.words(node, path):
            glob = Glob(word.text)
            try:
                glob.check()
            except GlobError as error:
                self.wrong(word, inner, str(error))
            if key == "resources" and not glob.wild and (what := fault(word.text)):
                self.wrong(word, inner, f"can never match: it holds {what}")
            yield word.text

    def _actions(self, fields: dict[str, Node], path: str) -> tuple[Action, ...]:
        node = fields.get("actions")
        words = [
            self.word(word, inner, _ACTIONS) for word, inner in self.words(node, f"{path}.actions")
        ]
        if node is None or None in words or _ANY_ACTION in words:
            return ()
        actions = tuple(Action(word) for word in words if word)
        selecting = [key for key in _USES if key in fields]
        possible = frozenset[Action]().union(*(_USES[key] for key in selecting))
        if not selecting:
            self.wrong(node, f"{path}.actions", "has nothing to act on", "Add tags or names.")
        elif actions and possible.isdisjoint(actions):
            message = f"can never apply to {' or '.join(selecting)}"
            hint = f"Possible are: {', '.join(sorted(possible))}."
            self.wrong(node, f"{path}.actions", message, hint)
        return actions

    def _taggings(self, node: Node | None) -> Iterator[Tagging]:
        if node is None:
            return
        for key, value, path in self.entries(node, "tags"):
            fields = self.fields(value, path, _SELECTION)
            if isinstance(value, Mapping) and not value.entries:
                self.wrong(value, path, "tags nothing", "Name tools, resources or prompts.")
            yield Tagging(key.text, key.origin, self._selection(fields, path))
