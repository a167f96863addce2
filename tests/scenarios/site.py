"""A place where Kamado runs, as its clients see it: the `openstack` command, python-heatclient and plain REST."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from heatclient.client import Client as HeatClient
from keystoneauth1 import session
from keystoneauth1.identity import v3

BIN = Path(sys.executable).parent
SECONDS = 240


class CommandFailed(AssertionError):
    """An `openstack` command ended with an error; the text is what it printed."""


@dataclass
class Site:
    """``env``: the OS_* variables of a user; ``other``: those of a user of another project."""

    env: Mapping[str, str]
    other: Mapping[str, str]
    tidy: list[str] = field(default_factory=list)

    def openstack(self, *words: str) -> Any:
        """Run `openstack WORDS -f json`; what it printed, parsed."""
        done = self.run(*words, "-f", "json")
        return json.loads(done) if done.strip() else None

    def run(self, *words: str) -> str:
        """Run `openstack WORDS` as it is; its standard output. CommandFailed when it ends with an error."""
        done = subprocess.run(
            [BIN / "openstack", *words],
            env={**_clean(), **self.env},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise CommandFailed(done.stderr + done.stdout)
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run a command that must fail; what it said."""
        try:
            printed = self.run(*words)
        except CommandFailed as error:
            return str(error)
        raise AssertionError(f"openstack {' '.join(words)} went through: {printed}")

    @cached_property
    def keystone(self) -> session.Session:
        """A session of the user."""
        return _session(self.env)

    @cached_property
    def heat(self) -> Any:
        """python-heatclient for the user."""
        return HeatClient("1", session=self.keystone, region_name=self.env.get("OS_REGION_NAME"), connect_retries=5)

    @cached_property
    def url(self) -> str:
        """The orchestration endpoint of the user's project, from the catalog."""
        return str(self.keystone.get_endpoint(service_type="orchestration", interface="public")).rstrip("/")

    def rest(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One request as the user, redirects not followed; ``path`` begins after the project."""
        headers = {"X-Auth-Token": self.keystone.get_token(), "Accept": "application/json", **more.pop("headers", {})}
        return requests.request(
            method, self.url + path, json=body, headers=headers, allow_redirects=False, timeout=60, **more
        )

    def rest_as_other(self, method: str, path: str, body: Any = None) -> requests.Response:
        """The same request with the other project's token, on the other project's own endpoint."""
        token = self.other_keystone.get_token()
        url = str(self.other_keystone.get_endpoint(service_type="orchestration", interface="public")).rstrip("/")
        return requests.request(
            method, url + path, json=body, headers={"X-Auth-Token": token}, allow_redirects=False, timeout=60
        )

    @cached_property
    def other_keystone(self) -> session.Session:
        """A session of the other user."""
        return _session(self.other)

    def create(self, name: str, template: Any, **body: Any) -> str:
        """POST a stack; its id."""
        answer = self.rest(
            "POST", "/stacks", {"stack_name": name, "template": template, "disable_rollback": True, **body}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["stack"]["id"])

    def settled(self, name: str) -> dict[str, Any]:
        """The stack, once its operation is over."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            answer = self.rest("GET", f"/stacks/{name}", headers={})
            if answer.status_code == 302:
                answer = requests.get(
                    answer.headers["Location"], headers={"X-Auth-Token": self.keystone.get_token()}, timeout=60
                )
            assert answer.status_code == 200, answer.text
            stack: dict[str, Any] = answer.json()["stack"]
            if not stack["stack_status"].endswith("_IN_PROGRESS"):
                return stack
            time.sleep(0.1)
        raise AssertionError(f"{name} did not end within {SECONDS} s: {stack}")

    def gone(self, name: str) -> None:
        """Wait until no stack of that name is left."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.rest("GET", f"/stacks/{name}").status_code == 404:
                return
            time.sleep(0.1)
        raise AssertionError(f"{name} is still there after {SECONDS} s: {self.settled(name)}")


def user(auth_url: str, name: str, password: str, project: str | None = None) -> dict[str, str]:
    """The OS_* variables of a user of the domain Default."""
    return {
        "OS_AUTH_URL": auth_url,
        "OS_USERNAME": name,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": project or name,
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": "RegionOne",
    }


def _session(env: Mapping[str, str]) -> session.Session:
    return session.Session(
        v3.Password(
            env["OS_AUTH_URL"],
            username=env["OS_USERNAME"],
            password=env["OS_PASSWORD"],
            project_name=env["OS_PROJECT_NAME"],
            user_domain_id=env["OS_USER_DOMAIN_ID"],
            project_domain_id=env["OS_PROJECT_DOMAIN_ID"],
        )
    )


def _clean() -> dict[str, str]:
    """This process's environment without another cloud's variables."""
    return {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
