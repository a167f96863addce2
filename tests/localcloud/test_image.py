"""Images, as strict as the real Glance: statuses and sentences were read off it."""

import hashlib
import html

import openstack
import pytest
import requests

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
STREAM = {"Content-Type": "application/octet-stream"}


def said(answer):
    """The sentence in Glance's page."""
    body = html.unescape(answer.text)
    return answer.status_code, body.partition("</h1>")[2].partition("<br />")[0].strip()


def make(client, **fields):
    answer = client.post("image", "/v2/images", fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def change(client, image, *operations):
    import json

    return client.http.patch(
        f"{client.cloud.urls['image']}/v2/images/{image['id']}", data=json.dumps(operations), headers=PATCH
    )


def upload(client, image, data=b"abc", **headers):
    url = f"{client.cloud.urls['image']}/v2/images/{image['id']}/file"
    return client.http.put(url, data=data, headers={**STREAM, **headers})


def test_a_registered_image(demo):
    answer = demo.post(
        "image",
        "/v2/images",
        {"name": "one", "disk_format": "raw", "container_format": "bare", "foo": "bar", "tags": ["b", "a", "b"]},
    )
    image = answer.json()
    assert answer.headers["Location"].endswith(f"/v2/images/{image['id']}")
    assert answer.headers["OpenStack-image-import-methods"] == "glance-direct,web-download,copy-image"
    expected = {
        "foo": "bar",
        "name": "one",
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "shared",
        "size": None,
        "virtual_size": None,
        "status": "queued",
        "checksum": None,
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "owner": demo.project_id,
        "os_hidden": False,
        "os_hash_algo": None,
        "os_hash_value": None,
        "tags": ["a", "b"],
        "self": f"/v2/images/{image['id']}",
        "file": f"/v2/images/{image['id']}/file",
        "schema": "/v2/schemas/image",
    }
    assert {k: v for k, v in image.items() if k not in ("id", "created_at", "updated_at")} == expected
    assert demo.get("image", image["self"]).json() == image


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"name": 5}, 400, "Provided object does not match schema 'image': 5 is not of type 'null', 'string'"),
        ({"foo": 5}, 400, "Provided object does not match schema 'image': 5 is not of type 'string'"),
        ({"disk_format": "x"}, 400, "Provided object does not match schema 'image': 'x' is not one of [None, 'ami'"),
        ({"status": "x"}, 400, "Provided object does not match schema 'image': 'x' is not one of ['queued', "),
        ({"id": "x"}, 400, "Provided object does not match schema 'image': 'x' does not match '^([0-9a-f"),
        ({"size": 5}, 403, "Attribute 'size' is read-only."),
        ({"created_at": "5"}, 403, "Attribute 'created_at' is read-only."),
        ({"min_disk": -1}, 400, "Invalid value '-1' for parameter 'min_disk': Cannot be a negative value"),
        ({"visibility": "public"}, 403, "You are not authorized to complete publicize_image action."),
        ({"owner": "another"}, 403, "You are not permitted to create images owned by 'another'."),
    ],
)
def test_refused_registrations(demo, body, status, text):
    actual_status, actual = said(demo.post("image", "/v2/images", body))
    assert actual_status == status
    assert actual.startswith(text)


def test_no_token_no_json_no_path(cloud, demo):
    bare = requests.get(cloud.urls["image"] + "/v2/images", timeout=10)
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"] == f'Keystone uri="{cloud.urls["identity"]}"'
    broken = demo.http.post(cloud.urls["image"] + "/v2/images", data=b'{"x')
    assert said(broken) == (400, "Malformed JSON in request body.")
    assert said(demo.get("image", "/v2/images/nope")) == (404, "No image found with ID nope")
    assert said(demo.delete("image", "/v2/images")) == (
        405,
        "The method DELETE is not allowed for this resource.",
    )
    assert said(demo.get("image", "/v2/nope")) == (404, "The resource could not be found.")
    versions = requests.get(cloud.urls["image"] + "/", timeout=10)
    assert (versions.status_code, versions.json()["versions"][0]["status"]) == (300, "CURRENT")


def test_data_goes_in_and_comes_out(demo, alt):
    image = make(demo, name="data", disk_format="raw", container_format="bare")
    assert demo.get("image", image["file"]).status_code == 204
    assert said(upload(demo, image, **{"Content-Type": "application/json"}))[0] == 415
    assert upload(demo, image).status_code == 204
    active = demo.get("image", image["self"]).json()
    assert (active["status"], active["size"]) == ("active", 3)
    assert active["checksum"] == hashlib.md5(b"abc").hexdigest()
    assert active["os_hash_value"] == hashlib.sha512(b"abc").hexdigest()
    down = demo.get("image", image["file"])
    assert (down.content, down.headers["Content-MD5"]) == (b"abc", active["checksum"])
    assert upload(demo, image).status_code == 409
    assert alt.get("image", image["self"]).status_code == 404
    assert upload(demo, {"id": "nope"}).status_code == 404
    assert demo.post("image", image["self"] + "/actions/deactivate").status_code == 204
    assert demo.get("image", image["file"]).status_code == 403
    assert demo.post("image", image["self"] + "/actions/reactivate").status_code == 204
    assert demo.delete("image", image["self"]).status_code == 204
    assert said(demo.delete("image", image["self"])) == (404, f"Failed to find image {image['id']} to delete")


