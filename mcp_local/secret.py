"""A value that must not be seen: its ``repr`` and ``str`` show nothing."""

from __future__ import annotations

import hmac
from typing import final


@final
class Secret:
    """Holds a token, code or passphrase; only :meth:`reveal` hands it out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; call this only where it leaves for its one purpose."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        """Refuse to be pickled.

        Raises:
            TypeError: always.
        """
        raise TypeError("a Secret can't be pickled")
