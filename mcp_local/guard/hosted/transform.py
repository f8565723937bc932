"""Attaches the policy to every component that leaves a server.

As the outermost transform it sees the names that clients see, and closes the ways round a guard
that only knows names: hashed app tools, mounts, versions, search, ``run_middleware=False``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.transforms import Transform
from fastmcp.tools import Tool

from mcp_local.guard.hosted.components import guarded, has_own_auth, stamp
from mcp_local.guard.judge import Check
from mcp_local.guard.wish import current_wish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fastmcp.server.transforms import (
        GetPromptNext,
        GetResourceNext,
        GetResourceTemplateNext,
        GetToolNext,
    )
    from fastmcp.utilities.versions import VersionSpec

    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.guard.judge import Judge
    from mcp_local.policy.model import Component

    Outward = Callable[[AnyComponent, str], Awaitable[tuple[Component, ...]]]

T = TypeVar("T", Tool, Resource, ResourceTemplate, Prompt)
T_co = TypeVar("T_co", covariant=True)


class Next(Protocol[T_co]):
    """The rest of a look-up."""

    def __call__(
        self, name: str, /, *, version: VersionSpec | None = None
    ) -> Awaitable[T_co | None]:
        """Look it up further in."""
        ...


class EachComponent(Transform):
    """Does one thing to every component, whichever way it is asked for."""

    async def every(self, kind: type[T], components: Sequence[T]) -> Sequence[T]:
        """Return the components of a list, changed."""
        raise NotImplementedError

    async def single(
        self, kind: type[T], name: str, version: VersionSpec | None, call_next: Next[T]
    ) -> T | None:
        """Look one up and return it changed; a template is looked up by a URI."""
        raise NotImplementedError

    async def list_tools(self, tools: Sequence[Tool]) -> Sequence[Tool]:
        """Change tools."""
        return await self.every(Tool, tools)

    async def list_resources(self, resources: Sequence[Resource]) -> Sequence[Resource]:
        """Change resources."""
        return await self.every(Resource, resources)

    async def list_resource_templates(
        self, templates: Sequence[ResourceTemplate]
    ) -> Sequence[ResourceTemplate]:
        """Change resource templates."""
        return await self.every(ResourceTemplate, templates)

    async def list_prompts(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """Change prompts."""
        return await self.every(Prompt, prompts)

    async def get_tool(
        self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None
    ) -> Tool | None:
        """Change one tool."""
        return await self.single(Tool, name, version, call_next)

    async def get_resource(
        self, uri: str, call_next: GetResourceNext, *, version: VersionSpec | None = None
    ) -> Resource | None:
        """Change one resource."""
        return await self.single(Resource, uri, version, call_next)

    async def get_resource_template(
        self, uri: str, call_next: GetResourceTemplateNext, *, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        """Change the template that ``uri`` matches."""
        return await self.single(ResourceTemplate, uri, version, call_next)

    async def get_prompt(
        self, name: str, call_next: GetPromptNext, *, version: VersionSpec | None = None
    ) -> Prompt | None:
        """Change one prompt."""
        return await self.single(Prompt, name, version, call_next)


class PolicyTransform(EachComponent):
    """The policy on everything one server has."""

    def __init__(
        self, judge: Judge, outward: Outward, refuses: Callable[[AnyComponent], bool]
    ) -> None:
        self._judge = judge
        self._outward = outward
        """Says by which names clients know a component of this server."""
        self._refuses = refuses
        """Says what can't be served under its name."""
        self._kept: dict[type, dict[int, tuple[AnyComponent, object, AnyComponent]]] = {}
        """Original, its stamp and its guarded copy, by kind and identity of the original: making
        5,000 copies for each list would cost a fifth of its time."""

    def forget(self) -> None:
        """Make new copies from now on: the server is known by other names."""
        self._kept.clear()

    async def every(self, kind: type[T], components: Sequence[T]) -> Sequence[T]:
        """Return guarded copies; those of originals that didn't change are used again."""
        before = self._kept.get(kind, {})
        kept: dict[int, tuple[AnyComponent, object, AnyComponent]] = {}
        copies: list[T] = []
        for original in components:
            entry = before.get(id(original))
            mark = stamp(original)
            if entry is None or entry[1] != mark:
                copy = await self.copy(original)
                if copy is None:
                    continue
                entry = (original, mark, copy)
            kept[id(original)] = entry
            copies.append(cast("T", entry[2]))
        self._kept[kind] = kept
        return copies

    async def single(
        self, kind: type[T], name: str, version: VersionSpec | None, call_next: Next[T]
    ) -> T | None:
        """Return a guarded copy; one and the same all through a request for that name."""
        wish = current_wish()
        mine = wish is not None and wish.name == name
        key = (id(self), kind.__name__, str(version))
        if wish is not None and mine and key in wish.found:
            return cast("T", wish.found[key])
        original = await call_next(name, version=version)
        copy = None if original is None else await self._copy_for(kind, name, original)
        if wish is not None and mine and wish.resolving and copy is not None:
            wish.found[key] = copy
        return copy

    async def _copy_for(self, kind: type[T], name: str, original: T) -> T | None:
        """Return the copy kept from the last list, or a new one; a template has one by URI."""
        if kind is ResourceTemplate:
            return await self.copy(original, name)
        entry = self._kept.get(kind, {}).get(id(original))
        if entry is not None and entry[1] == stamp(original):
            return cast("T", entry[2])
        return await self.copy(original)

    async def copy(self, original: T, uri: str = "") -> T | None:
        """Return a guarded copy; ``None`` for what can't be served under its name."""
        if self._refuses(original):
            return None
        components = await self._outward(original, uri)
        check = Check(self._judge, components, own_auth=has_own_auth(original))
        return guarded(original, check)
