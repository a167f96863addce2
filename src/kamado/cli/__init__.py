"""The `kamado` command: one file a subcommand; everything heavy is imported inside the command that needs it."""
