"""Alembic migrations; `kamado db sync` and `kamado up` run them."""
