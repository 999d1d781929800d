"""People: what is held of one of them, and how all of it is erased."""
