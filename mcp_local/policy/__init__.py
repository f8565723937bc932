"""Who may see and use what. Pure: only ``load`` reads files; time comes in with the request."""
