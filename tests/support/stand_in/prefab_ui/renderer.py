"""The two functions that FastMCP asks for when it makes a tool's page."""


def get_renderer_csp() -> dict[str, object]:
    """Return no content security policy."""
    return {}


def get_renderer_html() -> str:
    """Return an empty page."""
    return "<html></html>"
