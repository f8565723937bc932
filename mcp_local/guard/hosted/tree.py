"""Keeps the policy on the served server and on every server mounted in it.

A mounted server can be asked from within (a search of its own, tools that call tools), so it
carries the policy too, under the names that clients know its components by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.server.transforms import Namespace, Transform
from fastmcp.server.transforms.catalog import CatalogTransform
from fastmcp.tools import Tool

from mcp_local.guard.account import is_reserved
from mcp_local.guard.clean import is_clean_name
from mcp_local.guard.hosted import insides
from mcp_local.guard.hosted.components import as_seen, check_of, in_namespace, name_of
from mcp_local.guard.hosted.transform import EachComponent, Next, PolicyTransform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastmcp import FastMCP
    from fastmcp.server.providers import Provider
    from fastmcp.utilities.versions import VersionSpec

    from mcp_local.guard.hosted.components import AnyComponent
    from mcp_local.guard.hosted.transform import Outward
    from mcp_local.guard.judge import Judge
    from mcp_local.log import Log
    from mcp_local.policy.model import Component

Chain = tuple[Transform, ...]
"""What a component passes on its way from its server to the client, innermost first."""
T = TypeVar("T", Tool, Resource, ResourceTemplate, Prompt)


class _InNamespace(EachComponent):
    """Notes on each component of a mount the prefix it is mounted under."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def every(self, kind: type[T], components: Sequence[T]) -> Sequence[T]:  # noqa: ARG002
        return [in_namespace(component, self._prefix) for component in components]

    async def single(
        self,
        kind: type[T],  # noqa: ARG002
        name: str,
        version: VersionSpec | None,
        call_next: Next[T],
    ) -> T | None:
        found = await call_next(name, version=version)
        return None if found is None else in_namespace(found, self._prefix)


class Tree:
    """The served server with everything mounted in it; mounts may be added while it serves."""

    def __init__(self, root: FastMCP[Any], judge: Judge, log: Log | None) -> None:
        self._root = root
        self._judge = judge
        self._log = log
        self._shape: tuple[int, ...] = ()
        self._chains: dict[int, list[Chain]] = {}
        self._guards: dict[int, tuple[FastMCP[Any], PolicyTransform]] = {}
        self._replaced: list[tuple[dict[str, Tool], str, Tool]] = []
        self._named: set[str] = set()

    async def extend(self) -> None:
        """Guard what was mounted or added since the last request; cheap where nothing was."""
        shape = tuple(_shape(self._root))
        if shape == self._shape:
            return
        chains: dict[int, list[Chain]] = {id(self._root): [()]}
        servers: list[FastMCP[Any]] = [self._root]
        for provider in self._root.providers:
            _note_namespace(provider)
            for server, chain in _mounts(provider, tuple(insides.transforms(self._root))):
                chains.setdefault(id(server), []).append(chain)
                servers.append(server)
        self._chains = chains
        for server in servers:
            await self._guard(server)
        self._shape = tuple(_shape(self._root))

    def remove(self) -> None:
        """Take the policy off again."""
        for server, guard in self._guards.values():
            insides.transforms(server).remove(guard)
        for tools, name, original in self._replaced:
            tools[name] = original
        self._guards.clear()
        self._replaced.clear()
        self._shape = ()

    async def _guard(self, server: FastMCP[Any]) -> None:
        """Make the policy the outermost transform of one server, and put it on injected tools."""
        entry = self._guards.get(id(server))
        guard = (
            entry[1]
            if entry
            else PolicyTransform(self._judge, self._outward(id(server)), self._refuses)
        )
        guard.forget()
        self._guards[id(server)] = (server, guard)
        if guard in insides.transforms(server):
            insides.transforms(server).remove(guard)
        insides.transforms(server).append(guard)
        for middleware in _injections(server):
            tools = insides.injected(middleware)
            for name, tool in list(tools.items()):
                if check_of(tool) is not None:
                    continue
                copy = await guard.copy(tool)
                self._replaced.append((tools, name, tool))
                if copy is None:
                    del tools[name]
                else:
                    tools[name] = copy

    def _outward(self, server: int) -> Outward:
        """Return the function that says by which names clients know a component of a server."""

        async def outward(component: AnyComponent, uri: str) -> tuple[Component, ...]:
            seen: list[Component] = []
            for chain in self._chains.get(server, []):
                outer = await _pass(chain, component)
                if outer is not None:
                    seen.append(as_seen(outer, uri=await _pass_uri(chain, uri)))
            return tuple(seen)

        return outward

    def _refuses(self, component: AnyComponent) -> bool:
        """Whether a component can't be served under its name; logged once (M8, M9)."""
        name = name_of(component)
        reserved = isinstance(component, Tool) and is_reserved(name)
        if not reserved and is_clean_name(name):
            return False
        if name not in self._named and self._log is not None:
            why = "reserved" if reserved else "hidden characters"
            self._log.event("component_refused", level="warning", component=name, reason=why)
        self._named.add(name)
        return True


