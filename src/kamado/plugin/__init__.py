"""The public API that resource types are written in, own and third-party alike, and the registry."""
