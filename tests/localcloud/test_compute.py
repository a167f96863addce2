"""Nova: servers with their ports and volumes, and what they are made of. Every fact here was seen on a real Nova."""

import pytest

UUID = "8483264d-9cf4-4d9c-8993-eb0b7a3352de"


class Compute:
    """Nova's requests for one user; waiting is moving the clock."""

    def __init__(self, client, clock):
        self.client, self.clock = client, clock
        self.image = client.get("image", "/v2/images?name=cirros").json()["images"][0]["id"]
        flavors = self.call("GET", "/flavors").json()["flavors"]
        self.flavors = {f["name"]: f["id"] for f in flavors}
        nets = client.get("network", "/v2.0/networks?name=private").json()["networks"]
        self.net = nets[0]["id"] if nets else None

    def call(self, method, path, body=None, version=None):
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        return self.client.call(method, "compute", f"/v2.1{path}", body, headers=headers)

    def body(self, **fields):
        wanted = {
            "name": "s",
            "flavorRef": self.flavors["m1.nano"],
            "imageRef": self.image,
            "networks": [{"uuid": self.net}],
        }
        return {"server": {k: v for k, v in (wanted | fields).items() if v is not None}}

    def boot(self, version=None, settle=True, **fields):
        answer = self.call("POST", "/servers", self.body(**fields), version)
        assert answer.status_code == 202, answer.text
        if settle:
            self.clock.advance(5)
        return answer.json()["server"]["id"]

    def show(self, server, version=None):
        return self.call("GET", f"/servers/{server}", version=version).json()["server"]

    def act(self, server, body, settle=True, version=None):
        answer = self.call("POST", f"/servers/{server}/action", body, version)
        if settle:
            self.clock.advance(5)
        return answer

    def ports(self, server):
        return self.client.get("network", f"/v2.0/ports?device_id={server}").json()["ports"]

    def volume(self, **fields):
        path = f"/v3/{self.client.project_id}/volumes"
        made = self.client.post("blockstorage", path, {"volume": {"size": 1, **fields}}).json()["volume"]["id"]
        self.clock.advance(5)
        return made

    def volume_of(self, volume):
        return self.client.get("blockstorage", f"/v3/{self.client.project_id}/volumes/{volume}").json().get("volume")


def error(answer):
    ((name, fault),) = answer.json().items()
    assert fault["code"] == answer.status_code
    return answer.status_code, name


@pytest.fixture
def compute(demo, shared_clock):
    return Compute(demo, shared_clock)


