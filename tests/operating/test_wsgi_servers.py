"""The API under the WSGI servers that operators use, as processes of their own: gunicorn and uWSGI, and our own beside them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from tests.kamado_process import free_ports
from tests.wire.stand import issue

from kamado.localcloud.identity.seeding import SERVICE_PASSWORD
from kamado.localcloud.server import LocalCloud
from kamado.store import Store

KEY = "0123456789abcdef0123456789abcdef"
BIN = Path(sys.executable).parent
CONFIG = """
[DEFAULT]
auth_encryption_key = {key}
[database]
connection = sqlite:///{database}
[heat_api]
bind_host = 127.0.0.1
bind_port = {port}
[heat_api_cfn]
bind_host = 127.0.0.1
bind_port = 0
[keystone_authtoken]
auth_url = {auth_url}
username = heat
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
TEMPLATE = {"heat_template_version": "2018-08-31", "resources": {"r": {"type": "OS::Heat::TestResource"}}}


def command(server: str, port: int, config: Path) -> tuple[list[str], dict[str, str]]:
    """How the server is started, and what its environment has."""
    named = {"KAMADO_CONFIG_FILES": str(config)}
    if server == "gunicorn":
        words = [
            "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            "2",
            "--threads",
            "4",
            "kamado.wsgi:application",
        ]
        return words, named
    if server == "uwsgi":
        words = ["uwsgi", "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "2", "--threads", "4"]
        return [*words, "--module", "kamado.wsgi:application", "--die-on-term"], named
    return ["kamado", "--config-file", str(config), "api"], {}


@contextmanager
def running(server: str, port: int, config: Path, log: Path) -> Iterator[None]:
    import os

    words, named = command(server, port, config)
    with log.open("wb") as out:
        process = subprocess.Popen([BIN / words[0], *words[1:]], env={**os.environ, **named}, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 180
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/healthcheck", timeout=30)
                break
            except (requests.ConnectionError, requests.Timeout):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.parametrize("server", ["gunicorn", "uwsgi", "kamado"])
def test_a_server_serves_the_whole_api(tmp_path: Path, server: str) -> None:
    (port,) = free_ports(1)
    config, log, database = tmp_path / "kamado.conf", tmp_path / "log", tmp_path / "kamado.sqlite"
    Store.open(f"sqlite:///{database}", KEY).close()
    with LocalCloud(identity_port=0) as cloud:
        text = CONFIG.format(key=KEY, database=database, port=port, auth_url=cloud.auth_url, password=SERVICE_PASSWORD)
        config.write_text(text)
        token, project = issue(cloud.auth_url, "demo")
        with running(server, port, config, log):
            base, headers = f"http://127.0.0.1:{port}/v1/{project}", {"X-Auth-Token": token}
            made = requests.post(
                f"{base}/stacks", json={"stack_name": "one", "template": TEMPLATE}, headers=headers, timeout=60
            )
            assert made.status_code == 201, (made.text, log.read_text()[-3000:])
            assert made.headers["Location"].startswith(f"{base}/stacks/one/")
            listed = requests.get(f"{base}/stacks", headers=headers, timeout=60).json()["stacks"]
            assert [stack["stack_name"] for stack in listed] == ["one"]
            assert requests.get(f"{base}/stacks", timeout=60).status_code == 401
            assert (
                requests.get(f"{base}/stacks/one", headers=headers, allow_redirects=False, timeout=60).status_code
                == 302
            )
            quoted = requests.get(f"{base}/stacks/o%2Fe", headers=headers, allow_redirects=False, timeout=60)
            assert quoted.status_code == 404
            if server != "uwsgi":  # which gives bodies in chunks to nobody who reads wsgi.input
                # Chunked: without a length.
                body = iter([b'{"stack_name": "two", ', b'"template": {"heat_template_version": "2018-08-31"}}'])
                chunked = requests.post(f"{base}/stacks/preview", data=body, headers=headers, timeout=60)
                assert chunked.status_code == 200, (chunked.text, log.read_text()[-3000:])
            url = f"{made.headers['Location']}/events?follow=true"
            with requests.get(url, headers=headers, stream=True, timeout=60) as answer:
                assert next(answer.iter_lines(chunk_size=1)) == b"retry: 1000"
