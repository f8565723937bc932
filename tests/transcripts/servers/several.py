"""Two servers, neither of them named as usual."""

from fastmcp import FastMCP

red = FastMCP("red")
blue = FastMCP("blue")
