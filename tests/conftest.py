"""What every suite may use."""

pytest_plugins = ["tests.databases", "tests.brokers"]
