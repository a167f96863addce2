"""The framework on a service made up for the purpose: what every collection does without further code."""

import concurrent.futures
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from kamado.localcloud import Faults, ManualClock
from kamado.localcloud.collection import (
    Blocker,
    Collection,
    Field,
    Lifecycle,
    Parent,
    boolean,
    integer,
    list_of,
    nullable,
    text,
)  # fmt: skip
from kamado.localcloud.errors import ComputeDialect, NetworkDialect, VolumeDialect
from kamado.localcloud.server import SERVICES
from kamado.localcloud.service import CatalogEntry, Refusal, Service


def _no_weeds(call, values):
    call.state.put("garden.notes", {"id": values["name"] or "?"})
    if values["name"] == "weed":
        raise Refusal(409, "No weeds", "Weed")


BEDS = Collection(
    service="garden",
    plural="beds",
    singular="bed",
    path="/v1/beds",
    fields=(
        Field("name", text(20), default=""),
        Field("size", integer(1, 100), required=True),
        Field("shared", boolean, default=False, admin=True),
        Field("paths", list_of(text()), default=tuple),
        Field("status", read_only=True, default="ACTIVE"),
        Field("soil", text(), default="loam", update=False),
        Field("project_id", text(), update=False),
    ),
    visible=lambda call, bed: bed["shared"],
    blockers=(Blocker("garden.plants", "bed_id"),),
    quota="bed",
    life=Lifecycle("BUILD", "ACTIVE", fault=lambda message, now: {"fault": message}),
    bulk=True,
    before_create=_no_weeds,
)
PLANTS = Collection(
    service="garden",
    plural="plants",
    singular="plant",
    path="/v1/plants",
    fields=(
        Field("name", text(), default=""),
        Field("bed_id", text(), required=True, refers="garden.beds", update=False),
        Field("neighbour_id", nullable(text()), refers="garden.plants"),
    ),
)
LEAVES = Collection(
    service="garden",
    plural="leaves",
    singular="leaf",
    path="/v1/plants/{plant_id}/leaves",
    owner="",
    parent=Parent("garden.plants", "plant_id", "plant_id"),
    fields=(Field("colour", text(), default="green"),),
)


def garden(dialect=None):
    return Service(
        name="garden",
        catalog=(CatalogEntry("gardener", "garden", "/v1"),),
        dialect=dialect or NetworkDialect(),
        collections=(BEDS, PLANTS, LEAVES),
        quotas={"bed": 5},
    )


GARDEN = (*SERVICES[:1], garden())


@pytest.fixture
def plot(start_cloud):
    clock = ManualClock()
    return start_cloud(services=GARDEN, clock=clock), clock


def make_bed(client, **fields):
    answer = client.post("garden", "/v1/beds", {"bed": {"size": 1, **fields}})
    assert answer.status_code == 201, answer.text
    return answer.json()["bed"]


