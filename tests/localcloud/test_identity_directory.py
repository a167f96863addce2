"""Domains, projects, users, groups, roles and who has which: policies, refusals and what a deletion takes along."""

import openstack
import pytest
from tests.localcloud.conftest import password_auth


def error(answer):
    return answer.status_code, answer.json()["error"]["message"]


FORBIDDEN = "You are not authorized to perform the requested action: identity:{}."


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("users", "list_users"),
        ("projects", "list_projects"),
        ("projects/nope", "get_project"),
        ("roles", "list_roles"),
        ("role_assignments", "list_role_assignments"),
        ("services", "list_services"),
        ("endpoints", "list_endpoints"),
        ("domains", "list_domains"),
        ("groups", "list_groups"),
        ("OS-TRUST/trusts", "list_trusts"),
        ("role_inferences", "list_role_inference_rules"),
    ],
)
def test_what_a_member_may_not_ask(demo, path, rule):
    assert error(demo.get("identity", f"/v3/{path}")) == (403, FORBIDDEN.format(rule))


def test_what_a_member_may_ask(demo):
    assert demo.get("identity", f"/v3/users/{demo.user_id}").json()["user"]["name"] == "demo"
    assert demo.get("identity", f"/v3/projects/{demo.project_id}").json()["project"]["name"] == "demo"
    assert demo.get("identity", f"/v3/users/{demo.user_id}/projects").status_code == 200
    assert demo.get("identity", "/v3/regions").json()["regions"][0]["id"] == "RegionOne"
    assert demo.get("identity", "/v3/credentials").json()["credentials"] == []


DEMO_TAKEN = "Conflict occurred attempting to store user - Duplicate entry found with name demo at domain ID default."


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("users", {"user": {"name": "demo"}}, 409, DEMO_TAKEN),
        (
            "roles",
            {"role": {"name": "admin"}},
            409,
            "Conflict occurred attempting to store role - Duplicate entry found with name admin.",
        ),
        (
            "users",
            {"user": {"foo": 1}},
            400,
            "Invalid input for field/attribute user. Value: {'foo': 1}. 'name' is a required property",
        ),
        ("users", {"user": {"name": "x", "domain_id": "nope"}}, 404, "Could not find domain: nope."),
        ("users", {}, 400, "'user' is a required property"),
        (
            "users",
            {"user": {"name": 5}},
            400,
            "Invalid input for field/attribute name. Value: 5. 5 is not of type 'string'",
        ),
        (
            "projects",
            {"project": {"name": "x", "parent_id": "nope"}},
            404,
            "Could not find project: nope.",
        ),
        (
            "endpoints",
            {"endpoint": {"interface": "public", "url": "http://x", "service_id": "nope"}},
            404,
            "Could not find service: nope.",
        ),
    ],
)
def test_refusals_in_keystones_words(admin, path, body, status, text):
    assert error(admin.post("identity", f"/v3/{path}", body)) == (status, text)


def test_enabled_takes_many_words_but_not_all(admin):
    answer = admin.post("identity", "/v3/users", {"user": {"name": "x", "enabled": "x"}})
    status, text = error(answer)
    assert status == 400
    assert text.startswith("Invalid input for field/attribute enabled. Value: x. 'x' is not one of [True, 'True'")
    made = admin.post("identity", "/v3/users", {"user": {"name": "worded", "enabled": "no"}})
    assert made.json()["user"]["enabled"] is False


def test_users_keep_extras_and_never_show_passwords(admin):
    made = admin.post("identity", "/v3/users", {"user": {"name": "extra", "password": "pw", "email": "e@example.org"}})
    user = made.json()["user"]
    assert made.status_code == 201
    assert set(user) == {
        "id",
        "name",
        "domain_id",
        "enabled",
        "options",
        "email",
        "password_expires_at",
        "links",
    }
    changed = admin.patch("identity", f"/v3/users/{user['id']}", {"user": {"email": "f@example.org"}})
    assert changed.json()["user"]["email"] == "f@example.org"
    moved = admin.patch("identity", f"/v3/users/{user['id']}", {"user": {"domain_id": "x"}})
    assert moved.status_code in (400, 404)
    assert [u["name"] for u in admin.get("identity", "/v3/users?name=extra").json()["users"]] == ["extra"]
    assert error(admin.get("identity", "/v3/users/nope")) == (404, "Could not find user: nope.")


def test_projects_and_their_tags(admin):
    made = admin.post("identity", "/v3/projects", {"project": {"name": "tagged", "tags": ["b"]}})
    project = made.json()["project"]
    path = f"/v3/projects/{project['id']}"
    assert (project["parent_id"], project["domain_id"], project["is_domain"]) == ("default", "default", False)
    assert admin.put("identity", path + "/tags/a").status_code == 201
    assert admin.get("identity", path + "/tags").json()["tags"] == ["b", "a"]
    assert admin.get("identity", path + "/tags/zz").status_code == 404
    assert admin.put("identity", path + "/tags", {"tags": ["x", "x"]}).status_code == 400
    assert admin.delete("identity", path + "/tags/a").status_code == 204
    child = admin.post("identity", "/v3/projects", {"project": {"name": "child", "parent_id": project["id"]}}).json()[
        "project"
    ]
    status, text = error(admin.delete("identity", path))
    assert (status, "not a leaf" in text) == (403, True)
    assert admin.delete("identity", f"/v3/projects/{child['id']}").status_code == 204
    assert admin.delete("identity", path).status_code == 204


