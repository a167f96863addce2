"""python-heatclient as a library, as programs use it."""

from __future__ import annotations

from tests.clients.conftest import Clients


def test_what_a_program_does_with_heatclient(clients: Clients) -> None:
    assert clients.run("heatclient_life.py").splitlines()[-1] == "done"
