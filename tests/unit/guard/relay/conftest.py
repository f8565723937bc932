"""A relay with a reader signed in, in both eras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.in_process_relay import HANDSHAKE, MODERN, InProcess, reader

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture(params=[HANDSHAKE, MODERN])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[InProcess]:
    """A relay with a reader signed in, before whom there is a client that can ask."""
    forms: dict[str, Any] = {"elicitation": {"form": {}}}
    with InProcess(tmp_path, request.param, session=reader(), capabilities=forms) as relay:
        relay.open()
        yield relay
