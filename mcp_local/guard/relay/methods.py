"""The methods of both eras, by how the relay treats them; all others are refused.

Up to 2025-11-25 and 2026-07-28. What a server's ``methods`` setting names passes beside them.
"""

from __future__ import annotations

from typing import Final

HELLO: Final = frozenset({"initialize", "server/discover"})
"""Their answers say what the server can."""
PASSED: Final = HELLO | {"ping", "logging/setLevel"}
"""Nothing in them is anybody's."""
LISTS: Final = frozenset(
    {"tools/list", "prompts/list", "resources/list", "resources/templates/list"}
)
USES: Final = frozenset(
    {
        "tools/call",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/get",
        "completion/complete",
    }
)
TASKS: Final = frozenset({"tasks/get", "tasks/result", "tasks/cancel", "tasks/update"})
"""About one task, by its id."""
TASK_LIST: Final = "tasks/list"
LISTEN: Final = "subscriptions/listen"
GUARDED: Final = LISTS | USES | TASKS | {TASK_LIST, LISTEN}
"""Answered, or let through, by the guard."""

NOTIFICATIONS: Final = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
    }
)
"""What clients tell."""
INITIALIZED: Final = "notifications/initialized"
CANCELLED: Final = "notifications/cancelled"
COMPLETED: Final = "notifications/elicitation/complete"
UPDATED: Final = "notifications/resources/updated"
TASK_STATUS: Final = "notifications/tasks/status"
TASK_NEWS: Final = frozenset({TASK_STATUS, "notifications/tasks"})
"""How a task stands: up to 2025-11-25, and in the extension of 2026-07-28."""
OF_SOMEBODY: Final = TASK_NEWS | {UPDATED}
"""What servers tell that may be meant for one person only."""
