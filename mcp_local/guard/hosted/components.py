"""FastMCP's components as the policy sees them, and copies of them that carry the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.server.providers.fastmcp_provider import (
    FastMCPProviderPrompt,
    FastMCPProviderResource,
    FastMCPProviderResourceTemplate,
    FastMCPProviderTool,
)
from fastmcp.tools import Tool

from mcp_local.guard.clean import clean, clean_json
from mcp_local.guard.judge import Check
from mcp_local.policy.model import Component, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

AnyComponent = Tool | Resource | ResourceTemplate | Prompt
T = TypeVar("T", Tool, Resource, ResourceTemplate, Prompt)

_MOUNTED: Final = (
    FastMCPProviderTool,
    FastMCPProviderResource,
    FastMCPProviderResourceTemplate,
    FastMCPProviderPrompt,
)
_NAMESPACE: Final = "_mcp_local_namespace"
"""Key in ``meta["fastmcp"]``; FastMCP strips keys with an underscore before anything is sent."""


class _Prefix(str):
    """A mount prefix that we noted.

    What a proxied server writes there arrives as a plain text, so that none can claim to be
    mounted where a policy trusts it.
    """

    __slots__ = ()


def name_of(component: AnyComponent) -> str:
    """Return what clients call it: name, URI, or URI template."""
    if isinstance(component, Resource):
        return str(component.uri)
    if isinstance(component, ResourceTemplate):
        return component.uri_template
    return component.name


def kind_of(component: AnyComponent) -> Kind:
    """Return its kind; a template is a resource."""
    if isinstance(component, Tool):
        return Kind.TOOL
    return Kind.PROMPT if isinstance(component, Prompt) else Kind.RESOURCE


def as_seen(component: AnyComponent, *, uri: str = "") -> Component:
    """Return the component as the policy sees it; ``uri`` is what is read through a template."""
    annotations = getattr(component, "annotations", None)
    return Component(
        kind=kind_of(component),
        name=name_of(component),
        tags=frozenset(component.tags),
        namespace=_namespace(component),
        version=component.version or "",
        template=isinstance(component, ResourceTemplate),
        uri=uri,
        annotations=annotations.model_dump(by_alias=True, exclude_none=True) if annotations else {},
    )


def in_namespace(component: T, namespace: str) -> T:
    """Return a copy that remembers the prefix it is mounted under."""
    meta = dict(component.meta or {})
    meta["fastmcp"] = {**_own_meta(component), _NAMESPACE: _Prefix(namespace)}
    return component.model_copy(update={"meta": meta})


def _namespace(component: AnyComponent) -> str:
    noted = _own_meta(component).get(_NAMESPACE)
    return str(noted) if isinstance(noted, _Prefix) else ""


def _own_meta(component: AnyComponent) -> Mapping[str, object]:
    meta = (component.meta or {}).get("fastmcp")
    return cast("Mapping[str, object]", meta) if isinstance(meta, dict) else {}


def check_of(component: AnyComponent) -> Check | None:
    """Return the check that a guarded copy carries; it comes before the component's own."""
    checks: object = component.auth
    first = cast("list[object]", checks)[0] if isinstance(checks, list) and checks else None
    return first if isinstance(first, Check) else None


def has_own_auth(component: AnyComponent) -> bool:
    """Whether it carries a check of its own; a mounted server judges its components itself."""
    return bool(component.auth) or isinstance(component, _MOUNTED)


def guarded(component: T, check: Check) -> T:
    """Return a copy that asks ``check`` first and the component's own checks after it.

    Whatever a model reads of it is cleaned (M9).
    """
    own = component.auth or []
    update: dict[str, Any] = {"auth": [check, *(own if isinstance(own, list) else [own])]}
    for field in ("title", "description"):
        text = getattr(component, field)
        if text is not None:
            update[field] = clean(text)
    if isinstance(component, Tool):
        update["parameters"] = clean_json(component.parameters)
    return component.model_copy(update=update)


def stamp(component: AnyComponent) -> tuple[object, ...]:
    """Return what shows that a component was changed in place since it was copied."""
    return (
        component.name,
        component.version,
        component.description,
        component.title,
        component.auth,
        component.meta,
        frozenset(component.tags),
    )
