"""Imported by the interpreter that processes are forked from: all that a process of Kamado imports, so that it need not."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of eventlet, which comes along and is never used
    import oslo_messaging._drivers.impl_rabbit
    import oslo_messaging.rpc
    import psycopg
    import pymysql

    import kamado.assemble
    import kamado.cli.api
    import kamado.cli.engine
    import kamado.cli.main
    from kamado.plugin.registry import Registry
    from kamado.store import migrations

Registry.load(None)

__all__ = ["Registry", "kamado", "migrations", "oslo_messaging", "psycopg", "pymysql"]
