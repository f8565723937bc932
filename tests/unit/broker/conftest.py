"""What the tests of the broker share: an HTTPS server, and settings that trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.settings.model import Settings
from tests.support.site import Site, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.site import MakeSettings

TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An HTTPS server on localhost with nothing on it."""
    with serve(tmp_path) as site:
        yield site


@pytest.fixture
def make_settings(site: Site, home: Path) -> MakeSettings:
    """Return a maker of settings that trust the site."""

    def make(**changes: object) -> Settings:
        values: dict[str, object] = {
            "home": home,
            "config_file": home / "config.toml",
            "tenant": TENANT,
            "client_id": "22222222-3333-4444-5555-666666666666",
            "authority": f"{site.url}/{TENANT}",
            "ca_file": str(site.ca_file),
        }
        return Settings(**(values | changes))  # pyright: ignore[reportArgumentType]

    return make
