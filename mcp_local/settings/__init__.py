"""Settings: managed > flags > environment > file > defaults. Reads no token, prints nothing."""
