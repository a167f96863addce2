"""The REST API v1 of Heat: one table of routes, one module a noun, one table from errors to statuses."""