def test_create_show_update_list_delete(plot, connect):
    cloud, clock = plot
    demo = connect(cloud)
    bed = make_bed(demo, name="roses", size=3)
    assert bed == {
        "id": bed["id"],
        "name": "roses",
        "size": 3,
        "shared": False,
        "paths": [],
        "status": "ACTIVE",
        "soil": "loam",
        "project_id": demo.project_id,
        "created_at": bed["created_at"],
        "updated_at": bed["created_at"],
    }
    clock.advance(60)
    changed = demo.put("garden", f"/v1/beds/{bed['id']}", {"bed": {"size": 4}}).json()["bed"]
    assert (changed["size"], changed["name"]) == (4, "roses")
    assert changed["updated_at"] > changed["created_at"] == bed["created_at"]
    assert demo.get("garden", "/v1/beds").json() == {"beds": [changed]}
    assert demo.delete("garden", f"/v1/beds/{bed['id']}").status_code == 204
    assert demo.get("garden", f"/v1/beds/{bed['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "kind", "message"),
    [
        ({"bed": {"size": 1, "colour": "red"}}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'colour'"),
        (
            {"bed": {}},
            400,
            "HTTPBadRequest",
            "Failed to parse request. Required attribute 'size' not specified",
        ),
        (
            {"bed": {"size": "1"}},
            400,
            "HTTPBadRequest",
            "Invalid input for size. Reason: '1' is not of type 'integer'",
        ),
        (
            {"bed": {"size": True}},
            400,
            "HTTPBadRequest",
            "Invalid input for size. Reason: True is not of type 'integer'",
        ),
        (
            {"bed": {"size": 101}},
            400,
            "HTTPBadRequest",
            "Invalid input for size. Reason: 101 is greater than the maximum of 100",
        ),
        (
            {"bed": {"size": 1, "status": "x"}},
            400,
            "HTTPBadRequest",
            "Attribute 'status' not allowed in POST",
        ),
        ({"soil": {}}, 400, "HTTPBadRequest", "Unable to find 'bed' in request body"),
        ([], 400, "HTTPBadRequest", "Unable to find 'bed' in request body"),
        (
            {"bed": {"size": 1, "shared": True}},
            403,
            "PolicyNotAuthorized",
            "(rule:create_bed and rule:create_bed:shared) is disallowed by policy",
        ),
        ({"bed": {"size": 1, "name": "weed"}}, 409, "Weed", "No weeds"),
    ],
)
def test_bad_bodies_are_refused_and_leave_nothing(plot, connect, body, status, kind, message):
    cloud, _ = plot
    answer = connect(cloud).post("garden", "/v1/beds", body)
    assert answer.status_code == status
    assert answer.json() == {"NeutronError": {"type": kind, "message": message, "detail": ""}}
    assert cloud.state.count("garden.beds") == 0
    assert cloud.state.count("garden.notes") == 0


def test_no_json_and_no_token_and_no_path(plot, connect):
    cloud, _ = plot
    demo = connect(cloud)
    bad = demo.http.post(cloud.urls["garden"] + "/v1/beds", data=b'{"bed')
    assert (bad.status_code, bad.json()["NeutronError"]["message"]) == (400, "Body contains invalid data")
    bare = requests.get(cloud.urls["garden"] + "/v1/beds", timeout=10)
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"] == f'Keystone uri="{cloud.urls["identity"]}"'
    assert bare.json() == {
        "error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
    }
    assert demo.get("garden", "/v1/nothing").status_code == 404
    assert demo.put("garden", "/v1/beds", {}).status_code == 405


def test_other_projects_see_nothing_unless_shared(plot, connect):
    cloud, _ = plot
    demo, alt, admin = connect(cloud), connect(cloud, "alt_demo"), connect(cloud, "admin")
    bed = make_bed(demo)
    path = f"/v1/beds/{bed['id']}"
    assert [c("garden", path).status_code for c in (alt.get, alt.delete)] == [404, 404]
    assert alt.put("garden", path, {"bed": {"size": 2}}).status_code == 404
    assert alt.get("garden", "/v1/beds").json() == {"beds": []}
    assert len(admin.get("garden", "/v1/beds").json()["beds"]) == 1
    assert admin.put("garden", path, {"bed": {"shared": True}}).status_code == 200
    assert alt.get("garden", path).status_code == 200
    assert alt.delete("garden", path).status_code == 404
    stolen = alt.post("garden", "/v1/beds", {"bed": {"size": 1, "project_id": demo.project_id}})
    assert stolen.status_code == 403


def test_references_and_what_they_block(plot, connect):
    cloud, _ = plot
    demo, alt = connect(cloud), connect(cloud, "alt_demo")
    bed = make_bed(demo)
    dangling = demo.post("garden", "/v1/plants", {"plant": {"bed_id": "nope"}})
    assert dangling.status_code == 404
    assert dangling.json()["NeutronError"]["type"] == "BedNotFound"
    assert alt.post("garden", "/v1/plants", {"plant": {"bed_id": bed["id"]}}).status_code == 404
    plant = demo.post("garden", "/v1/plants", {"plant": {"bed_id": bed["id"]}}).json()["plant"]
    blocked = demo.delete("garden", f"/v1/beds/{bed['id']}")
    assert (blocked.status_code, blocked.json()["NeutronError"]["type"]) == (409, "BedInUse")
    leaf = demo.post("garden", f"/v1/plants/{plant['id']}/leaves", {"leaf": {}})
    assert leaf.status_code == 201
    assert len(demo.get("garden", f"/v1/plants/{plant['id']}/leaves").json()["leaves"]) == 1
    assert demo.get("garden", "/v1/plants/nope/leaves").status_code == 404
    assert alt.get("garden", f"/v1/plants/{plant['id']}/leaves").status_code == 404
    assert demo.delete("garden", f"/v1/plants/{plant['id']}").status_code == 204
    assert demo.delete("garden", f"/v1/beds/{bed['id']}").status_code == 204


def test_quota_and_bulk_as_one_transaction(plot, connect):
    cloud, _ = plot
    demo = connect(cloud)
    many = demo.post("garden", "/v1/beds", {"beds": [{"size": 1}] * 6})
    assert (many.status_code, many.json()["NeutronError"]["type"]) == (409, "OverQuota")
    assert cloud.state.count("garden.beds") == 0
    assert demo.post("garden", "/v1/beds", {"beds": [{"size": 1}] * 5}).status_code == 201
    assert demo.post("garden", "/v1/beds", {"bed": {"size": 1}}).status_code == 409
    with cloud.state.lock:
        cloud.set_quota("garden", demo.project_id, {"bed": -1})
    assert demo.post("garden", "/v1/beds", {"bed": {"size": 1}}).status_code == 201


def test_lists_filter_sort_page_and_choose_fields(plot, connect):
    cloud, _ = plot
    demo = connect(cloud)
    for name, size in (("a", 3), ("b", 1), ("c", 2)):
        make_bed(demo, name=name, size=size)

    def names(query):
        return [bed["name"] for bed in demo.get("garden", f"/v1/beds?{query}").json()["beds"]]

    assert names("size=2") == ["c"]
    assert names("name=a&name=b") == ["a", "b"]
    assert names("status=ACTIVE&sort_key=size&sort_dir=desc") == ["a", "c", "b"]
    assert names("unheard=of") == ["a", "b", "c"]
    first = demo.get("garden", "/v1/beds?limit=2&fields=name&fields=id").json()
    assert [set(bed) for bed in first["beds"]] == [{"id", "name"}] * 2
    following = next(link for link in first["beds_links"] if link["rel"] == "next")["href"]
    assert [bed["name"] for bed in demo.http.get(following).json()["beds"]] == ["c"]
    assert demo.get("garden", "/v1/beds?marker=nope").status_code == 400


@pytest.mark.parametrize(
    ("dialect", "missing", "absent", "over"),
    [
        (ComputeDialect(), ("badRequest", 400), ("itemNotFound", 404), ("forbidden", 403)),
        (VolumeDialect(), ("badRequest", 400), ("itemNotFound", 404), ("overLimit", 413)),
    ],
)
def test_every_service_says_no_in_its_own_words(start_cloud, connect, dialect, missing, absent, over):
    cloud = start_cloud(services=(*SERVICES[:1], garden(dialect)))
    demo = connect(cloud)
    bad = demo.post("garden", "/v1/beds", {"bed": {}})
    assert (bad.status_code, bad.json()[missing[0]]) == (
        missing[1],
        {
            "code": 400,
            "message": "Invalid input for field/attribute bed. Value: {}. 'size' is a required property",
        },
    )
    gone = demo.get("garden", "/v1/beds/nope")
    assert (gone.status_code, gone.json()) == (
        absent[1],
        {absent[0]: {"code": 404, "message": "Bed nope could not be found."}},
    )
    full = demo.post("garden", "/v1/beds", {"beds": [{"size": 1}] * 6})
    assert (full.status_code, list(full.json())) == (over[1], [over[0]])


# life cycles


def test_builds_take_time_or_reads_or_fail(plot, connect):
    cloud, clock = plot
    demo = connect(cloud)

    def status(bed):
        return demo.get("garden", f"/v1/beds/{bed['id']}").json()["bed"]["status"]

    cloud.faults.build("garden.beds", seconds=10)
    slow = make_bed(demo)
    assert slow["status"] == status(slow) == "BUILD"
    clock.advance(9.5)
    assert status(slow) == "BUILD"
    clock.advance(1)
    assert status(slow) == "ACTIVE"
    cloud.faults.build("garden.beds", reads=2, times=1)
    watched = make_bed(demo)
    assert [status(watched), status(watched), status(watched)] == ["BUILD", "ACTIVE", "ACTIVE"]
    cloud.faults.build("garden.beds", seconds=1, fail="No valid soil", times=1)
    failed = make_bed(demo)
    clock.advance(2)
    assert status(failed) == "ERROR"
    assert cloud.state.get("garden.beds", failed["id"])["fault"] == "No valid soil"
    assert make_bed(demo)["status"] == "BUILD"
    cloud.faults.clear()
    assert make_bed(demo)["status"] == "ACTIVE"


# faults


def test_refusing_fault_with_retry_after(plot, connect):
    cloud, _ = plot
    demo = connect(cloud)
    cloud.faults.add(
        service="garden",
        method="POST",
        path="/v1/beds",
        status=503,
        headers={"Retry-After": "7"},
        message="Busy",
        times=2,
        skip=1,
    )
    statuses = []
    for _ in range(4):
        answer = demo.post("garden", "/v1/beds", {"bed": {"size": 1}})
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert answer.headers["Retry-After"] == "7"
            assert answer.json()["NeutronError"]["message"] == "Busy"
        assert demo.get("garden", "/v1/beds").status_code == 200
    assert statuses == [201, 503, 503, 201]
    assert cloud.state.count("garden.beds") == 2
    assert cloud.faults.all() == []


def test_fault_with_a_body_of_its_own(plot, connect):
    cloud, _ = plot
    cloud.faults.add(path="/v1/beds", status=502, body="<html>Bad Gateway</html>", times=None)
    for _ in range(2):
        answer = connect(cloud).get("garden", "/v1/beds")
        assert (answer.status_code, answer.text) == (502, "<html>Bad Gateway</html>")


@pytest.mark.parametrize(("action", "made"), [("drop", 0), ("lose", 1)])
def test_connection_lost_before_or_after_the_work(plot, connect, action, made):
    cloud, _ = plot
    demo = connect(cloud)
    cloud.faults.add(service="garden", method="POST", action=action)
    with pytest.raises(requests.ConnectionError):
        demo.post("garden", "/v1/beds", {"bed": {"size": 1}})
    assert len(demo.get("garden", "/v1/beds").json()["beds"]) == made


def test_work_done_but_answered_500(plot, connect):
    cloud, _ = plot
    demo = connect(cloud)
    cloud.faults.add(service="garden", method="POST", action="lose_answer", status=500)
    assert demo.post("garden", "/v1/beds", {"bed": {"size": 1}}).status_code == 500
    assert len(demo.get("garden", "/v1/beds").json()["beds"]) == 1


def test_delay_does_not_hold_up_others(plot, connect):
    cloud, _ = plot
    slow, quick = connect(cloud), connect(cloud)
    cloud.faults.add(service="garden", method="POST", action="delay", seconds=0.6)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        waiting = pool.submit(slow.post, "garden", "/v1/beds", {"bed": {"size": 1}})
        time.sleep(0.05)
        assert quick.get("garden", "/v1/beds").status_code == 200
        assert time.monotonic() - started < 0.5
        assert waiting.result().status_code == 201
        assert time.monotonic() - started >= 0.6


def test_faults_by_probability_repeat_with_their_seed(start_cloud, connect):
    def run():
        cloud = start_cloud(services=GARDEN, faults=Faults(seed=7))
        cloud.faults.add(service="garden", status=500, probability=0.5, times=None)
        demo = connect(cloud)
        return [demo.get("garden", "/v1/beds").status_code for _ in range(20)]

    first = run()
    assert first == run()
    assert set(first) == {200, 500}


def test_faults_over_http_are_for_administrators(plot, connect):
    cloud, _ = plot
    demo, admin = connect(cloud), connect(cloud, "admin")
    fault = {"service": "garden", "status": 429, "times": None}
    assert demo.post("identity", "/_local/faults", {"fault": fault}).status_code == 403
    bad = admin.post("identity", "/_local/faults", {"fault": {"action": "explode"}})
    assert (bad.status_code, "action must be one of" in bad.text) == (400, True)
    assert admin.post("identity", "/_local/faults", {"fault": {"colour": 1}}).status_code == 400
    made = admin.post("identity", "/_local/faults", {"fault": fault})
    assert made.status_code == 201
    assert demo.get("garden", "/v1/beds").status_code == 429
    assert [f["id"] for f in admin.get("identity", "/_local/faults").json()["faults"]] == [made.json()["fault"]["id"]]
    assert admin.delete("identity", f"/_local/faults/{made.json()['fault']['id']}").status_code == 204
    assert demo.get("garden", "/v1/beds").status_code == 200
    assert (
        admin.post("identity", "/_local/builds", {"build": {"table": "garden.beds", "seconds": 5}}).status_code == 201
    )
    assert make_bed(demo)["status"] == "BUILD"
    assert admin.delete("identity", "/_local/faults").status_code == 204
    assert make_bed(demo)["status"] == "ACTIVE"


# many at once, and again after a restart


def test_many_clients_at_once(start_cloud, connect):
    cloud = start_cloud(services=GARDEN)
    clients = [connect(cloud) for _ in range(12)]
    with cloud.state.lock:
        cloud.set_quota("garden", clients[0].project_id, {"bed": 50})

    def work(client):
        return [client.post("garden", "/v1/beds", {"bed": {"size": 1}}).status_code for _ in range(10)]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = [status for statuses in pool.map(work, clients) for status in statuses]
    assert (statuses.count(201), statuses.count(409)) == (50, 70)
    assert len(clients[0].get("garden", "/v1/beds").json()["beds"]) == 50


def test_a_kept_cloud_goes_on_where_it_stopped(start_cloud, connect, tmp_path):
    clock = ManualClock()
    first = start_cloud(services=GARDEN, keep_path=tmp_path / "cloud.db", clock=clock)
    demo = connect(first)
    first.faults.build("garden.beds", seconds=10, times=1)
    building = make_bed(demo, name="building")
    gone = make_bed(demo, name="gone")
    demo.delete("garden", f"/v1/beds/{gone['id']}")
    demo.put("garden", f"/v1/beds/{building['id']}", {"bed": {"name": "renamed"}})
    token, project = demo.token, demo.project_id
    ids = {role["name"]: role["id"] for role in first.state.all("identity.roles")}
    urls = dict(first.urls)
    first.stop()
    second = start_cloud(services=GARDEN, keep_path=tmp_path / "cloud.db", clock=clock)
    assert {role["name"]: role["id"] for role in second.state.all("identity.roles")} == ids
    assert second.urls == urls, "a restarted cloud is found where it was when its ports are free"
    headers = {"X-Auth-Token": token}
    beds = requests.get(second.urls["garden"] + "/v1/beds", headers=headers, timeout=10).json()["beds"]
    assert [(bed["name"], bed["status"], bed["project_id"]) for bed in beds] == [("renamed", "BUILD", project)]
    clock.advance(11)
    beds = requests.get(second.urls["garden"] + "/v1/beds", headers=headers, timeout=10).json()["beds"]
    assert beds[0]["status"] == "ACTIVE"


def test_a_taken_port_is_replaced_and_announced(start_cloud, connect, tmp_path):
    first = start_cloud(services=GARDEN, keep_path=tmp_path / "one.db")
    copy = tmp_path / "two.db"
    first.state.close()
    copy.write_bytes((tmp_path / "one.db").read_bytes())
    second = start_cloud(services=GARDEN, keep_path=copy)
    assert second.urls["garden"] != first.urls["garden"]
    catalog = {line["type"]: line["endpoints"] for line in connect(second).scope["catalog"]}
    assert {e["url"] for e in catalog["garden"]} == {second.urls["garden"] + "/v1"}


KILLED = """
import sys
from kamado.localcloud import LocalCloud
cloud = LocalCloud(identity_port=0, keep_path=sys.argv[1]).start()
print(cloud.auth_url, flush=True)
sys.stdin.read()
"""


def test_nothing_that_was_answered_is_lost_by_a_kill(start_cloud, connect, tmp_path: Path):
    kept = tmp_path / "cloud.db"
    command = [sys.executable, "-c", KILLED, str(kept)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        auth_url = process.stdout.readline().strip()
        names = []
        with requests.Session() as http:
            user = {"name": "admin", "domain": {"id": "default"}, "password": "admin"}
            scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
            auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
            token = http.post(f"{auth_url}/auth/tokens", json={"auth": auth}).headers["X-Subject-Token"]
            http.headers["X-Auth-Token"] = token
            for number in range(30):
                assert http.post(f"{auth_url}/projects", json={"project": {"name": f"p{number}"}}).status_code == 201
                names.append(f"p{number}")
            os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    cloud = start_cloud(keep_path=kept)
    headers = {"X-Auth-Token": token}
    found = requests.get(f"{cloud.auth_url}/projects", headers=headers, timeout=10).json()["projects"]
    assert [p["name"] for p in found if p["name"].startswith("p")] == names


def test_a_port_that_is_taken_is_an_error(start_cloud):
    cloud = start_cloud(services=GARDEN)
    port = int(cloud.urls["identity"].rpartition(":")[2])
    with pytest.raises(OSError, match=str(port)):
        start_cloud(services=GARDEN, identity_port=port)


def test_kept_connections_are_not_delayed(start_cloud, connect):
    """A delayed acknowledgement would cost 40 ms each; the bound is far from both that and a busy machine's requests."""
    admin = connect(start_cloud(), "admin")
    before = time.monotonic()
    for number in range(500):
        assert admin.post("identity", "/v3/groups", {"group": {"name": f"g{number}"}}).status_code == 201
    assert time.monotonic() - before < 500 * 0.030
