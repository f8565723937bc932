"""FastMCP's own proxy in front of the server of the benchmark: ``proxy.py SERVER.py``."""

from __future__ import annotations

import os
import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy

transport = StdioTransport(sys.executable, sys.argv[1:], env=dict(os.environ))
create_proxy(transport, name="proxy").run(show_banner=False)
