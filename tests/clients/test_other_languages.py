"""Clients in other languages, from Debian's packages: Ruby's fog, and gophercloud, which is below Terraform's provider.

A language that is not installed is left out, which the run says; with CI=true it must be there.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.clients.conftest import SCRIPTS, Clients

GO_LIBRARIES = Path("/usr/share/gocode")  # where Debian puts the sources of Go's packages
GO = {"GO111MODULE": "off", "GOPATH": str(GO_LIBRARIES)}


def _wanted(package: str, probe: list[str | Path]) -> None:
    try:
        there = subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode == 0
    except FileNotFoundError:
        there = False
    if not there and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: Debian's {package}")
    assert there, f"not installed: Debian's {package}"


def test_what_fog_does_with_stacks(clients: Clients) -> None:
    _wanted("ruby-fog-openstack", ["ruby", "-e", "require 'fog/openstack'"])
    assert clients.execute(["ruby", SCRIPTS / "fog_life.rb"]).splitlines()[-1] == "done"


def test_what_gophercloud_does_with_stacks(clients: Clients, tmp_path: Path) -> None:
    _wanted("golang-go", ["go", "version"])
    _wanted(
        "golang-github-gophercloud-gophercloud-dev", ["ls", GO_LIBRARIES / "src/github.com/gophercloud/gophercloud"]
    )
    program = tmp_path / "life"
    words = ["go", "build", "-o", program, SCRIPTS / "gophercloud_life.go"]
    built = subprocess.run(words, env={**os.environ, **GO}, capture_output=True, text=True, timeout=280, check=False)
    assert built.returncode == 0, built.stderr
    assert clients.execute([program]).splitlines()[-1] == "done"
