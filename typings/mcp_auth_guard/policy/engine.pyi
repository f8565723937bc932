from collections.abc import Sequence

from mcp_auth_guard.schemas.auth import AuthContext
from mcp_auth_guard.schemas.policy import PolicyConfig
from mcp_auth_guard.schemas.resource import ResourceContext

class AuthDecision:
    allowed: bool

class PolicyEngine:
    def __init__(self, policies: Sequence[PolicyConfig]) -> None: ...
    async def evaluate(
        self, auth_context: AuthContext, resource_context: ResourceContext
    ) -> AuthDecision: ...
