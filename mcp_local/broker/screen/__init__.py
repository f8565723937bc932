"""The person's screen: how it is found, and how a page is opened on it."""
