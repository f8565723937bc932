"""mcp-auth-guard itself, asked the questions that our policy is asked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mcp_auth_guard.policy.engine import PolicyEngine
from mcp_auth_guard.policy.loader import PolicyLoader
from mcp_auth_guard.schemas.auth import AuthContext
from mcp_auth_guard.schemas.resource import ResourceContext, ToolResource

from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Request

logging.getLogger("mcp_auth_guard").setLevel(logging.ERROR)

_METHODS = {Kind.TOOL: "tools", Kind.RESOURCE: "resources", Kind.PROMPT: "prompts"}


class AuthGuard:
    """The engine of that program with one policy."""

    def __init__(self, policy: Mapping[str, object]) -> None:
        self._engine = PolicyEngine([PolicyLoader.load_from_dict(dict(policy))])

    def allowed(self, identity: Identity, request: Request, component: Component) -> bool:
        """Tell what it decides."""
        return asyncio.run(self.decide(*contexts(identity, request, component)))

    async def decide(self, person: AuthContext, wish: ResourceContext) -> bool:
        """Tell what it decides, asked in its own words."""
        return (await self._engine.evaluate(person, wish)).allowed


def contexts(
    identity: Identity, request: Request, component: Component
) -> tuple[AuthContext, ResourceContext]:
    """Return a question in its words, as its middleware puts it."""
    person = AuthContext(
        user_id=identity.object_id,
        roles=sorted(identity.roles),
        claims=dict(identity.claims),
        agent_id=request.client.name if request.client else None,
        authenticated=True,
    )
    tool = ToolResource(
        name=component.name,
        namespace=component.namespace or None,
        tags=sorted(component.tags),
        arguments=dict(request.arguments or {}),
    )
    kind = _METHODS[component.kind]
    return person, ResourceContext(
        resource_type=kind,
        resource=tool,
        action=str(request.action),
        method=f"{kind}/{request.action}",
        timestamp=request.now,
    )
