"""FastMCP's own proxy in front of a remote server: ``proxy_http.py URL``."""

from __future__ import annotations

import sys

from fastmcp.server import create_proxy

create_proxy(sys.argv[1], name="proxy").run(show_banner=False)
