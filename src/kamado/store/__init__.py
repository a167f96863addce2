"""The only place that knows SQL: tables, migrations, one class a table family, and the group-commit journal."""
