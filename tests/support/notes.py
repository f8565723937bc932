"""A log that keeps what it is told."""

from __future__ import annotations


class Notes:
    """What was logged, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Keep one event."""
        self.events.append((name, {"level": level, **fields}))

    def of(self, name: str) -> list[dict[str, object]]:
        """Return the fields of the events of one name."""
        return [fields for event, fields in self.events if event == name]
