"""Tasks: what goes on after its call was answered stays with whoever was allowed the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, final

from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from mcp_local.guard.relay.message import Message
    from mcp_local.identity.model import Identity

MOST: Final = 4096
"""Tasks that are remembered; of more the oldest are forgotten, and refused from then on."""
_LONGEST: Final = 512
"""Characters of a task's id."""


@final
class Tasks:
    """Whose tasks there are. Each method is one step, so any thread may call it."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}

    def begun(self, answer: Message, person: Identity) -> None:
        """Note the task that a call was answered with, if it was."""
        result = as_dict(answer.body.get("result"))
        # `task` up to 2025-11-25; as an extension of the modern era the result is the task.
        if result.get("resultType") == "task":
            ident = result.get("taskId")
        elif "task" in result:
            ident = as_dict(result["task"]).get("taskId")
        else:
            return
        if isinstance(ident, str) and len(ident) <= _LONGEST:
            self._owners.pop(ident, None)
            self._owners[ident] = person.key
            if len(self._owners) > MOST:
                self._owners.pop(next(iter(self._owners)))

    def owned(self, ident: object, person: Identity | None) -> bool:
        """Whether it is a task of that person."""
        if not isinstance(ident, str) or person is None:
            return False
        return self._owners.get(ident) == person.key

    def of_another(self, ident: object, person: Identity | None) -> bool:
        """Whether it is known to be a task of somebody else."""
        return isinstance(ident, str) and ident in self._owners and not self.owned(ident, person)

    def visible(self, answer: Message, person: Identity | None) -> dict[str, object]:
        """Return the result of ``tasks/list`` with that person's tasks only."""
        result = as_dict(answer.body.get("result"))
        tasks = result.get("tasks")
        listed = cast("list[object]", tasks) if isinstance(tasks, list) else []
        shown = [task for task in listed if self.owned(as_dict(task).get("taskId"), person)]
        return {**result, "tasks": shown}
