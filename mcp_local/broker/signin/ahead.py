"""A look at the authority before the person is sent to its page.

The page is the browser's: what goes wrong there is never heard of here, and would be waited for
until the time limit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.http import Http, Timeouts
from mcp_local.broker.authority.metadata import Documents
from mcp_local.broker.authority.refusal import AuthorityDown

if TYPE_CHECKING:
    from mcp_local.broker.storage.store import Store
    from mcp_local.settings import Settings

_LIMITS: Final = Timeouts(connect=5.0, read=10.0, total=10.0)


def check_within_reach(settings: Settings, store: Store) -> None:
    """Ask for the authority's document anew, since a kept one says nothing of the network.

    Raises:
        Unreachable: no connection, no trust, no answer in time.
        SettingsError: ``ca_file`` can't be used.
    """
    http = Http(settings, _LIMITS)
    try:
        http.get(Documents(http, settings.authority, store, time.time).v2_url)
    except AuthorityDown:
        pass  # it answers; the next moment, or its page, may be better
    finally:
        http.close()
