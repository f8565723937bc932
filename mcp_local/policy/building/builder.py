"""Policies in Python: the language of the file, with the completion and types of an editor.

::

    from mcp_local.policy import Policy, allow, deny

    policy = (
        Policy.deny_by_default()
        .grant("Task.Read", tags=["read"])
        .add(
            deny("selects-only").for_roles("Analyst").tools(names=["query"]).on("call")
            .when_arg("sql", sql_not_only=["select"]).because("Analysts may only read.")
        )
    )

Everything is immutable: a call returns a new policy and leaves the old one as it was. Mistakes
raise :class:`~mcp_local.policy.problems.InvalidPolicy` in the words that a file gets; their place
is the line of Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.document import Document, Mode
from mcp_local.policy.model import Effect
from mcp_local.policy.problems import InvalidPolicy, problem
from mcp_local.policy.reading.parse import read_document
from mcp_local.policy.reading.python_tree import caller, tree_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from mcp_local.identity.model import Identity
    from mcp_local.policy.building.rule_builder import RuleBuilder
    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.model import Component, Decision, Request
    from mcp_local.policy.problems import Origin


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; accepted wherever the path of a policy file is."""

    document: Document
    """What it says, in the model that files are read into."""

    @classmethod
    def deny_by_default(
        cls,
        *,
        name: str = "",
        description: str = "",
        created_by: str = "",
        labels: Collection[str] = (),
    ) -> Policy:
        """Start a policy that refuses what no rule speaks of."""
        about = {"name": name, "description": description, "created_by": created_by}
        return cls._start(Effect.DENY, {**about, "labels": labels})

    @classmethod
    def allow_by_default(
        cls,
        *,
        name: str = "",
        description: str = "",
        created_by: str = "",
        labels: Collection[str] = (),
    ) -> Policy:
        """Start a policy that allows everybody signed in what no rule speaks of."""
        about = {"name": name, "description": description, "created_by": created_by}
        return cls._start(Effect.ALLOW, {**about, "labels": labels})

    @classmethod
    def _start(cls, default: Effect, about: dict[str, Collection[str]]) -> Policy:
        said = {key: value for key, value in about.items() if value not in ("", ())}
        return cls(_read(caller(), {"default": str(default), **said}))

    def observing(self) -> Policy:
        """Let through, and log, what only the default refuses; denies and asks hold."""
        return Policy(replace(self.document, mode=Mode.OBSERVE, mode_origin=caller()))

    def grant(  # noqa: PLR0913 - the keys of a grant, by name
        self,
        role: str,
        *,
        includes: Collection[str] = (),
        tags: Collection[str] = (),
        tools: Collection[str] = (),
        resources: Collection[str] = (),
        prompts: Collection[str] = (),
        actions: Collection[str] = (),
    ) -> Policy:
        """Say what a role grants: any match grants, and without ``actions`` all that can be done.

        Raises:
            InvalidPolicy: something in it is wrong, or the role is spoken of already.
        """
        origin = caller()
        _refuse_second(origin, "roles", role, {g.role: g.origin for g in self.document.grants})
        fields = {
            "includes": includes,
            "tags": tags,
            "tools": tools,
            "resources": resources,
            "prompts": prompts,
            "actions": actions,
        }
        read = _read(origin, {"roles": {role: _said(fields)}})
        return Policy(replace(self.document, grants=(*self.document.grants, *read.grants)))

    def tag(
        self,
        tag: str,
        *,
        tools: Collection[str] = (),
        resources: Collection[str] = (),
        prompts: Collection[str] = (),
    ) -> Policy:
        """Give a tag to components that carry none of their own.

        Raises:
            InvalidPolicy: something in it is wrong, or the tag is given already.
        """
        origin = caller()
        _refuse_second(origin, "tags", tag, {t.tag: t.origin for t in self.document.taggings})
        fields = {"tools": tools, "resources": resources, "prompts": prompts}
        read = _read(origin, {"tags": {tag: _said(fields)}})
        return Policy(replace(self.document, taggings=(*self.document.taggings, *read.taggings)))

    def add(self, *rules: RuleBuilder) -> Policy:
        """Add rules of the long form.

        Raises:
            InvalidPolicy: something in them is wrong.
        """
        made = {rule.name: rule for rule in self.document.rules}
        for builder in rules:
            rule = builder.rule(position=len(made))
            if first := made.get(rule.name):
                message = f"repeats the name `{rule.name}` of line {first.origin.line}"
                path = f"rules[{len(made)}].name"
                hint = "Each rule has its own name."
                raise InvalidPolicy([problem(rule.origin, path, message, hint)])
            made[rule.name] = rule
        return Policy(replace(self.document, rules=tuple(made.values())))

    def compile(self, *, folder: Path | None = None) -> CompiledPolicy:
        """Return what answers requests; ``folder`` is where ``under`` stands.

        Raises:
            InvalidPolicy: the parts contradict each other.
        """
        return compile_policy([self.document], folder=folder)

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request, for tests of a policy; a guard compiles it once.

        Raises:
            InvalidPolicy: the parts contradict each other.
        """
        return self.compile().decide(identity, request, component)


def _read(origin: Origin, said: object) -> Document:
    return read_document(tree_of(origin, said), origin.file)


def _said(fields: dict[str, Collection[str]]) -> dict[str, Collection[str]]:
    """Return what isn't left out; an empty list is said, and refused as in a file."""
    return {key: value for key, value in fields.items() if value != ()}


def _refuse_second(origin: Origin, group: str, name: str, before: dict[str, Origin]) -> None:
    if first := before.get(name):
        message = f"repeats the key `{name}` of line {first.line}"
        raise InvalidPolicy([problem(origin, f"{group}.{name}", message)])
