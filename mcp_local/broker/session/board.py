"""Where a broker process tells everybody what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.broker.state import SignInState
from mcp_local.broker.state_file import counted
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.broker.session.handover import Channel
    from mcp_local.broker.state_file import StateFile


class Board:
    """The state file for all instances, and the pipe to the server that waits for this process."""

    def __init__(self, file: StateFile, channel: Channel | None) -> None:
        self._file = file
        self._channel = channel
        self._last = SignInState()

    def read(self) -> SignInState:
        """Return where the sign-in stands.

        Raises:
            StorageError: the state file can't be read, and no server listens instead.
        """
        return self._through(self._file.read, lambda: self._last)

    def update(self, change: Callable[[SignInState], SignInState]) -> SignInState:
        """Make one step and tell of it.

        Raises:
            StorageError: the state can't be kept, and no server listens instead.
        """
        self._last = self._through(
            lambda: self._file.update(change), lambda: counted(self._last, change)
        )
        if self._channel is not None:
            self._channel.tell(self._last)
        return self._last

    def _through(
        self, use_file: Callable[[], SignInState], without: Callable[[], SignInState]
    ) -> SignInState:
        try:
            return use_file()
        except StorageError:
            if self._channel is None:
                raise
            return without()
