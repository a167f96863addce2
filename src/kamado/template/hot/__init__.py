"""Heat Orchestration Templates: sections, versions, parsing."""
