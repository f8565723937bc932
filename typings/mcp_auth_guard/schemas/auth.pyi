class AuthContext:
    def __init__(
        self,
        *,
        user_id: str | None = None,
        roles: list[str] = ...,
        claims: dict[str, object] = ...,
        agent_id: str | None = None,
        authenticated: bool = False,
    ) -> None: ...
