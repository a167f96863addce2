"""Key pairs, flavors and server groups; and the same cloud through openstacksdk and the `openstack` command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import openstack
import pytest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILmBhtMzDUuJbx9BhT3sqE0bY6K0TqhV3Dn2bTQ2mRpX a@b"


@pytest.fixture
def nova(demo):
    def call(method, path, body=None, version=None, client=demo):
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        return client.call(method, "compute", f"/v2.1{path}", body, headers=headers)

    return call


def message(answer):
    (fault,) = answer.json().values()
    return answer.status_code, fault["message"]


def test_key_pairs_made_and_brought(nova, alt):
    made = nova("POST", "/os-keypairs", {"keypair": {"name": "made"}})
    pair = made.json()["keypair"]
    assert made.status_code == 200
    assert pair["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert pair["public_key"].startswith("ssh-rsa ")
    assert message(nova("POST", "/os-keypairs", {"keypair": {"name": "made"}})) == (
        409,
        "Key pair 'made' already exists.",
    )
    brought = nova("POST", "/os-keypairs", {"keypair": {"name": "brought", "public_key": KEY, "type": "ssh"}}, "2.2")
    assert brought.status_code == 201
    assert brought.json()["keypair"]["fingerprint"] == "06:a2:47:37:14:80:4c:02:46:fa:dd:5b:e8:0f:c7:24"
    assert "private_key" not in brought.json()["keypair"]
    names = {k["keypair"]["name"] for k in nova("GET", "/os-keypairs").json()["keypairs"]}
    assert {"demo-key", "made", "brought"} <= names
    assert nova("GET", "/os-keypairs/made", client=alt).status_code == 404
    assert [nova("DELETE", "/os-keypairs/made", version=v).status_code for v in (None, "2.2")] == [202, 404]


@pytest.mark.parametrize(
    ("fields", "version", "reason"),
    [
        ({"name": "k"}, "2.92", "'public_key' is a required property"),
        ({}, None, "'name' is a required property"),
        ({"name": "k", "public_key": "zork"}, None, "Keypair data is invalid: failed to generate fingerprint"),
        ({"name": "p/k"}, None, "'p/k' does not match"),
        ({"name": "k", "type": "ssh"}, None, "Additional properties are not allowed ('type' was unexpected)"),
        ({"name": "k", "type": "zork"}, "2.2", "'zork' is not one of ['ssh', 'x509']"),
    ],
)
def test_key_pairs_that_are_refused(nova, fields, version, reason):
    status, said = message(nova("POST", "/os-keypairs", {"keypair": fields}, version))
    assert status == 400
    assert reason in said


def test_flavors(nova, admin, demo):
    def boss(*arguments):
        return nova(*arguments, client=admin)

    body = {"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "id": "f-id", "os-flavor-access:is_public": False}}
    assert nova("POST", "/flavors", body).status_code == 403
    made = boss("POST", "/flavors", body).json()["flavor"]
    assert (made["id"], made["swap"], made["rxtx_factor"]) == ("f-id", "", 1.0)
    assert message(boss("POST", "/flavors", body)) == (409, "Flavor with name f already exists.")
    assert nova("GET", "/flavors/f-id").status_code == 404
    assert "f-id" not in nova("GET", "/flavors").text
    grant = {"addTenantAccess": {"tenant": demo.project_id}}
    assert boss("POST", "/flavors/f-id/action", grant).json()["flavor_access"][0]["tenant_id"] == demo.project_id
    assert boss("POST", "/flavors/f-id/action", grant).status_code == 409
    assert boss("POST", "/flavors/f-id/action", {"addTenantAccess": {"tenant": "zork"}}).status_code == 400
    assert "f-id" in nova("GET", "/flavors").text
    specs = "/flavors/f-id/os-extra_specs"
    assert boss("POST", specs, {"extra_specs": {"a": "b"}}).json() == {"extra_specs": {"a": "b"}}
    assert nova("GET", "/flavors/f-id", version="2.61").json()["flavor"]["extra_specs"] == {"a": "b"}
    assert nova("POST", specs, {"extra_specs": {"c": "d"}}).status_code == 403
    assert message(boss("DELETE", specs + "/z")) == (404, "Flavor f-id has no extra specs with key z.")
    bad = {"flavor": {"name": "g", "ram": 0, "vcpus": 1, "disk": 1}}
    assert message(boss("POST", "/flavors", bad))[1].endswith("0 is less than the minimum of 1")
    assert boss("DELETE", "/flavors/f-id").status_code == 202
    assert message(boss("DELETE", "/flavors/f-id")) == (404, "Flavor f-id could not be found.")


def test_server_groups_before_and_since_2_64(nova, alt):
    old = nova("POST", "/os-server-groups", {"server_group": {"name": "g", "policies": ["affinity"]}}).json()[
        "server_group"
    ]
    assert (old["policies"], old["members"], old["metadata"]) == (["affinity"], [], {})
    body = {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}}
    new = nova("POST", "/os-server-groups", body, "2.64").json()["server_group"]
    assert (new["policy"], new["rules"]) == ("anti-affinity", {"max_server_per_host": 2})
    soft = {"server_group": {"name": "g", "policy": "soft-affinity", "rules": {"max_server_per_host": 2}}}
    assert message(nova("POST", "/os-server-groups", soft, "2.64")) == (
        400,
        "Only anti-affinity policy supports rules.",
    )
    assert nova("POST", "/os-server-groups", {"server_group": {"name": "g", "policies": ["zork"]}}).status_code == 400
    assert nova("GET", f"/os-server-groups/{old['id']}", client=alt).status_code == 404
    assert nova("DELETE", f"/os-server-groups/{old['id']}").status_code == 204
    assert message(nova("DELETE", f"/os-server-groups/{old['id']}"))[0] == 404


@pytest.fixture
def quick(start_cloud):
    cloud = start_cloud()
    for table in ("compute.servers", "compute.servers.actions", "compute.servers.deletion", "blockstorage.volumes"):
        cloud.faults.build(table, seconds=0)
    return cloud


def test_three_tiers_through_openstacksdk(quick):
    with openstack.connect(
        auth_url=quick.auth_url, username="demo", password="demo", project_name="demo", user_domain_id="default",
        project_domain_id="default", region_name="RegionOne", load_yaml_config=False, load_envvars=False,
    ) as sdk:  # fmt: skip
        net = sdk.network.create_network(name="tier")
        subnet = sdk.network.create_subnet(network_id=net.id, ip_version=4, cidr="10.80.0.0/24")
        router = sdk.network.create_router(external_gateway_info={"network_id": sdk.network.find_network("public").id})
        sdk.network.add_interface_to_router(router, subnet_id=subnet.id)
        port = sdk.network.create_port(network_id=net.id)
        server = sdk.compute.create_server(
            name="web", image_id=sdk.image.find_image("cirros").id, flavor_id=sdk.compute.find_flavor("m1.tiny").id,
            networks=[{"port": port.id}], key_name="demo-key", user_data="IyEvYmluL3NoCg==",
        )  # fmt: skip
        server = sdk.compute.wait_for_server(server, interval=0.05, wait=5)
        volume = sdk.block_storage.create_volume(size=1)
        sdk.compute.create_volume_attachment(server, volume_id=volume.id)
        floating = sdk.network.create_ip(floating_network_id=sdk.network.find_network("public").id, port_id=port.id)
        addresses = sdk.compute.get_server(server).addresses["tier"]
        assert [a["addr"] for a in addresses] == [port.fixed_ips[0]["ip_address"], floating.floating_ip_address]
        sdk.network.delete_ip(floating)
        sdk.compute.delete_server(server)
        sdk.network.remove_interface_from_router(router, subnet_id=subnet.id)
        sdk.network.delete_router(router)
        sdk.network.delete_port(port)
        sdk.network.delete_network(net)
        sdk.block_storage.wait_for_status(volume, "available", interval=0.05, wait=5)
        sdk.block_storage.delete_volume(volume)
        assert sdk.network.find_network("tier") is None


def test_the_same_through_the_command_line(quick):
    environment = {
        "PATH": os.environ["PATH"], "OS_AUTH_URL": quick.auth_url, "OS_IDENTITY_API_VERSION": "3", "OS_USERNAME": "demo",
        "OS_PASSWORD": "demo", "OS_PROJECT_NAME": "demo", "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default",
    }  # fmt: skip

    def command(*arguments):
        program = Path(sys.executable).parent / "openstack"
        done = subprocess.run(
            [program, *arguments, "-f", "json"], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    flags = ("--flavor", "m1.nano", "--image", "cirros", "--network", "private", "--key-name", "demo-key", "--wait")
    made = command("server", "create", *flags, "cli")
    assert (made["status"], made["key_name"]) == ("ACTIVE", "demo-key")
    listed = command("server", "list")
    assert [(row["Name"], row["Status"], row["Image"], row["Flavor"]) for row in listed] == [
        ("cli", "ACTIVE", "cirros", "m1.nano")
    ]
    volume = command("volume", "create", "--size", "1", "--type", "rig", "data")
    assert (volume["name"], volume["type"]) == ("data", "rig")
