"""The clients on this desktop: their configurations, and this program's place in them."""