def test_a_domain_goes_with_all_that_is_in_it(cloud, admin):
    domain = admin.post("identity", "/v3/domains", {"domain": {"name": "doomed"}}).json()["domain"]
    for kind in ("user", "group", "project"):
        body = {kind: {"name": "inside", "domain_id": domain["id"]}}
        assert admin.post("identity", f"/v3/{kind}s", body).status_code == 201
    path = f"/v3/domains/{domain['id']}"
    assert error(admin.delete("identity", path)) == (
        403,
        "Cannot delete a domain that is enabled, please disable it first.",
    )
    assert admin.patch("identity", path, {"domain": {"enabled": False}}).status_code == 200
    assert admin.delete("identity", path).status_code == 204
    for kind in ("users", "groups", "projects"):
        assert cloud.state.find(f"identity.{kind}", domain_id=domain["id"]) == []


def test_roles_through_groups_and_inheritance(cloud, admin, connect):
    user = admin.post("identity", "/v3/users", {"user": {"name": "grouped", "password": "pw"}}).json()["user"]
    group = admin.post("identity", "/v3/groups", {"group": {"name": "them"}}).json()["group"]
    project = admin.post("identity", "/v3/projects", {"project": {"name": "theirs"}}).json()["project"]
    role = admin.get("identity", "/v3/roles?name=member").json()["roles"][0]["id"]
    member = f"/v3/groups/{group['id']}/users/{user['id']}"
    grant = f"/v3/projects/{project['id']}/groups/{group['id']}/roles/{role}"
    assert admin.call("HEAD", "identity", member).status_code == 404
    assert admin.put("identity", member).status_code == 204
    assert admin.call("HEAD", "identity", member).status_code == 204
    assert admin.get("identity", f"/v3/groups/{group['id']}/users").json()["users"][0]["name"] == "grouped"
    assert admin.put("identity", grant).status_code == 204
    assert admin.call("HEAD", "identity", grant).status_code == 204
    client = connect(cloud, "x", auth=password_auth("grouped", "pw", "theirs"))
    assert {r["name"] for r in client.scope["roles"]} == {"member", "reader"}
    query = f"/v3/role_assignments?effective&include_names&user.id={user['id']}"
    rows = admin.get("identity", query).json()["role_assignments"]
    assert {(r["role"]["name"], r["scope"]["project"]["name"]) for r in rows} == {
        ("member", "theirs"),
        ("reader", "theirs"),
    }
    direct = admin.get("identity", f"/v3/role_assignments?group.id={group['id']}").json()["role_assignments"]
    assert [set(r) for r in direct] == [{"links", "scope", "group", "role"}]
    assert admin.delete("identity", member).status_code == 204
    assert client.get("identity", "/v3/auth/catalog").status_code == 401
    inherited = f"/v3/OS-INHERIT/domains/default/users/{user['id']}/roles/{role}/inherited_to_projects"
    assert admin.put("identity", inherited).status_code == 204
    assert connect(cloud, "x", auth=password_auth("grouped", "pw", "theirs")).token
    assert admin.delete("identity", inherited).status_code == 204
    assert admin.delete("identity", inherited).status_code == 404


def test_grants_name_what_is_missing(admin, demo):
    path = f"/v3/projects/{demo.project_id}/users/{demo.user_id}/roles"
    assert error(admin.put("identity", f"{path}/nope")) == (404, "Could not find role: nope.")
    assert admin.put("identity", f"/v3/projects/nope/users/{demo.user_id}/roles/x").status_code == 404
    names = {r["name"] for r in admin.get("identity", path).json()["roles"]}
    assert "heat_stack_owner" in names
    assert demo.put("identity", f"{path}/nope").status_code == 403


def test_fixed_roles_stay(admin):
    role = admin.get("identity", "/v3/roles?name=member").json()["roles"][0]
    assert role["options"] == {"immutable": True}
    assert admin.delete("identity", f"/v3/roles/{role['id']}").status_code == 403
    inferences = admin.get("identity", "/v3/role_inferences").json()["role_inferences"]
    assert ("member", ["reader"]) in [(i["prior_role"]["name"], [r["name"] for r in i["implies"]]) for i in inferences]


def test_an_endpoint_of_ones_own_is_in_the_catalog(cloud, admin, connect):
    service = admin.post("identity", "/v3/services", {"service": {"type": "toy", "name": "toys"}}).json()["service"]
    endpoint = {
        "interface": "public",
        "region_id": "RegionOne",
        "service_id": service["id"],
        "url": "http://toys/$(tenant_id)s",
    }
    assert admin.post("identity", "/v3/endpoints", {"endpoint": endpoint}).status_code == 201
    demo = connect(cloud)
    line = next(line for line in demo.scope["catalog"] if line["type"] == "toy")
    assert [e["url"] for e in line["endpoints"]] == [f"http://toys/{demo.project_id}"]
    assert admin.delete("identity", f"/v3/services/{service['id']}").status_code == 204
    assert "toy" not in {line["type"] for line in connect(cloud).scope["catalog"]}


def test_the_sdk_manages_the_directory(cloud):
    connection = openstack.connect(
        auth={
            "auth_url": cloud.auth_url,
            "username": "admin",
            "password": "admin",
            "project_name": "admin",
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        region_name="RegionOne",
    )
    identity = connection.identity
    project = identity.create_project(name="sdk", description="made by the SDK")
    user = identity.create_user(name="sdk", password="sdk", default_project_id=project.id)
    role = identity.find_role("member")
    identity.assign_project_role_to_user(project, user, role)
    assert identity.validate_user_has_project_role(project, user, role)
    assert identity.find_user("sdk").default_project_id == project.id
    assert identity.update_project(project, description="changed").description == "changed"
    identity.delete_user(user)
    identity.delete_project(project)
    assert identity.find_project("sdk") is None
    connection.close()
