"""A folder for the databases of simulations, and the seed from which samples are drawn."""

import os
import random
from pathlib import Path

import pytest

SEED = int(os.environ.get("KAMADO_SIMULATION_SEED") or random.SystemRandom().randrange(10**6))
"""A new one each time, shown in the header of the run; KAMADO_SIMULATION_SEED repeats one."""


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("KAMADO_SIMULATION_SEED", str(SEED))  # for pytest-xdist's workers


def pytest_report_header() -> str:
    return f"simulation: KAMADO_SIMULATION_SEED={SEED}"


@pytest.fixture(scope="session")
def seed() -> int:
    return SEED


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulation")
