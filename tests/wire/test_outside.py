"""Templates behind URLs and files in containers: only where allowed, only so large, and never from where they must not be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.wire.stand import Stand
from tests.wire.web import Page, Web

from kamado.api.fetching import FetchError, FetchSettings, fetch
from kamado.api.limits import ApiSettings
from kamado.localcloud.server import SERVICES, LocalCloud

TEMPLATE = {"heat_template_version": "2018-08-31", "resources": {"r": {"type": "OS::Heat::TestResource"}}}
HERE = FetchSettings(("127.0.0.1",), 5.0)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as running:
        running.pages["/t.yaml"] = Page(json.dumps(TEMPLATE).encode())
        running.pages["/moved"] = Page(status="302 Found", headers={"Location": "/t.yaml"})
        running.pages["/binary"] = Page(b"\xff\xfe")
        yield running


@pytest.fixture(scope="module")
def reading(cloud: LocalCloud, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A Kamado that fetches from this machine, in a cloud with an object store."""
    made = Stand(
        tmp_path_factory.mktemp("reading"),
        cloud,
        api=ApiSettings(fetch=HERE, max_json_body_size=3000),
        working=False,
        endpoints={"object-store": f"{web.url}/v1/AUTH_x"},
    )
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Stand]:
    """A Kamado in a cloud without an object store."""
    services = [service for service in SERVICES if service.name != "objectstore"]
    with LocalCloud(identity_port=0, services=services) as cloud:
        made = Stand(tmp_path, cloud, working=False)
        yield made
        made.close()


def refusal(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["type"], answer.json()["error"]["message"]


def test_a_template_is_fetched_from_an_allowed_host(reading: Stand, web: Web) -> None:
    answer = reading.ask("POST", "/stacks", {"stack_name": "fetched", "template_url": f"{web.url}/t.yaml"})
    assert answer.status_code == 201, answer.text
    shown = reading.ask("GET", f"/stacks/fetched/{answer.json()['stack']['id']}/template").json()
    assert shown == TEMPLATE
    assert "HTTP_X_AUTH_TOKEN" not in web.asked[-1]


def test_nothing_is_fetched_unless_the_operator_says_from_where(stand: Stand, web: Web) -> None:
    answer = stand.ask("POST", "/validate", {"template_url": f"{web.url}/t.yaml"})
    text = "Could not retrieve template: fetching by URL is not enabled on this server; send the template itself"
    assert refusal(answer) == (400, "HTTPBadRequest", text)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/moved", "answered 302"), ("/none", "answered 404"), ("/binary", "is no text")],
)
def test_what_is_no_template_is_refused(reading: Stand, web: Web, path: str, message: str) -> None:
    answer = reading.ask("POST", "/validate", {"template_url": web.url + path})
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "scheme file"),
        ("http://user:word@127.0.0.1/t", "Invalid URL"),
        ("http://127.0.0.1:99999/t", "Invalid URL"),
        ("http:///t", "Invalid URL"),
        ("http://127.0.0.1/t\r\nX: y", "Invalid URL"),
        ("http://other.example/t", "other.example is not a host"),
        ("http://127.0.0.1.evil.example/t", "is not a host"),
        ("http://127.0.0.1:1/t", "did not answer"),
    ],
)
def test_urls_that_lead_elsewhere_are_refused(url: str, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        fetch(url, HERE, 1000)


def test_an_allowed_name_may_not_lead_to_this_machine(web: Web) -> None:
    with pytest.raises(FetchError, match="leads to an address"):
        fetch(f"http://localhost:{web.port}/t.yaml", FetchSettings(("localhost",)), 1000)
    by_both = FetchSettings(("localhost", "127.0.0.1", "::1"), 5.0)
    assert json.loads(fetch(f"http://localhost:{web.port}/t.yaml", by_both, 1000)) == TEMPLATE
    assert web.asked[-1]["HTTP_HOST"] == f"localhost:{web.port}"


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "2130706433", "0"])
def test_neither_the_metadata_service_nor_this_machine_is_asked_under_another_spelling(spelling: str) -> None:
    with pytest.raises(FetchError, match="leads to an address"):
        fetch(f"http://{spelling}/latest", FetchSettings((spelling,), 5.0), 10)


def test_more_than_a_template_may_have_is_not_read(web: Web) -> None:
    with pytest.raises(FetchError, match=r"maximum allowed size \(20 bytes\)"):
        fetch(f"{web.url}/t.yaml", HERE, 20)


