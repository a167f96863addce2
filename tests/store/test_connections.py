"""Connections that are kept between two uses."""

from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from kamado.store.connections import Connections


def test_one_that_has_ended_meanwhile_does_not_keep_the_others_from_being_closed(tmp_path: Path) -> None:
    connections = Connections(create_engine(f"sqlite:///{tmp_path / 'kept.sqlite'}"))

    def used_and_lost(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        lost = connection.connection.driver_connection
        assert lost is not None
        lost.close()

    connections.run(used_and_lost)
    connections.close()
    assert connections.run(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    connections.close()
