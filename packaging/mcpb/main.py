"""Starts mcp-local inside the bundle's own environment."""

import sys

from mcp_local.__main__ import main

sys.exit(main())
