class ToolResource:
    def __init__(
        self,
        *,
        name: str,
        namespace: str | None = None,
        tags: list[str] = ...,
        arguments: dict[str, object] = ...,
    ) -> None: ...

class ResourceContext:
    def __init__(
        self,
        *,
        resource_type: str,
        resource: ToolResource,
        action: str,
        method: str,
        timestamp: float | None = None,
    ) -> None: ...
