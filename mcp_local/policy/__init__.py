"""Who may see and use what. Pure but for `load`: no file watched, no clock asked, nothing printed."""
