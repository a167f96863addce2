"""Servers with an agent: what each transport makes for it, where the metadata are to be found, and what is left when it changes or ends."""

from __future__ import annotations

import base64
import email
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand
from tests.wire.test_deployments import Life

from kamado.localcloud.server import LocalCloud


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stand(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("guests"), own_cloud)
    stand.enter_catalog(own_cloud)
    yield stand
    stand.close()


VM = {
    "flavor": "m1.tiny",
    "image": "cirros",
    "networks": [{"allocate_network": "none"}],
    "user_data": "#!/bin/sh\necho hi\n",
}


def template(kind: str, transport: str, own: int = 1, **properties: Any) -> dict[str, Any]:
    """A server of a kind with something deployed on it."""
    given = {**(VM | {"user_data_format": "SOFTWARE_CONFIG"} if kind == "OS::Nova::Server" else {}), **properties}
    server = {"type": kind, "metadata": {"own": own}, "properties": {**given, "software_config_transport": transport}}
    bare = {"server": {"get_resource": "server"}, "signal_transport": "NO_SIGNAL", "name": "mine"}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"server": server, "deployment": {"type": "OS::Heat::SoftwareDeployment", "properties": bare}},
        "outputs": {"agent": {"value": {"get_attr": ["server", "os_collect_config"]}}},
    }


KINDS = {"OS::Heat::DeployedServer": [], "OS::Nova::Server": ["ec2"]}
"""What there is, with the collectors that come first."""


def messages(stand: Stand, section: dict[str, Any]) -> list[Any]:
    cloud = stand.factory.for_stack_user(section["user_id"], section["password"], section["project_id"])
    path = f"/v2/queues/{section['queue_id']}/messages"
    answer = cloud.service("messaging").call(
        "GET", path, params={"echo": "true", "limit": "20"}, headers={"Client-ID": "c" * 32}
    )
    return [message["body"] for message in (answer or {}).get("messages", [])]


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_is_led_from_one_transport_to_another(stand: Stand, kind: str) -> None:
    life = Life(stand, f"led-{kind[4:8].lower()}", template(kind, "POLL_SERVER_CFN"))
    assert life.status() == "CREATE_COMPLETE"
    first = KINDS[kind]
    agent = life.outputs()["agent"]
    assert agent == life.metadata()["os-collect-config"]
    assert agent["collectors"] == [*first, "cfn", "local"]
    assert (agent["cfn"]["metadata_url"], agent["cfn"]["path"]) == (f"{stand.cfn_endpoint}/", "server.Metadata")
    gone_cfn = dict.fromkeys(agent["cfn"])

    life.update(template(kind, "POLL_SERVER_HEAT"))
    assert life.status() == "UPDATE_COMPLETE"
    agent = life.outputs()["agent"]
    assert (agent["collectors"], agent["cfn"]) == ([*first, "heat", "local"], gone_cfn)
    heat = agent["heat"]
    token = stand.factory.token_of(heat["user_id"], heat["password"], heat["project_id"])
    where = (
        f"{stand.endpoint}/v1/{heat['project_id']}/stacks/{heat['stack_id']}/resources/{heat['resource_name']}/metadata"
    )
    answer = requests.get(where, headers={"X-Auth-Token": token}, timeout=30)
    assert answer.json()["metadata"] == life.metadata()

    life.update(template(kind, "POLL_TEMP_URL"))
    assert life.status() == "UPDATE_COMPLETE"
    agent = life.outputs()["agent"]
    assert (agent["collectors"], agent["heat"]) == ([*first, "request", "local"], dict.fromkeys(heat))
    old = agent["request"]["metadata_url"]
    assert requests.get(old, timeout=30).json() == life.metadata()
    life.update(template(kind, "POLL_TEMP_URL", own=2))
    assert life.status() == "UPDATE_COMPLETE"
    assert requests.get(old, timeout=30).json()["own"] == 2
    life.update(template(kind, "POLL_TEMP_URL", own=2, deployment_swift_data={"container": "mine", "object": "of me"}))
    assert life.status() == "UPDATE_COMPLETE"
    new = life.outputs()["agent"]["request"]["metadata_url"]
    assert "/mine/of%20me?" in new
    assert requests.get(old, timeout=30).status_code == 404
    assert requests.get(new, timeout=30).json() == life.metadata()

    life.update(template(kind, "ZAQAR_MESSAGE", own=2))
    assert life.status() == "UPDATE_COMPLETE"
    agent = life.outputs()["agent"]
    assert (agent["collectors"], agent["request"]) == ([*first, "zaqar", "local"], {"metadata_url": None})
    assert requests.get(new, timeout=30).status_code == 404
    assert messages(stand, agent["zaqar"]) == [life.metadata()]
    user = agent["zaqar"]["user_id"]
    assert stand.cloud.state.get("identity.users", user) is not None
    life.remove()
    assert stand.cloud.state.get("identity.users", user) is None