async def _pass(chain: Chain, component: AnyComponent) -> AnyComponent | None:
    """Return the component as it comes out of ``chain``; ``None`` when it doesn't come out."""
    batch: Sequence[Any] = [component]
    for transform in chain:
        if isinstance(transform, PolicyTransform | CatalogTransform):
            continue  # they don't rename
        match batch[0]:
            case Tool():
                batch = await transform.list_tools(batch)
            case Resource():
                batch = await transform.list_resources(batch)
            case ResourceTemplate():
                batch = await transform.list_resource_templates(batch)
            case _:
                batch = await transform.list_prompts(batch)
        if not batch:
            return None
    return batch[0]


async def _pass_uri(chain: Chain, uri: str) -> str:
    """Return a URI of a mounted server as clients write it."""
    if not uri or not chain:
        return uri
    outer = await _pass(
        chain, Resource.model_construct(uri=uri, name="", tags=set[str](), meta=None)
    )
    return uri if outer is None else name_of(outer)


def _mounts(provider: Provider, outside: Chain) -> Iterator[tuple[FastMCP[Any], Chain]]:
    """Yield each server mounted in ``provider``, with what its components pass on the way out."""
    chain = (*insides.transforms(provider), *outside)
    wrapped, server = insides.inner(provider), insides.mounted(provider)
    if wrapped is not None:
        yield from _mounts(wrapped, chain)
    elif server is not None:
        yield server, chain
        for child in server.providers:
            yield from _mounts(child, (*insides.transforms(server), *chain))
    else:
        for child in insides.children(provider):
            yield from _mounts(child, chain)


def _note_namespace(provider: Provider) -> None:
    """Have a mount's components remember its prefix, once."""
    prefix = ""
    layer: Provider | None = provider
    while layer is not None:
        for transform in insides.transforms(layer):
            if isinstance(transform, _InNamespace):
                return
            if isinstance(transform, Namespace) and not prefix:
                prefix = insides.prefix(transform)
        layer = insides.inner(layer)
    if prefix:
        insides.transforms(provider).append(_InNamespace(prefix))


def _injections(server: FastMCP[Any]) -> Iterator[ToolInjectionMiddleware]:
    for middleware in server.middleware:
        if isinstance(middleware, ToolInjectionMiddleware):
            yield middleware


def _shape(server: FastMCP[Any]) -> Iterator[int]:
    """Yield what changes when a server is mounted, or a transform or injected tool is added."""
    yield from map(id, insides.transforms(server))
    yield from map(id, _injections(server))
    for provider in server.providers:
        yield from _shape_of(provider)


def _shape_of(provider: Provider) -> Iterator[int]:
    yield id(provider)
    yield from map(id, insides.transforms(provider))
    wrapped, server = insides.inner(provider), insides.mounted(provider)
    if wrapped is not None:
        yield from _shape_of(wrapped)
    elif server is not None:
        yield from _shape(server)
    else:
        for child in insides.children(provider):
            yield from _shape_of(child)
