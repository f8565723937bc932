"""A server that needs a package which isn't there."""

import not_there_at_all as there  # pyright: ignore[reportMissingImports]

mcp = there.server()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
