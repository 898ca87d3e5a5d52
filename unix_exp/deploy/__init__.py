"""A student outside of this package: exported, checked, and used from its file alone."""
