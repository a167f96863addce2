"""Kamado from outside: a real `kamado up`, the real clients from PyPI. Nothing is replaced."""

from collections.abc import Iterator

import pytest
from tests.kamado_process import KamadoProcess
from tests.scenarios.site import Site


@pytest.fixture(scope="session")
def kamado(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KamadoProcess]:
    """One process for all tests of a worker; who kills it starts it again."""
    process = KamadoProcess(tmp_path_factory.mktemp("kamado") / "state").start()
    yield process
    process.stop()


@pytest.fixture
def site(kamado: KamadoProcess) -> Site:
    """It as user demo sees it."""
    return kamado.site()