def test_data_of_another_format_is_refused(demo):
    image = make(demo, name="qcow", disk_format="qcow2", container_format="bare")
    status, text = said(upload(demo, image, b"no qcow"))
    assert (status, text.endswith("Image disk_format qcow2 does not match stream data raw")) == (415, True)
    assert upload(demo, image, b"QFI\xfb and so on").status_code == 204


def test_json_patch(demo):
    image = make(demo, name="patched", foo="bar", disk_format="raw", container_format="bare")
    plain = demo.patch("image", image["self"], [])
    assert said(plain)[0] == 415
    changed = change(
        demo,
        image,
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "add", "path": "/extra~1x", "value": "1"},
        {"op": "remove", "path": "/foo"},
    ).json()
    assert (changed["name"], changed["extra/x"], "foo" in changed) == ("new", "1", False)
    conflict = "There was a conflict when trying to complete your request.\n\n Property nope does not exist."
    for operation, expected in (
        ({"op": "replace", "path": "/nope", "value": "x"}, (409, conflict)),
        ({"op": "remove", "path": "/nope"}, (409, conflict)),
        (
            {"op": "remove", "path": "/name"},
            (403, "Access was denied to this resource.\n\n Property name may not be removed."),
        ),
        ({"op": "replace", "path": "/status", "value": "active"}, (403, "Attribute 'status' is read-only.")),
        ({"op": "replace", "path": "/id", "value": "x"}, (403, "Attribute 'id' is read-only.")),
        (
            {"op": "xx", "path": "/name", "value": "x"},
            (400, "Invalid operation: `xx`. It must be one of the following: add, remove, replace."),
        ),
    ):
        assert said(change(demo, image, {"op": "replace", "path": "/name", "value": "half"}, operation)) == expected
    assert demo.get("image", image["self"]).json()["name"] == "new", "a refused patch changes nothing"


def test_protection(demo):
    image = make(demo, name="safe", protected=True)
    assert said(demo.delete("image", image["self"])) == (
        403,
        f"Image {image['id']} is protected and cannot be deleted.",
    )
    assert change(demo, image, {"op": "replace", "path": "/protected", "value": False}).status_code == 200
    assert demo.delete("image", image["self"]).status_code == 204


def test_public_images_are_seen_but_not_changed(demo, admin):
    image = make(admin, name="everyone", visibility="public")
    assert demo.get("image", image["self"]).status_code == 200
    assert said(change(demo, image, {"op": "replace", "path": "/name", "value": "mine"})) == (
        403,
        "You are not authorized to complete modify_image action.",
    )
    assert said(demo.delete("image", image["self"])) == (
        403,
        "You are not authorized to complete delete_image action.",
    )


def test_sharing(demo, alt):
    image = make(demo, name="shared-one")
    members = f"{image['self']}/members"
    assert said(demo.post("image", members, {})) == (400, "Member to be added not specified")
    added = demo.post("image", members, {"member": alt.project_id})
    assert (added.status_code, added.json()["status"]) == (200, "pending")
    assert said(demo.post("image", members, {"member": alt.project_id})) == (
        409,
        f"Member {alt.project_id} is duplicated for image {image['id']}",
    )
    one = f"{members}/{alt.project_id}"
    assert said(demo.put("image", one, {"status": "accepted"})) == (
        403,
        "You are not authorized to complete modify_member action.",
    )
    names = lambda: [i["name"] for i in alt.get("image", "/v2/images?name=shared-one").json()["images"]]  # noqa: E731
    assert alt.get("image", image["self"]).status_code == 200
    assert names() == []
    assert alt.put("image", one, {"status": "accepted"}).json()["status"] == "accepted"
    assert names() == ["shared-one"]
    assert demo.delete("image", one).status_code == 204
    assert said(demo.delete("image", one)) == (
        404,
        f"{alt.project_id} not found in the member list of the image {image['id']}.",
    )
    assert alt.get("image", image["self"]).status_code == 404


