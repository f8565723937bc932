"""Stands in for the optional package of that name, so that FastMCP makes a page for each tool."""
