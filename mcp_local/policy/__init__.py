"""Who may see and use what. Pure: only ``load`` reads files; time comes in with the request.

For server authors::

    from mcp_local.policy import Policy, allow, ask, condition, deny
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_local.policy.building.builder import Policy
    from mcp_local.policy.building.rule_builder import allow, ask, deny
    from mcp_local.policy.deciding.predicates import condition

__all__ = ["Policy", "allow", "ask", "condition", "deny"]

_HOMES = {"Policy": "building.builder", "condition": "deciding.predicates"}


def __getattr__(name: str) -> object:
    # Imported when first used: every module of the policy imports this package.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'building.rule_builder')}"), name)
