"""Every YAML file beside this one, played as one session."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.wire.exchange import Target, load, play

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_exchanges(path: Path, target: Target) -> None:
    exchanges = load(path)
    assert exchanges
    play(exchanges, target)
