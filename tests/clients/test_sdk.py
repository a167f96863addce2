"""openstacksdk and keystoneauth, as users have them."""

from __future__ import annotations

from tests.clients.conftest import Clients


def test_what_the_sdk_does_with_stacks_and_software(clients: Clients) -> None:
    assert clients.run("sdk_life.py").splitlines()[-1] == "done"
