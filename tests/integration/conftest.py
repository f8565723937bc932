"""Fixtures of the tests with real processes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.secret_service import SecretService


@pytest.fixture
def secret_service() -> Generator[SecretService]:
    """Run a private, unlocked Secret Service; mark tests that use it with ``secret_service``."""
    if sys.platform != "linux":
        pytest.skip("Linux keeps keys in a Secret Service, this system doesn't")
    # Imported here, because what it needs is installed on Linux only.
    from tests.support.secret_service import missing, running_secret_service  # noqa: PLC0415

    lacking = missing()
    if lacking:
        pytest.skip(f"needs {' and '.join(lacking)}")
    with running_secret_service() as service:
        yield service
