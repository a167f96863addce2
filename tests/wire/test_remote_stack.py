"""Stacks of another region or cloud: two Kamados, each with a database and an engine of its own, in the catalog of one Keystone."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud

FAR, LOSSY, SECURED = "RegionTwo", "Lossy", "Secured"
"""Three ways to the second Kamado, as regions of the catalog."""
INNER = {
    "heat_template_version": "2018-08-31",
    "parameters": {"length": {"type": "number"}, "fail": {"type": "boolean", "default": False}},
    "resources": {
        "text": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}},
        "test": {"type": "OS::Heat::TestResource", "properties": {"fail": {"get_param": "fail"}}},
        "nested": {"type": "inner.yaml"},
    },
    "outputs": {"text": {"value": {"get_attr": ["text", "value"]}}, "fixed": {"value": {"get_attr": ["nested", "word"]}}},
}  # fmt: skip
NESTED = {"heat_template_version": "2018-08-31", "outputs": {"word": {"value": "from a file"}}}


class Forgetful(ThreadingHTTPServer):
    """Passes requests on to a Kamado; closes the connection instead of answering the first POST once it is to `forget`."""

    daemon_threads = True

    def __init__(self, behind: str, tls: ssl.SSLContext | None = None) -> None:
        self.behind, self.forget, self.forgot = behind, False, 0
        super().__init__(("127.0.0.1", 0), _Passing)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Passing(BaseHTTPRequestHandler):
    server: Forgetful

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
        }
        url = f"{self.server.behind}{self.path}"
        answer = requests.request(self.command, url, data=body, headers=headers, allow_redirects=False, timeout=30)
        if self.command == "POST" and self.server.forget:
            self.server.forget = False
            self.server.forgot += 1
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class Authority:
    """Who certifies servers; ``pem``: its own certificate."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        own = self._signed(self._name, self._key.public_key()).add_extension(constraints, critical=True)
        self.pem = own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def certificate_of(self, address: str, path: Path) -> Path:
        """A file with the key and the certificate of the server at an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = self._signed(name, key.public_key()).add_extension(where, critical=False)
        plain = serialization.NoEncryption()
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
            + made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        return path

    def _signed(self, name: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().issuer_name(self._name).subject_name(name).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        return made.not_valid_after(now + timedelta(days=1))


@pytest.fixture(scope="module")
def wire(far: Stand) -> Iterator[Forgetful]:
    with Forgetful(far.endpoint) as made:
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the one that is trusted")


@pytest.fixture(scope="module")
def secured(
    far: Stand, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ThreadingHTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_of("127.0.0.1", tmp_path_factory.mktemp("tls") / "server.pem"))
    with Forgetful(far.endpoint, context) as made:
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def far(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("far"), own_cloud)
    yield made
    made.close()


@pytest.fixture(scope="module")
def near(
    own_cloud: LocalCloud,
    far: Stand,
    wire: Forgetful,
    secured: Forgetful,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("near"), own_cloud)
    made.enter_catalog(own_cloud)
    headers = {"X-Auth-Token": made.token("admin")[0]}

    def make(kind: str, body: dict[str, Any]) -> Any:
        answer = requests.post(f"{own_cloud.auth_url}/{kind}s", json={kind: body}, headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text
        return answer.json()[kind]

    found = requests.get(
        f"{own_cloud.auth_url}/services", params={"type": "orchestration"}, headers=headers, timeout=30
    )
    service = found.json()["services"][0]["id"]
    ways = {
        FAR: far.endpoint,
        LOSSY: f"http://127.0.0.1:{wire.server_port}",
        SECURED: f"https://127.0.0.1:{secured.server_port}",
    }
    for region, base in ways.items():
        make("region", {"id": region})
        url = f"{base}/v1/%(project_id)s"
        make("endpoint", {"interface": "public", "region_id": region, "service_id": service, "url": url})
    yield made
    made.close()


def outer(
    inner: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **properties: Any
) -> dict[str, Any]:
    given = {
        "context": context or {"region_name": FAR},
        "template": json.dumps(inner or INNER),
        "parameters": {"length": 7},
        **properties,
    }
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"remote": {"type": "OS::Heat::Stack", "properties": given}},
        "outputs": {
            "name": {"value": {"get_attr": ["remote", "stack_name"]}},
            "text": {"value": {"get_attr": ["remote", "outputs", "text"]}},
            "outputs": {"value": {"get_attr": ["remote", "outputs"]}},
            "id": {"value": {"get_resource": "remote"}},
        },
    }


def begin(near: Stand, name: str, template: dict[str, Any]) -> str:
    files = {"inner.yaml": json.dumps(NESTED)}
    body = {"stack_name": name, "template": template, "files": files}
    answer = near.ask("POST", "/stacks", body)
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def change(near: Stand, path: str, template: dict[str, Any]) -> dict[str, Any]:
    body = {"template": template, "files": {"inner.yaml": json.dumps(NESTED)}}
    answer = near.ask("PUT", path, body)
    assert answer.status_code == 202, answer.text
    return near.settled(path, 60)


def output(near: Stand, path: str, name: str) -> Any:
    return near.ask("GET", f"{path}/outputs/{name}").json()["output"].get("output_value")


def there(far: Stand, stack_id: str) -> dict[str, Any] | None:
    """The stack in the other region, None when it is gone."""
    for stack in far.ask("GET", "/stacks").json()["stacks"]:
        if stack["id"] == stack_id:
            return dict(stack)
    return None


def soon(look: Callable[[], Any]) -> Any:
    for _ in range(1500):
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def gone(near: Stand, path: str) -> None:
    assert near.ask("DELETE", path).status_code == 204
    soon(
        lambda: (
            (near.ask("GET", path).json().get("stack") or {}).get("stack_status", "DELETE_COMPLETE")
            == "DELETE_COMPLETE"
        )
    )


def test_a_stack_in_another_region_lives_and_dies_with_its_resource(near: Stand, far: Stand) -> None:
    path = begin(near, "life", outer(timeout=5))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    key = output(near, path, "id")
    found = there(far, key)
    assert found is not None
    assert found["stack_status"] == "CREATE_COMPLETE"
    assert output(near, path, "name") == found["stack_name"]
    assert found["stack_name"].startswith("life-remote-")
    assert len(output(near, path, "text")) == 7
    assert output(near, path, "outputs")["fixed"] == "from a file"
    shown = far.ask("GET", f"/stacks/{found['stack_name']}/{key}").json()["stack"]
    assert shown["timeout_mins"] == 5
    assert shown["disable_rollback"] is True

    changed = change(near, path, outer(parameters={"length": 9}))
    assert changed["stack_status"] == "UPDATE_COMPLETE", changed["stack_status_reason"]
    assert output(near, path, "id") == key
    assert len(output(near, path, "text")) == 9

    for action in ("suspend", "resume", "check"):
        assert near.ask("POST", f"{path}/actions", {action: None}).status_code in (200, 201)
        assert near.settled(path, 60)["stack_status"] == f"{action.upper()}_COMPLETE"
        assert there(far, key)["stack_status"] == f"{action.upper()}_COMPLETE"  # type: ignore[index]
    gone(near, path)
    assert there(far, key) is None


def test_the_least_that_can_be_said_of_a_stack_in_our_own_region(near: Stand) -> None:
    inner = {"heat_template_version": "2018-08-31", "outputs": {"word": {"value": "least"}}}
    template = outer()
    template["resources"]["remote"]["properties"] = {"template": json.dumps(inner)}
    template["outputs"] = {name: template["outputs"][name] for name in ("id", "outputs")}
    path = begin(near, "least", template)
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    key = output(near, path, "id")
    assert output(near, path, "outputs") == {"word": "least"}
    assert there(near, key) is not None
    gone(near, path)
    assert there(near, key) is None


def test_each_property_of_a_stack_there_is_changed_there_and_back(near: Stand, far: Stand) -> None:
    path = begin(near, "each", outer(timeout=5))
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    key = output(near, path, "id")
    name = output(near, path, "name")

    def seen() -> tuple[Any, ...]:
        shown = far.ask("GET", f"/stacks/{name}/{key}").json()["stack"]
        return shown["parameters"]["length"], shown["timeout_mins"], shown["description"]

    before = ("7", 5, "No description")
    assert seen() == before
    described = {**INNER, "description": "another"}
    for changed, wanted in (
        (outer(timeout=5, parameters={"length": 9}), ("9", 5, "No description")),
        (outer(timeout=7), ("7", 7, "No description")),
        (outer(described, timeout=5), ("7", 5, "another")),
    ):
        for template, expected in ((changed, wanted), (outer(timeout=5), before)):
            stack = change(near, path, template)
            assert stack["stack_status"] == "UPDATE_COMPLETE", stack["stack_status_reason"]
            assert seen() == expected
            assert output(near, path, "id") == key, "in place"
    gone(near, path)
    assert there(far, key) is None


def test_a_stack_that_is_gone_there_before_is_no_hindrance(near: Stand, far: Stand) -> None:
    path = begin(near, "gone-before", outer())
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    key, name = output(near, path, "id"), output(near, path, "name")
    assert far.ask("DELETE", f"/stacks/{name}/{key}").status_code == 204
    soon(lambda: there(far, key) is None)
    gone(near, path)


def test_a_failure_there_is_told_here_and_mended_by_an_update(near: Stand, far: Stand) -> None:
    path = begin(near, "failing", outer(parameters={"length": 7, "fail": True}))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_FAILED"
    words = 'Resource CREATE failed: ResourceInError: resources.remote: Went to status CREATE_FAILED due to "Resource CREATE failed: '
    assert stack["stack_status_reason"].startswith(words)
    assert "Test Resource failed test" in stack["stack_status_reason"]
    key = near.ask("GET", f"{path}/resources/remote").json()["resource"]["physical_resource_id"]
    assert change(near, path, outer())["stack_status"] == "UPDATE_COMPLETE"
    assert output(near, path, "id") == key
    gone(near, path)
    assert there(far, key) is None


def test_what_is_refused_there_is_refused_here(near: Stand) -> None:
    path = begin(near, "refused", outer(parameters={}))
    reason = near.settled(path, 60)["stack_status_reason"]
    assert "The Parameter (length) was not provided." in reason
    gone(near, path)


def test_a_region_without_orchestration_is_named(near: Stand) -> None:
    path = begin(near, "nowhere", outer(context={"region_name": "Nowhere"}))
    reason = near.settled(path, 60)["stack_status_reason"]
    assert "no orchestration endpoint in the catalog of the cloud" in reason
    gone(near, path)


def test_another_region_means_another_stack(near: Stand, far: Stand) -> None:
    path = begin(near, "moving", outer())
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    key = output(near, path, "id")
    template = outer(context={"region_name": "RegionOne"})
    assert change(near, path, template)["stack_status"] == "UPDATE_COMPLETE"
    moved = output(near, path, "id")
    assert moved != key
    assert there(far, key) is None
    assert there(near, moved) is not None
    gone(near, path)


def test_a_snapshot_brings_template_and_parameters_back(near: Stand, far: Stand) -> None:
    path = begin(near, "snapped", outer())
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    before, key = output(near, path, "text"), output(near, path, "id")
    made = near.ask("POST", f"{path}/snapshots", {"name": "one"}).json()
    assert near.settled(path, 60)["stack_status"] == "SNAPSHOT_COMPLETE"
    where = f"/stacks/{there(far, key)['stack_name']}/{key}/snapshots"  # type: ignore[index]
    assert len(far.ask("GET", where).json()["snapshots"]) == 1
    assert change(near, path, outer(parameters={"length": 9}))["stack_status"] == "UPDATE_COMPLETE"
    assert near.ask("POST", f"{path}/snapshots/{made['id']}/restore").status_code == 202
    assert near.settled(path, 60)["stack_status"] == "RESTORE_COMPLETE"
    assert len(output(near, path, "text")) == len(before)
    assert near.ask("DELETE", f"{path}/snapshots/{made['id']}").status_code == 204
    soon(lambda: far.ask("GET", where).json()["snapshots"] == [])
    gone(near, path)


def test_the_credential_of_another_cloud_is_kept_as_a_secret(near: Stand, far: Stand, own_cloud: LocalCloud) -> None:
    project = near.token("alt_demo")[1]
    domain = {"user_domain_id": "default", "project_domain_id": "default"}
    auth = {
        "auth_url": own_cloud.auth_url,
        "username": "alt_demo",
        "password": "alt_demo",
        "project_id": project,
        **domain,
    }
    del auth["project_domain_id"]
    payload = json.dumps({"auth_type": "password", "auth": auth})
    secrets = f"{own_cloud.urls['keymanager']}/v1/secrets"
    headers = {"X-Auth-Token": near.token("demo")[0]}
    body = {"name": "credential", "payload": payload, "payload_content_type": "text/plain"}
    ref = requests.post(secrets, json=body, headers=headers, timeout=30).json()["secret_ref"]
    context = {"region_name": FAR, "credential_secret_id": ref.rpartition("/")[2]}
    path = begin(near, "foreign", outer(context=context))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    key = output(near, path, "id")
    assert there(far, key) is None  # it is not demo's
    theirs = far.ask("GET", "/stacks", user="alt_demo").json()["stacks"]
    assert [each["id"] for each in theirs] == [key]
    everything = json.dumps(
        [near.ask("GET", f"{path}{part}").json() for part in ("", "/resources", "/events", "/template")]
    )
    assert '"alt_demo"' not in everything
    gone(near, path)
    assert far.ask("GET", "/stacks", user="alt_demo").json()["stacks"] == []


@pytest.mark.parametrize(
    "payload", ["no json", "[1]", '{"auth_type": "nothing", "auth": {}}', '{"auth": {"nothing": 1}}']
)
def test_a_secret_that_is_no_credential_is_told_without_its_content(
    near: Stand, own_cloud: LocalCloud, payload: str
) -> None:
    body = {"payload": payload, "payload_content_type": "text/plain"}
    headers = {"X-Auth-Token": near.token("demo")[0]}
    ref = requests.post(f"{own_cloud.urls['keymanager']}/v1/secrets", json=body, headers=headers, timeout=30)
    context = {"region_name": FAR, "credential_secret_id": ref.json()["secret_ref"]}
    path = begin(near, f"secret-{abs(hash(payload))}", outer(context=context))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_FAILED"
    assert "credential" in stack["stack_status_reason"]
    assert "no json" not in stack["stack_status_reason"]
    gone(near, path)


def test_a_stack_that_is_there_can_be_taken_from_outside(near: Stand, far: Stand) -> None:
    body = {"stack_name": "already there", "template": NESTED}
    body["stack_name"] = "already-there"
    key = far.ask("POST", "/stacks", body).json()["stack"]["id"]
    template = outer()
    template["resources"]["remote"]["external_id"] = key
    path = begin(near, "outside", template)
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    assert output(near, path, "name") == "already-there"
    gone(near, path)
    assert there(far, key) is not None
    assert far.ask("DELETE", f"/stacks/already-there/{key}").status_code == 204


def test_a_stack_whose_creation_got_no_answer_is_taken_over(near: Stand, far: Stand, wire: Forgetful) -> None:
    wire.forget = True
    path = begin(near, "unanswered", outer(context={"region_name": LOSSY}))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    assert wire.forgot == 1
    made = [each for each in far.ask("GET", "/stacks").json()["stacks"] if each["stack_name"].startswith("unanswered-")]
    assert [each["id"] for each in made] == [output(near, path, "id")]
    gone(near, path)
    assert there(far, made[0]["id"]) is None


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_service_is_trusted_by_the_certificates_that_the_context_gives(near: Stand, authority: Authority) -> None:
    good = outer(context={"region_name": SECURED, "ca_cert": authority.pem})
    path = begin(near, "trusted", good)
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    assert len(output(near, path, "text")) == 7
    blind = outer(context={"region_name": SECURED, "insecure": True}, parameters={"length": 9})
    changed = change(near, path, blind)
    assert changed["stack_status"] == "UPDATE_COMPLETE", changed["stack_status_reason"]
    assert len(output(near, path, "text")) == 9
    assert change(near, path, good)["stack_status"] == "UPDATE_COMPLETE"
    gone(near, path)


def test_an_update_leads_back_from_a_context_that_leads_nowhere(near: Stand, authority: Authority) -> None:
    good = {"region_name": SECURED, "ca_cert": authority.pem}
    path = begin(near, "astray", outer(context=good))
    assert near.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    there = output(near, path, "id")
    for lost in ({**good, "ca_cert": "no"}, {**good, "ca_cert": Authority("another").pem}):
        changed = change(near, path, outer(context=lost, parameters={"length": 9}))
        assert changed["stack_status"] == "UPDATE_FAILED"
        assert "certificate" in changed["stack_status_reason"].lower()
        changed = change(near, path, outer(context=good, parameters={"length": 9}))
        assert changed["stack_status"] == "UPDATE_COMPLETE", changed["stack_status_reason"]
        assert len(output(near, path, "text")) == 9
        assert output(near, path, "id") == there
    gone(near, path)


@pytest.mark.parametrize("given", ["none", "another's", "no certificate"])
def test_a_service_that_nobody_vouches_for_is_not_spoken_with(near: Stand, far: Stand, given: str) -> None:
    texts = {"none": {}, "another's": {"ca_cert": Authority("another").pem}, "no certificate": {"ca_cert": "no"}}
    before = len(far.ask("GET", "/stacks").json()["stacks"])
    path = begin(near, f"doubted-{len(given)}", outer(context={"region_name": SECURED, **texts[given]}))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_FAILED"
    assert "certificate" in stack["stack_status_reason"].lower()
    assert len(far.ask("GET", "/stacks").json()["stacks"]) == before
    gone(near, path)


def test_a_network_of_a_stack_there_lives_and_dies_with_the_resource_here(near: Stand, own_cloud: LocalCloud) -> None:
    inner = {
        "heat_template_version": "2018-08-31",
        "resources": {"net": {"type": "OS::Neutron::Net"}},
        "outputs": {"text": {"value": {"get_resource": "net"}}},
    }
    path = begin(near, "wired", outer(inner, parameters={}))
    stack = near.settled(path, 60)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    net = output(near, path, "text")
    assert own_cloud.state.get("network.networks", net) is not None
    gone(near, path)
    assert own_cloud.state.get("network.networks", net) is None
