"""[keystone_authtoken] as operators write it: with a password, an application credential, another section, options of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from tests.wire.stand import Stand, issue

from kamado.localcloud.identity.seeding import SERVICE_PASSWORD
from kamado.localcloud.server import LocalCloud
from kamado.settings import SettingsError, load

BASE = """
[DEFAULT]
auth_encryption_key = 0123456789abcdef0123456789abcdef
[database]
connection = sqlite:////nowhere/kamado.sqlite
[trustee]
auth_url = {auth_url}
username = heat
password = {password}
user_domain_name = Default
"""


def application_credential(auth_url: str) -> tuple[str, str]:
    """Id and secret of one of the service user's."""
    user = {"name": "heat", "password": SERVICE_PASSWORD, "domain": {"id": "default"}}
    scope = {"project": {"name": "service", "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    got = requests.post(f"{auth_url}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}, timeout=30)
    made = requests.post(
        f"{auth_url}/users/{got.json()['token']['user']['id']}/application_credentials",
        json={"application_credential": {"name": "kamado"}},
        headers={"X-Auth-Token": got.headers["X-Subject-Token"]},
        timeout=30,
    )
    assert made.status_code == 201, made.text
    found = made.json()["application_credential"]
    return found["id"], found["secret"]


def load_with(path: Path, auth_url: str, section: str) -> dict[str, object]:
    path.write_text(BASE.format(auth_url=auth_url, password=SERVICE_PASSWORD) + section)
    return dict(load([str(path)]).api.tokens())


@pytest.mark.parametrize("way", ["password", "application credential", "another section"])
def test_tokens_are_checked_by_whoever_the_section_names(tmp_path: Path, way: str) -> None:
    with LocalCloud(identity_port=0) as cloud:
        auth_url = cloud.auth_url
        key, secret = application_credential(auth_url)
        credential = (
            f"auth_type = v3applicationcredential\nauth_url = {auth_url}\n"
            f"application_credential_id = {key}\napplication_credential_secret = {secret}\n"
        )
        password = (
            f"auth_url = {auth_url}\nusername = heat\npassword = {SERVICE_PASSWORD}\nproject_name = service\n"
            "user_domain_name = Default\nproject_domain_name = Default\n"
        )
        sections = {
            "password": f"[keystone_authtoken]\n{password}",
            "application credential": f"[keystone_authtoken]\n{credential}",
            "another section": f"[keystone_authtoken]\nauth_section = us\n[us]\n{credential}",
        }
        tokens = load_with(tmp_path / "kamado.conf", auth_url, sections[way])
        stand = Stand(tmp_path, cloud, working=False, tokens=tokens)
        try:
            assert stand.ask("GET", "/stacks").json() == {"stacks": []}
            assert stand.ask("GET", "/stacks", X_Auth_Token="wrong").status_code == 401
            assert issue(auth_url, "demo")
        finally:
            stand.close()


def test_what_the_section_says_wins_over_other_sections(tmp_path: Path) -> None:
    clients = "[clients]\nendpoint_type = internalURL\ninsecure = true\n"
    user = "[keystone_authtoken]\nauth_url = http://k/v3\nusername = u\npassword = p\n"
    tokens = load_with(tmp_path / "one.conf", "http://k/v3", clients + user)
    assert (tokens["interface"], tokens["insecure"]) == ("internal", True)
    tokens = load_with(tmp_path / "two.conf", "http://k/v3", clients + user + "interface = admin\n")
    assert "interface" not in tokens


def test_another_way_needs_a_trustee(tmp_path: Path) -> None:
    path = tmp_path / "kamado.conf"
    path.write_text(BASE.split("[trustee]")[0] + "[keystone_authtoken]\nauth_type = v3applicationcredential\n")
    with pytest.raises(SettingsError, match=r"\[trustee\]"):
        load([str(path)])
