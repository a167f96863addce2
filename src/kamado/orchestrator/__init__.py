"""Use cases: one function a request, called by both APIs; knows no HTTP, no SQL and no resource type."""