def test_lists(demo, admin):
    for number, tags in enumerate((["x"], ["x", "y"], ["y"])):
        make(demo, name=f"list-{number}", tags=tags, min_ram=number, colour="red" if number else "blue")

    def names(query, client=demo):
        return [i["name"] for i in client.get("image", f"/v2/images?{query}").json()["images"]]

    assert names("tag=x&tag=y") == ["list-1"]
    assert names("colour=red&sort=name:asc") == ["list-1", "list-2"]
    assert names("name=in:list-0,list-2&sort_key=name&sort_dir=desc") == ["list-2", "list-0"]
    assert names("visibility=public&name=cirros") == ["cirros"]
    assert names(f"owner={demo.project_id}&status=queued&min_ram=2") == ["list-2"]
    assert names("size_min=1&name=list-0") == []
    assert names("foo=1") == []
    page = demo.get("image", "/v2/images?tag=y&sort=name:asc&limit=1").json()
    assert page["first"] == "/v2/images?tag=y&sort=name%3Aasc&limit=1"
    following = demo.get("image", page["next"]).json()
    assert [i["name"] for i in page["images"] + following["images"]] == ["list-1", "list-2"]
    for query, text in (
        ("sort_key=foo", "Invalid sort key: foo. It must be one of the following: name, status"),
        ("marker=foo", "No image found with ID foo"),
        ("limit=x", "limit param must be an integer"),
        ("visibility=1", "Invalid visibility value: 1"),
        ("member_status=foo", "Invalid status: foo"),
    ):
        status, sentence = said(demo.get("image", f"/v2/images?{query}"))
        assert (status, sentence.startswith(text)) == (400, True)


def test_tags(demo):
    image = make(demo, name="tags")
    assert demo.put("image", image["self"] + "/tags/zz").status_code == 204
    assert demo.get("image", image["self"]).json()["tags"] == ["zz"]
    assert demo.delete("image", image["self"] + "/tags/zz").status_code == 204
    assert demo.delete("image", image["self"] + "/tags/zz").status_code == 404


def test_imports(cloud, demo, shared_clock):
    image = make(demo, name="imported", disk_format="qcow2", container_format="bare")
    path = image["self"] + "/import"
    for method, status, text in (
        ({"name": "xx"}, 400, "Unknown import method name 'xx'."),
        ({"name": "web-download"}, 400, "URI for web-download does not pass filtering: None"),
        (
            {"name": "glance-direct"},
            409,
            "Image needs to be staged before 'glance-direct' method can be used",
        ),
    ):
        assert said(demo.post("image", path, {"method": method})) == (status, text)
    cloud.faults.build("image.images", seconds=5, times=1)
    web = {"method": {"name": "web-download", "uri": "http://example.org/cirros.img"}}
    assert demo.post("image", path, web).status_code == 202
    assert demo.get("image", image["self"]).json()["status"] == "importing"
    assert demo.post("image", path, web).status_code == 409
    shared_clock.advance(6)
    assert demo.get("image", image["self"]).json()["status"] == "active"
    staged = make(demo, name="staged", disk_format="raw", container_format="bare")
    url = f"{cloud.urls['image']}{staged['self']}/stage"
    assert demo.http.put(url, data=b"xyz", headers=STREAM).status_code == 204
    assert demo.get("image", staged["self"]).json()["status"] == "uploading"
    direct = {"method": {"name": "glance-direct"}}
    assert demo.post("image", staged["self"] + "/import", direct).status_code == 202
    assert demo.get("image", staged["file"]).content == b"xyz"


def test_what_clients_ask_beside(demo):
    methods = demo.get("image", "/v2/info/import").json()["import-methods"]["value"]
    assert methods == ["glance-direct", "web-download", "copy-image"]
    assert demo.get("image", "/v2/info/stores").json() == {"stores": [{"id": "local", "default": "true"}]}
    schema = demo.get("image", "/v2/schemas/image").json()
    assert schema["properties"]["name"]["maxLength"] == 255
    assert schema["additionalProperties"] == {"type": "string"}
    assert demo.get("image", "/v2/schemas/members").status_code == 200
    assert demo.get("image", "/v2/tasks").status_code == 403


def test_the_sdk_walks_through_an_images_life(cloud):
    connection = openstack.connect(
        auth={
            "auth_url": cloud.auth_url,
            "username": "demo",
            "password": "demo",
            "project_name": "demo",
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        region_name="RegionOne",
    )
    images = connection.image
    image = images.create_image(
        name="sdk", data=b"abc", disk_format="raw", container_format="bare", foo="bar", tags=["t"]
    )
    assert images.get_image(image).status == "active"
    assert images.update_image(image, name="renamed").name == "renamed"
    assert images.download_image(image).content == b"abc"
    images.add_tag(image, "u")
    assert images.find_image("cirros").visibility == "public"
    images.delete_image(image)
    assert images.find_image("renamed") is None
    connection.close()
