"""A folder for ``PYTHONPATH``: a stand-in for the account broker's package."""
