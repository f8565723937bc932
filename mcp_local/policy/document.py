"""A policy as it is written: the model that files, and later other views, are made of."""

from __future__ import annotations

import msgspec

from mcp_local.policy.model import Action, Effect
from mcp_local.policy.problems import Origin


class Reference(msgspec.Struct, frozen=True):
    """The name of something else, with its place, so that a dangling one can be shown."""

    name: str
    origin: Origin
    path: str


class Selection(msgspec.Struct, frozen=True):
    """Components by what they are called; any match selects."""

    tools: tuple[str, ...] = ()
    """Names or globs; ``resources`` likewise by URI, ``prompts`` by name."""
    resources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


class Grant(msgspec.Struct, frozen=True):
    """The short form: what one role grants."""

    role: str
    origin: Origin
    includes: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    """Components with any of these tags, of whatever kind."""
    selection: Selection = Selection()
    actions: tuple[Action, ...] = ()
    """Empty: all."""


class Tagging(msgspec.Struct, frozen=True):
    """A tag given to components that carry none of their own."""

    tag: str
    origin: Origin
    selection: Selection


class Document(msgspec.Struct, frozen=True):
    """One policy file."""

    file: str
    grants: tuple[Grant, ...] = ()
    taggings: tuple[Tagging, ...] = ()
    default: Effect | None = None
    """``None``: the file doesn't say, which is deny."""
    default_origin: Origin | None = None
