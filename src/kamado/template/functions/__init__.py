"""Template functions, one file a function or a small family."""