def test_files_of_a_container_stand_beside_those_that_were_sent(reading: Stand, web: Web) -> None:
    web.put("mine", "own.yaml", json.dumps(TEMPLATE).encode())
    web.put("mine", "env.yaml", b"parameters: {a: b}")
    uses = {
        "heat_template_version": "2018-08-31",
        "parameters": {"a": {"type": "string"}},
        "outputs": {
            "one": {"value": {"get_file": "own.yaml"}},
            "two": {"value": {"get_file": "sent.txt"}},
            "three": {"value": {"get_param": "a"}},
        },
    }
    body = {
        "stack_name": "container",
        "template": uses,
        "files": {"sent.txt": "sent"},
        "files_container": "mine",
        "environment_files": ["env.yaml"],
    }
    answer = reading.ask("POST", "/stacks", body)
    assert answer.status_code == 201, answer.text
    at = f"/stacks/container/{answer.json()['stack']['id']}"
    files = reading.ask("GET", f"{at}/files").json()
    assert {"own.yaml": json.dumps(TEMPLATE), "sent.txt": "sent"}.items() <= files.items()
    assert reading.ask("GET", f"{at}/outputs/three").json()["output"]["output_value"] == "b"
    assert web.asked[-1]["HTTP_X_AUTH_TOKEN"] == reading.token("demo")[0]


def test_containers_that_cannot_be_read_are_refused(reading: Stand, bare: Stand, web: Web) -> None:
    def asked(of: Stand, container: Any) -> tuple[int, str, str]:
        return refusal(of.ask("POST", "/validate", {"template": TEMPLATE, "files_container": container}))

    assert asked(bare, "mine") == (400, "NotSupported", "Reading files from an object container is not supported.")
    assert asked(reading, "none") == (404, "NotFound", "The object container (none) could not be found.")
    assert asked(reading, 1) == (400, "HTTPBadRequest", "files_container: expected text")
    web.put("large", "a", b"x" * 2000)
    web.put("large", "b", b"x" * 2000)
    assert asked(reading, "large")[:2] == (400, "RequestLimitExceeded")
    web.put("binary", "a", b"\xff")
    assert asked(reading, "binary") == (400, "HTTPBadRequest", "files_container: a is no text")


def deployed(stand: Stand, signal_id: str) -> str:
    inputs = [
        {"name": "deploy_signal_transport", "value": "TEMP_URL_SIGNAL"},
        {"name": "deploy_signal_id", "value": signal_id},
    ]
    outputs = [{"name": "result"}, {"name": "trouble", "error_output": True}]
    config = stand.ask("POST", "/software_configs", {"inputs": inputs, "outputs": outputs}).json()["software_config"]
    body = {"config_id": config["id"], "server_id": "s", "status": "IN_PROGRESS"}
    made: str = stand.ask("POST", "/software_deployments", body).json()["software_deployment"]["id"]
    return made


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        ({"result": 1}, "COMPLETE", "Outputs received"),
        ({"result": 1, "deploy_status_code": 0}, "COMPLETE", "Outputs received"),
        (
            {"deploy_status_code": 3, "deploy_stderr": "oh"},
            "FAILED",
            "deploy_status_code : Deployment exited with non-zero status code: 3",
        ),
        ({"trouble": "bad"}, "FAILED", "trouble : bad"),
    ],
)
def test_what_a_server_left_in_the_object_store_is_taken_in(
    reading: Stand, web: Web, sent: dict[str, Any], status: str, reason: str
) -> None:
    web.put("signals", "one", b"")
    key = deployed(reading, f"{web.url}/v1/AUTH_x/signals/one?temp_url_sig=x")
    path = f"/software_deployments/{key}"
    assert reading.ask("GET", path).json()["software_deployment"]["status"] == "IN_PROGRESS"
    web.put("signals", "one", json.dumps(sent).encode())
    shown = reading.ask("GET", path).json()["software_deployment"]
    assert (shown["status"], shown["status_reason"]) == (status, reason)
    always = {"deploy_stdout": None, "deploy_stderr": None, "deploy_status_code": None}
    assert shown["output_values"] == {**always, **sent}


def test_an_old_signal_is_none(reading: Stand, web: Web) -> None:
    web.put("signals", "old", b'{"result": 1}', modified=datetime.now(UTC) - timedelta(hours=1))
    path = f"/software_deployments/{deployed(reading, f'{web.url}/v1/AUTH_x/signals/old')}"
    reading.ask("PUT", path, {"action": "UPDATE"})
    assert reading.ask("GET", path).json()["software_deployment"]["status"] == "IN_PROGRESS"


def test_settings_name_the_hosts_that_are_gone_to(tmp_path: Path) -> None:
    from kamado.settings import load

    path = tmp_path / "kamado.conf"
    path.write_text(
        "[DEFAULT]\ntemplate_fetch_timeout = 3\n[kamado]\ntemplate_fetch_hosts = a.example,*.b.example\nremote_cloud_hosts = c.example\n"
    )
    user = {"auth_url": "http://k", "username": "u", "password": "p"}
    overrides = {
        ("database", "connection"): "sqlite:////x",
        ("DEFAULT", "auth_encryption_key"): "k" * 32,
        **{("keystone_authtoken", name): value for name, value in user.items()},
    }
    settings = load([str(path)], overrides)
    assert settings.api.limits.fetch == FetchSettings(("a.example", "*.b.example"), 3.0)
    assert settings.cloud.remote_hosts == ("c.example",)
