"""What is told over the bus of stacks and of groups that are resized, held to what a real Heat told in the same stories."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.kamado_process import KamadoProcess
from tests.messaging.noticed import RECORDED, STORIES, Notices, recorded
from tests.real.comparison import Account, differences


@pytest.fixture
def notices(tmp_path: Path, broker_url: str) -> Notices:
    """Of `kamado up` with a driver."""
    config = tmp_path / "kamado.conf"
    config.write_text(
        f"[DEFAULT]\ntransport_url = {broker_url}\nenable_stack_adopt = true\nenable_stack_abandon = true\n"
        "[oslo_messaging_notifications]\ndriver = messagingv2\n"
    )
    process = KamadoProcess(tmp_path / "state", config_file=config).start()
    try:
        return recorded(Account.make(process.auth_url, "demo", "demo", "demo", None), broker_url, "told1", STORIES)
    finally:
        process.stop()


DIFFERS: Mapping[str, str] = {
    "NAME-back* > payload > description": "the stack that is taken back; Heat has gone back to an empty template by then",
    "NAME-back* > payload > updated_at": "a creation that is taken back is no update",
    "NAME-handed* > payload > updated_at": "an adoption is no update either",
    "NAME-life* > payload > tags": "a stack keeps its tags when it goes back to a snapshot; in Heat it loses them",
    "NAME-scales* > payload > user*": "whoever the stack belongs to; Heat names nobody once a signal is carried out",
}
"""Places that are other than in Heat → why; `docs/compatibility.md` has them."""


def test_what_is_told_is_what_heat_tells(notices: Notices) -> None:
    heat = json.loads(RECORDED.read_text(encoding="utf-8"))
    found = [
        f"{where}\n    Heat:   {theirs!r}\n    Kamado: {ours!r}"
        for where, theirs, ours in differences(heat, notices)
        if not any(fnmatch.fnmatchcase(where, pattern.replace("[", "[[]")) for pattern in DIFFERS)
    ]
    assert not found, "\n" + "\n".join(found)