@pytest.mark.parametrize("transport", ["POLL_TEMP_URL", "ZAQAR_MESSAGE"])
def test_each_deployment_is_brought_to_where_the_agent_looks(stand: Stand, transport: str) -> None:
    life = Life(stand, f"brought-{transport[:4].lower()}", template("OS::Heat::DeployedServer", transport))
    assert life.status() == "CREATE_COMPLETE"
    section = life.outputs()["agent"]

    def last() -> Any:
        if transport == "POLL_TEMP_URL":
            return requests.get(section["request"]["metadata_url"], timeout=30).json()
        return messages(stand, section["zaqar"])[-1]

    assert last() == life.metadata()
    assert [config["name"] for config in last()["deployments"]] == ["mine"]
    server = life.resource("server")["physical_resource_id"]
    config = stand.ask("POST", "/software_configs", {"name": "by hand"}).json()["software_config"]["id"]
    made = stand.ask("POST", "/software_deployments", {"config_id": config, "server_id": server})
    assert [one["name"] for one in last()["deployments"]] == ["by hand", "mine"]
    stand.ask("DELETE", f"/software_deployments/{made.json()['software_deployment']['id']}")
    assert [one["name"] for one in last()["deployments"]] == ["mine"]
    without = template("OS::Heat::DeployedServer", transport)
    del without["resources"]["deployment"]
    life.update(without)
    assert life.status() == "UPDATE_COMPLETE"
    assert last()["deployments"] == []
    life.remove()


def test_a_server_boots_with_what_its_agent_has_to_know(stand: Stand) -> None:
    life = Life(stand, "boots", template("OS::Nova::Server", "POLL_SERVER_HEAT"))
    assert life.status() == "CREATE_COMPLETE"
    server = stand.cloud.state.get("compute.servers", life.resource("server")["physical_resource_id"])
    assert server is not None
    text = base64.b64decode(server["user_data"]).decode()
    parts = {
        part.get_filename(): part.get_payload(decode=True) for part in email.message_from_string(text).get_payload()
    }
    booted = json.loads(parts["cfn-init-data"])
    assert booted == {**life.metadata(), "deployments": []}
    assert b"#!/bin/sh\necho hi\n" in parts.values()
    life.remove()


def test_the_user_of_a_server_is_locked_out_while_it_is_suspended(stand: Stand) -> None:
    life = Life(stand, "resting", template("OS::Heat::DeployedServer", "POLL_SERVER_HEAT", name="named"))
    assert life.status() == "CREATE_COMPLETE"
    shown = life.resource("server")["attributes"]
    assert (shown["name"], shown["os_collect_config"]["collectors"]) == ("named", ["heat", "local"])
    user = shown["os_collect_config"]["heat"]["user_id"]
    life.act("suspend")
    assert life.status() == "SUSPEND_COMPLETE"
    assert stand.cloud.state.get("identity.users", user)["enabled"] is False
    life.act("resume")
    assert life.status() == "RESUME_COMPLETE"
    assert stand.cloud.state.get("identity.users", user)["enabled"] is True
    life.update(template("OS::Heat::DeployedServer", "POLL_SERVER_HEAT", name="other", metadata={"a": 1}))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.resource("server")["attributes"]["name"] == "other"
