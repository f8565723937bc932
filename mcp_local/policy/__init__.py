"""Who may see and use what. Pure: no file is watched, no clock read, nothing printed."""