def test_life_of_a_server(compute, shared_clock):
    answer = compute.call("POST", "/servers", compute.body(name="web 1", key_name="demo-key", metadata={"a": "b"}))
    made = answer.json()["server"]
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert answer.headers["Location"].endswith(made["id"])
    building = compute.show(made["id"])
    assert (building["status"], building["OS-EXT-STS:task_state"], building["addresses"]) == ("BUILD", "spawning", {})
    shared_clock.advance(5)
    server = compute.show(made["id"])
    assert (server["status"], server["OS-EXT-STS:power_state"], server["progress"]) == ("ACTIVE", 1, 0)
    (port,) = compute.ports(made["id"])
    assert (port["status"], port["device_owner"], port["dns_name"]) == ("ACTIVE", "compute:nova", "web-1")
    assert server["addresses"] == {
        "private": [
            {"version": 4, "addr": port["fixed_ips"][0]["ip_address"], "OS-EXT-IPS:type": "fixed",
             "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
        ]
    }  # fmt: skip
    assert compute.call("DELETE", f"/servers/{made['id']}").status_code == 204
    assert compute.show(made["id"])["OS-EXT-STS:task_state"] == "deleting"
    assert compute.call("DELETE", f"/servers/{made['id']}").status_code == 204
    shared_clock.advance(5)
    assert error(compute.call("GET", f"/servers/{made['id']}")) == (404, "itemNotFound")
    assert compute.ports(made["id"]) == []


def test_build_time_and_failures_can_be_set(cloud, compute):
    cloud.faults.build("compute.servers", seconds=0, times=1)
    assert compute.show(compute.boot(settle=False))["status"] == "ACTIVE"
    cloud.faults.build("compute.servers", fail="No valid host was found.", times=1)
    broken = compute.show(compute.boot())
    assert (broken["status"], broken["fault"]["message"]) == ("ERROR", "No valid host was found.")
    assert broken["fault"]["code"] == 500


SERVERS = [
    ({"flavorRef": "zork"}, 400, "Flavor zork could not be found."),
    ({"imageRef": UUID}, 400, "Can not find requested image"),
    ({"imageRef": ""}, 400, "Missing imageRef attribute"),
    ({"key_name": "nokey"}, 400, "Invalid key_name provided."),
    ({"name": ""}, 400, "Invalid input for field/attribute name. Value: . '' should be non-empty"),
    ({"name": 5}, 400, "Invalid input for field/attribute name. Value: 5. 5 is not of type 'string'"),
    (
        {"networks": "auto"},
        400,
        "Invalid input for field/attribute networks. Value: auto. 'auto' is not of type 'array'",
    ),
    ({"networks": [{"uuid": UUID}]}, 400, f"Network {UUID} could not be found."),
    ({"networks": [{"port": UUID}]}, 400, f"Port id {UUID} could not be found."),
    ({"networks": []}, 409, "Multiple possible networks found, use a Network ID to be more specific."),
    ({"security_groups": [{"name": "nosg"}]}, 400, "Unable to find security_group with name or id 'nosg'"),
    ({"availability_zone": "zork"}, 400, "The requested availability zone is not available"),
    ({"metadata": {"a": 1}}, 400, "Invalid input for field/attribute a. Value: 1. 1 is not of type 'string'"),
    ({"metadata": {str(n): "1" for n in range(129)}}, 403, "Maximum number of metadata items exceeds 128"),
    ({"min_count": 2, "max_count": 1}, 400, "min_count must be <= max_count"),
    ({"max_count": "x"}, 400, "Invalid input for field/attribute max_count. Value: x. 'x' does not match '^[0-9]*$'"),
    (
        {"block_device_mapping_v2": [{"source_type": "zork"}]},
        400,
        "Invalid input for field/attribute source_type. Value: zork. 'zork' is not one of ['volume', 'image', 'snapshot', 'blank']",
    ),
    (
        {"imageRef": None, "block_device_mapping_v2": [{"source_type": "volume", "uuid": UUID, "boot_index": 0}]},
        400,
        f"Block Device Mapping is Invalid: failed to get volume {UUID}.",
    ),
    (
        {
            "imageRef": None,
            "block_device_mapping_v2": [{"source_type": "blank", "destination_type": "volume", "volume_size": 1}],
        },
        400,
        "Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.",
    ),
]


@pytest.mark.parametrize(("fields", "status", "message"), SERVERS)
def test_servers_that_are_refused(compute, fields, status, message):
    answer = compute.call("POST", "/servers", compute.body(**{"name": "refused", **fields}))
    assert answer.status_code == status
    (fault,) = answer.json().values()
    assert fault["message"] == message
    assert not compute.call("GET", "/servers?name=refused").json()["servers"]


def test_too_much_user_data(compute):
    answer = compute.call("POST", "/servers", compute.body(user_data="A" * 65540))
    assert answer.json()["badRequest"]["message"].endswith("is too long")
    unknown = compute.call("POST", "/servers", compute.body(zork=1)).json()["badRequest"]["message"]
    assert unknown.endswith("Additional properties are not allowed ('zork' was unexpected)")
    hinted = {**compute.body(), "os:scheduler_hints": {"group": UUID}}
    assert compute.call("POST", "/servers", hinted).json()["badRequest"]["message"].startswith("Instance group")


def test_an_address_of_another_network_ends_in_error(compute):
    server = compute.show(compute.boot(networks=[{"uuid": compute.net, "fixed_ip": "9.9.9.9"}]))
    assert server["status"] == "ERROR"
    assert server["fault"]["message"].startswith(f"Build of instance {server['id']} aborted:")
    assert compute.ports(server["id"]) == []


def test_a_given_port_outlives_its_server(demo, compute, shared_clock):
    port = demo.post("network", "/v2.0/ports", {"port": {"network_id": compute.net}}).json()["port"]["id"]
    server = compute.boot(networks=[{"port": port}])
    again = compute.call("POST", "/servers", compute.body(networks=[{"port": port}]))
    assert error(again) == (409, "conflictingRequest")
    assert [p["id"] for p in compute.ports(server)] == [port]
    compute.call("DELETE", f"/servers/{server}")
    shared_clock.advance(5)
    left = demo.get("network", f"/v2.0/ports/{port}").json()["port"]
    assert (left["device_id"], left["device_owner"], left["status"]) == ("", "", "DOWN")


def test_floating_addresses_are_shown(demo, compute):
    server = compute.boot()
    public = demo.get("network", "/v2.0/networks?name=public").json()["networks"][0]["id"]
    body = {"floatingip": {"floating_network_id": public, "port_id": compute.ports(server)[0]["id"]}}
    floating = demo.post("network", "/v2.0/floatingips", body).json()["floatingip"]["floating_ip_address"]
    shown = compute.show(server)["addresses"]["private"]
    assert [(a["OS-EXT-IPS:type"], a["addr"]) for a in shown][1] == ("floating", floating)


def test_what_each_microversion_changes(compute):
    server = compute.boot(version="2.90", description="d", tags=["b", "a"], hostname="h")
    old, new = compute.show(server), compute.show(server, "2.96")
    assert set(old["flavor"]) == {"id", "links"}
    assert new["flavor"]["original_name"] == "m1.nano"
    assert not {"description", "tags", "locked", "OS-EXT-SRV-ATTR:hostname"} & set(old)
    seen = (new["description"], new["tags"], new["locked"], new["OS-EXT-SRV-ATTR:hostname"], new["server_groups"])
    assert seen == ("d", ["a", "b"], False, "h", [])
    no_networks = compute.call("POST", "/servers", compute.body(networks=None), "2.37")
    assert no_networks.json()["badRequest"]["message"].endswith("'networks' is a required property")
    lonely = compute.boot(version="2.37", networks="none")
    assert compute.ports(lonely) == []
    assert error(compute.call("GET", "/servers", version="2.999")) == (406, "computeFault")
    assert error(compute.call("GET", "/servers", version="zork")) == (400, "badRequest")
    answer = compute.call("GET", "/servers", version="2.50")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.50"
    strange = compute.call("GET", "/servers/detail?zork=1", version="2.80")
    assert error(strange) == (400, "badRequest")


WAYS = [
    ("pause", None, "PAUSED"), ("unpause", None, "ACTIVE"), ("suspend", None, "SUSPENDED"), ("resume", None, "ACTIVE"),
    ("os-stop", None, "SHUTOFF"), ("os-start", None, "ACTIVE"), ("reboot", {"type": "SOFT"}, "ACTIVE"),
    ("shelve", None, "SHELVED_OFFLOADED"), ("unshelve", None, "ACTIVE"), ("rescue", {}, "RESCUE"),
    ("unrescue", None, "ACTIVE"),
]  # fmt: skip


def test_from_state_to_state(compute):
    server = compute.boot()
    for action, argument, status in WAYS:
        assert compute.act(server, {action: argument}).status_code in (200, 202), action
        assert compute.show(server)["status"] == status
        if status != "ACTIVE":
            refused = compute.act(server, {"pause": None})
            vm_state = compute.show(server)["OS-EXT-STS:vm_state"]
            message = f"Cannot 'pause' instance {server} while it is in vm_state {vm_state}"
            assert (error(refused), refused.json()["conflictingRequest"]["message"]) == (
                (409, "conflictingRequest"),
                message,
            )
    assert error(compute.act(server, {"zork": None})) == (400, "badRequest")
    assert error(compute.act(server, {"reboot": {"type": "Q"}})) == (400, "badRequest")
    done = compute.call("GET", f"/servers/{server}/os-instance-actions").json()["instanceActions"]
    assert [a["action"] for a in done][-3:] == ["unpause", "pause", "create"]


def test_resize_and_back_and_for_good(compute):
    server, tiny = compute.boot(), compute.flavors["m1.tiny"]
    assert compute.act(server, {"resize": {"flavorRef": "zork"}}).status_code == 400
    same = compute.act(server, {"resize": {"flavorRef": compute.flavors["m1.nano"]}})
    assert same.json()["badRequest"]["message"] == "When resizing, instances must change flavor!"
    assert compute.act(server, {"confirmResize": None}).status_code == 409
    for verb, status, end in (("revertResize", 202, "m1.nano"), ("confirmResize", 204, "m1.tiny")):
        assert compute.act(server, {"resize": {"flavorRef": tiny}}, settle=False).status_code == 202
        assert compute.show(server)["status"] == "RESIZE"
        compute.clock.advance(5)
        seen = compute.show(server)
        assert (seen["status"], seen["flavor"]["id"]) == ("VERIFY_RESIZE", tiny)
        assert compute.act(server, {verb: None}).status_code == status
        seen = compute.show(server)
        assert (seen["status"], seen["flavor"]["id"]) == ("ACTIVE", compute.flavors[end])


def test_rebuild_image_and_console(demo, compute):
    server = compute.boot()
    rebuilt = compute.act(server, {"rebuild": {"imageRef": compute.image, "metadata": {"x": "y"}}})
    assert (rebuilt.status_code, rebuilt.json()["server"]["status"]) == (202, "REBUILD")
    assert compute.show(server)["metadata"] == {"x": "y"}
    assert compute.act(server, {"rebuild": {"imageRef": UUID}}).status_code == 400
    image = compute.act(server, {"createImage": {"name": "copy"}}, version="2.45").json()["image_id"]
    seen = demo.get("image", f"/v2/images/{image}").json()
    assert (seen["name"], seen["status"], seen["image_type"]) == ("copy", "active", "snapshot")
    assert compute.boot(imageRef=image)
    assert "login" in compute.act(server, {"os-getConsoleOutput": {}}).json()["output"]
    assert compute.act(server, {"os-getVNCConsole": {"type": "novnc"}}).json()["console"]["type"] == "novnc"


def test_a_locked_server(compute, admin, shared_clock):
    server = compute.boot()
    assert compute.act(server, {"lock": None}).status_code == 202
    assert error(compute.call("DELETE", f"/servers/{server}")) == (409, "conflictingRequest")
    assert compute.act(server, {"os-stop": None}).status_code == 409
    assert compute.act(server, {"unlock": None}).status_code == 202
    assert compute.call("DELETE", f"/servers/{server}").status_code == 204


def test_volumes_of_a_server(compute, shared_clock):
    server, volume = compute.boot(), compute.volume()
    path = f"/servers/{server}/os-volume_attachments"
    made = compute.call("POST", path, {"volumeAttachment": {"volumeId": volume}})
    assert made.json()["volumeAttachment"] == {
        "id": volume,
        "volumeId": volume,
        "serverId": server,
        "device": "/dev/vdb",
    }
    assert compute.volume_of(volume)["status"] == "reserved"
    shared_clock.advance(5)
    seen = compute.volume_of(volume)
    assert (seen["status"], seen["attachments"][0]["server_id"]) == ("in-use", server)
    storage = f"/v3/{compute.client.project_id}/volumes/{volume}"
    assert compute.client.delete("blockstorage", storage).status_code == 400
    twice = compute.call("POST", path, {"volumeAttachment": {"volumeId": volume}})
    assert twice.json()["badRequest"]["message"].endswith(f"is already attached to instances: {server}")
    assert "attachment_id" in compute.call("GET", path, version="2.90").json()["volumeAttachments"][0]
    assert compute.call("DELETE", f"{path}/{volume}").status_code == 202
    assert compute.volume_of(volume)["status"] == "detaching"
    assert compute.call("GET", f"{path}/{volume}").status_code == 200
    shared_clock.advance(5)
    assert (compute.volume_of(volume)["status"], compute.volume_of(volume)["attachments"]) == ("available", [])
    assert error(compute.call("GET", f"{path}/{volume}")) == (404, "itemNotFound")
    assert compute.call("POST", path, {"volumeAttachment": {"volumeId": UUID}}).status_code == 404
    assert compute.call("POST", path, {"volumeAttachment": {"volumeId": "x"}}).status_code == 400


def test_boot_from_volume(compute, shared_clock):
    kept = compute.volume(imageRef=compute.image)
    mapping = [
        {"source_type": "volume", "uuid": kept, "boot_index": 0, "destination_type": "volume"},
        {"source_type": "blank", "volume_size": 2, "boot_index": -1, "destination_type": "volume",
         "delete_on_termination": True},
    ]  # fmt: skip
    server = compute.boot(imageRef=None, block_device_mapping_v2=mapping)
    seen = compute.show(server)
    assert seen["image"] == ""
    first, second = (v["id"] for v in seen["os-extended-volumes:volumes_attached"])
    assert (first, compute.volume_of(first)["status"], compute.volume_of(second)["size"]) == (kept, "in-use", 2)
    compute.call("DELETE", f"/servers/{server}")
    shared_clock.advance(5)
    assert compute.call("GET", f"/servers/{server}").status_code == 404
    shared_clock.advance(5)
    assert (compute.volume_of(kept)["status"], compute.volume_of(second)) == ("available", None)


def test_interfaces(demo, compute):
    server = compute.boot()
    path = f"/servers/{server}/os-interface"
    made = compute.call("POST", path, {"interfaceAttachment": {"net_id": compute.net}}).json()["interfaceAttachment"]
    assert made["port_state"] == "ACTIVE"
    assert len(compute.call("GET", path).json()["interfaceAttachments"]) == 2
    taken = compute.call("POST", path, {"interfaceAttachment": {"port_id": made["port_id"]}})
    assert error(taken) == (409, "conflictingRequest")
    assert compute.call("POST", path, {"interfaceAttachment": {"port_id": UUID}}).status_code == 404
    assert compute.call("DELETE", f"{path}/{made['port_id']}").status_code == 202
    assert demo.get("network", f"/v2.0/ports/{made['port_id']}").status_code == 404
    assert compute.call("DELETE", f"{path}/{UUID}").status_code == 202


def test_security_groups_of_a_server(demo, compute):
    body = {"security_group": {"name": "extra"}}
    demo.post("network", "/v2.0/security-groups", body)
    server = compute.boot()
    assert compute.act(server, {"addSecurityGroup": {"name": "extra"}}).status_code == 202
    assert {g["name"] for g in compute.show(server)["security_groups"]} == {"default", "extra"}
    assert compute.act(server, {"addSecurityGroup": {"name": "zork"}}).status_code == 404
    assert compute.act(server, {"removeSecurityGroup": {"name": "extra"}}).status_code == 202
    assert compute.act(server, {"removeSecurityGroup": {"name": "extra"}}).status_code == 404


def test_metadata_and_tags(compute):
    server = compute.boot(metadata={"a": "b"})
    path = f"/servers/{server}/metadata"
    assert compute.call("POST", path, {"metadata": {"c": "d"}}).json() == {"metadata": {"a": "b", "c": "d"}}
    mismatch = compute.call("PUT", path + "/c", {"meta": {"d": "e"}}).json()["badRequest"]["message"]
    assert mismatch == "Request body and URI mismatch"
    assert compute.call("DELETE", path + "/c").status_code == 204
    assert error(compute.call("DELETE", path + "/c")) == (404, "itemNotFound")
    tags = f"/servers/{server}/tags"
    assert compute.call("GET", tags).status_code == 404
    assert compute.call("PUT", tags, {"tags": ["b", "a"]}, "2.26").json() == {"tags": ["a", "b"]}
    assert [compute.call("PUT", tags + "/q", version="2.26").status_code for _ in range(2)] == [201, 204]
    assert compute.call("DELETE", tags + "/zork", version="2.26").status_code == 404


def test_projects_do_not_see_each_other(compute, alt, admin, shared_clock):
    server, other = compute.boot(), Compute(alt, shared_clock)
    assert error(other.call("GET", f"/servers/{server}")) == (404, "itemNotFound")
    assert other.call("DELETE", f"/servers/{server}").status_code == 404
    assert other.act(server, {"os-stop": None}).status_code == 404
    assert server not in other.call("GET", "/servers/detail").text
    assert other.call("GET", "/servers?all_tenants=1").status_code == 403
    boss = Compute(admin, shared_clock)
    assert server not in boss.call("GET", "/servers").text
    assert server in boss.call("GET", "/servers?all_tenants=1").text
    assert boss.show(server)["OS-EXT-SRV-ATTR:host"]
    foreign = other.call("POST", "/servers", other.body(networks=[{"uuid": compute.net}]))
    assert foreign.json()["badRequest"]["message"] == f"Network {compute.net} could not be found."


def test_quotas_bind(alt, admin, shared_clock):
    mine, boss = Compute(alt, shared_clock), Compute(admin, shared_clock)
    path = f"/os-quota-sets/{alt.project_id}"
    assert mine.call("PUT", path, {"quota_set": {"instances": 1}}).status_code == 403
    assert boss.call("PUT", path, {"quota_set": {"instances": 0}}).json()["quota_set"]["instances"] == 0
    refused = mine.call("POST", "/servers", mine.body(networks=None))
    assert refused.json()["forbidden"]["message"].startswith("Quota exceeded for instances")
    assert mine.call("GET", "/limits").json()["limits"]["absolute"]["maxTotalInstances"] == 0
    assert boss.call("DELETE", path).status_code == 202
