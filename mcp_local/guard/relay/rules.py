"""What the settings say of one server: known to the relay before anything is loaded."""

from __future__ import annotations


class Rules:
    """How one server is treated. No tuple or dataclass: both take a while, and this comes early."""

    __slots__ = ("hold", "methods", "namespace", "requests")

    def __init__(
        self,
        namespace: str = "",
        requests: tuple[str, ...] = ("roots/list", "elicitation/create"),
        methods: tuple[str, ...] = (),
        *,
        hold: bool = False,
    ) -> None:
        self.namespace = namespace
        """Its name under ``[servers]``."""
        self.requests = requests
        """Requests of the server that pass to the client."""
        self.methods = methods
        """Methods of the client that pass beyond the known ones."""
        self.hold = hold
        """Whether what was never approved is held back: then greetings wait until that is known."""
