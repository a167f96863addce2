"""Heat's import names for old plugins."""
