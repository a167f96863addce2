"""Tokens: the ways to get one, what it says, and what ends it. Statuses and bodies as the real Keystone answers."""

import pytest
import requests
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v2, v3
from tests.localcloud.conftest import Client, password_auth


def ask(cloud, auth, **more):
    return requests.post(f"{cloud.auth_url}/auth/tokens", json={"auth": auth}, timeout=10, **more)


def message(answer):
    return answer.json()["error"]["message"]


UNAUTHENTICATED = "The request you have made requires authentication."
CLIENT_ERROR = (
    " The server could not comply with the request since it is either malformed or otherwise incorrect."
    " The client is assumed to be in error."
)


def test_a_project_token(cloud, demo):
    token = demo.scope
    assert token["methods"] == ["password"]
    assert token["project"] == {
        "id": demo.project_id,
        "name": "demo",
        "domain": {"id": "default", "name": "Default"},
    }
    assert token["user"]["name"] == "demo"
    assert token["is_domain"] is False
    names = {role["name"] for role in token["roles"]}
    assert names == {"member", "reader", "heat_stack_owner", "creator", "load-balancer_member"}
    identity = next(line for line in token["catalog"] if line["type"] == "identity")
    assert {e["interface"] for e in identity["endpoints"]} == {"public", "internal", "admin"}
    assert {e["url"] for e in identity["endpoints"]} == {cloud.auth_url}
    assert {e["region_id"] for e in identity["endpoints"]} == {"RegionOne"}


@pytest.mark.parametrize(
    ("auth", "status", "text"),
    [
        (password_auth("demo", "wrong", "demo"), 401, UNAUTHENTICATED),
        (password_auth("nobody", "x", None), 401, UNAUTHENTICATED),
        (password_auth("demo", "demo", "admin"), 401, UNAUTHENTICATED),
        (password_auth("demo", "demo", "nowhere"), 401, UNAUTHENTICATED),
        ({"identity": {"methods": ["foo"]}}, 400, "Expecting to find foo in identity." + CLIENT_ERROR),
        (
            {"identity": {"methods": ["password"]}},
            400,
            "Expecting to find password in identity." + CLIENT_ERROR,
        ),
        (
            {"identity": {"methods": ["password"], "password": {"user": {"name": "demo", "password": "demo"}}}},
            400,
            "Expecting to find domain in user." + CLIENT_ERROR,
        ),
        (
            {**password_auth("demo", "demo", None), "scope": {"project": {"name": "demo"}}},
            400,
            "Expecting to find domain in project." + CLIENT_ERROR,
        ),
        (
            {**password_auth("demo", "demo", None), "scope": {"OS-TRUST:trust": {"id": "nope"}}},
            401,
            UNAUTHENTICATED,
        ),
        ({}, 400, "'identity' is a required property"),
    ],
)
def test_who_is_not_let_in(cloud, auth, status, text):
    answer = ask(cloud, auth)
    assert (answer.status_code, message(answer)) == (status, text)
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{cloud.auth_url}"'


def test_no_json(cloud):
    answer = requests.post(f"{cloud.auth_url}/auth/tokens", data=b'{"au', timeout=10)
    text = "Expecting to find valid JSON in request body." + CLIENT_ERROR
    assert (answer.status_code, message(answer)) == (400, text)


def test_scopes(cloud):
    admin = password_auth("admin", "admin", None)
    unscoped = ask(cloud, {**admin, "scope": "unscoped"}).json()["token"]
    assert not {"project", "domain", "roles", "catalog"} & set(unscoped)
    system = ask(cloud, {**admin, "scope": {"system": {"all": True}}}).json()["token"]
    assert system["system"] == {"all": True}
    assert ask(cloud, {**admin, "scope": {"domain": {"id": "default"}}}).status_code == 401
    keeper = {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "heat_domain_admin", "domain": {"name": "heat"}, "password": "secret"}},
        },
        "scope": {"domain": {"name": "heat"}},
    }
    domain = ask(cloud, keeper).json()["token"]
    assert domain["domain"]["name"] == "heat"
    assert "admin" in {role["name"] for role in domain["roles"]}
    default = ask(cloud, password_auth("demo", "demo", None)).json()["token"]
    assert default["project"]["name"] == "demo", "a user's default project is the scope when none is asked for"


def test_a_token_gets_a_token_with_the_same_end(cloud, demo, shared_clock):
    shared_clock.advance(60)
    auth = {
        "identity": {"methods": ["token"], "token": {"id": demo.token}},
        "scope": {"project": {"id": demo.project_id}},
    }
    again = ask(cloud, auth).json()["token"]
    assert again["methods"] == ["password", "token"]
    assert again["expires_at"] == demo.scope["expires_at"]
    assert again["audit_ids"][1] == demo.scope["audit_ids"][0]


def test_tokens_expire(start_cloud, connect):
    from kamado.localcloud import ManualClock

    clock = ManualClock()
    cloud = start_cloud(clock=clock, token_seconds=100)
    demo = connect(cloud)
    assert demo.get("identity", "/v3/auth/projects").status_code == 200
    clock.advance(101)
    gone = demo.get("identity", "/v3/auth/projects")
    assert (gone.status_code, message(gone)) == (401, UNAUTHENTICATED)
    service = connect(cloud, "heat", auth=password_auth("heat", "secret", "service"))
    headers = {"X-Subject-Token": demo.token}
    assert service.get("identity", "/v3/auth/tokens", headers=headers).status_code == 404
    late = service.get("identity", "/v3/auth/tokens?allow_expired=1", headers=headers)
    assert late.json()["token"]["user"]["name"] == "demo"


def test_validation_as_services_ask_for_it(cloud, demo, alt, connect):
    service = connect(cloud, "heat", auth=password_auth("heat", "secret", "service"))
    headers = {"X-Subject-Token": demo.token}
    answer = service.get("identity", "/v3/auth/tokens", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["X-Subject-Token"] == demo.token
    assert answer.headers["Vary"] == "X-Auth-Token"
    assert answer.json()["token"]["project"]["id"] == demo.project_id
    assert service.call("HEAD", "identity", "/v3/auth/tokens", headers=headers).status_code == 200
    short = service.get("identity", "/v3/auth/tokens?nocatalog", headers=headers).json()["token"]
    assert "catalog" not in short
    unknown = service.get("identity", "/v3/auth/tokens", headers={"X-Subject-Token": "nope"})
    assert (unknown.status_code, message(unknown)) == (404, "Could not recognize Fernet token")
    curious = alt.get("identity", "/v3/auth/tokens", headers=headers)
    assert curious.status_code == 403
    assert message(curious) == ("You are not authorized to perform the requested action: identity:validate_token.")
    assert demo.get("identity", "/v3/auth/tokens", headers=headers).status_code == 200


def test_what_ends_a_token(cloud, admin, connect):
    made = admin.post(
        "identity",
        "/v3/users",
        {"user": {"name": "short-lived", "password": "one", "domain_id": "default"}},
    )
    user = made.json()["user"]
    role = admin.get("identity", "/v3/roles?name=member").json()["roles"][0]["id"]
    project = admin.post("identity", "/v3/projects", {"project": {"name": "short-project"}}).json()["project"]
    grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role}"

    def fresh(password="one"):
        assert admin.put("identity", grant).status_code == 204
        return connect(cloud, "x", auth=password_auth("short-lived", password, "short-project"))

    def works(client):
        return client.get("identity", "/v3/auth/catalog").status_code == 200

    revoked = fresh()
    assert works(revoked)
    headers = {"X-Subject-Token": revoked.token}
    assert revoked.delete("identity", "/v3/auth/tokens", headers=headers).status_code == 204
    assert not works(revoked)
    roleless = fresh()
    admin.delete("identity", grant)
    assert not works(roleless)
    closed = fresh()
    admin.patch("identity", f"/v3/projects/{project['id']}", {"project": {"enabled": False}})
    assert not works(closed)
    admin.patch("identity", f"/v3/projects/{project['id']}", {"project": {"enabled": True}})
    assert works(closed)
    changed = fresh()
    body = {"user": {"original_password": "one", "password": "two"}}
    path = f"{cloud.auth_url}/users/{user['id']}/password"
    wrong = {"user": {"original_password": "zero", "password": "two"}}
    assert requests.post(path, json=wrong, timeout=10).status_code == 401
    assert requests.post(path, json=body, timeout=10).status_code == 204
    assert not works(changed)
    deleted = fresh("two")
    assert works(deleted)
    admin.delete("identity", f"/v3/users/{user['id']}")
    assert not works(deleted)


def test_own_reach(demo, admin):
    projects = demo.get("identity", "/v3/auth/projects").json()["projects"]
    assert [p["name"] for p in projects] == ["demo"]
    assert {p["name"] for p in admin.get("identity", "/v3/auth/projects").json()["projects"]} == {
        "admin",
        "demo",
    }
    assert demo.get("identity", "/v3/auth/domains").json()["domains"] == []
    assert demo.get("identity", "/v3/auth/system").json()["system"] == []
    assert admin.get("identity", "/v3/auth/system").json()["system"] == [{"all": True}]
    catalog = demo.get("identity", "/v3/auth/catalog").json()["catalog"]
    assert "identity" in {line["type"] for line in catalog}


def test_discovery(cloud):
    base = cloud.urls["identity"]
    root = requests.get(base + "/", timeout=10)
    assert root.status_code == 300
    assert root.headers["Location"] == base + "/v3/"
    version = root.json()["versions"]["values"][0]
    assert (version["id"], version["status"]) == ("v3.14", "stable")
    assert requests.get(base + "/v3", timeout=10).json()["version"]["links"][0]["href"] == base + "/v3/"
    assert requests.get(base + "/v3/", timeout=10).status_code == 200
    assert requests.get(base + "/v3/nope", timeout=10).status_code == 404


def test_keystoneauth_of_both_versions(cloud):
    new = v3.Password(
        cloud.auth_url,
        username="demo",
        password="demo",
        project_name="demo",
        user_domain_id="default",
        project_domain_id="default",
    )
    session = ks_session.Session(new)
    assert session.get_endpoint(service_type="image") == cloud.urls["image"]
    old = v2.Password(cloud.urls["identity"] + "/v2.0", "demo", "demo", tenant_name="demo")
    old_session = ks_session.Session(old)
    assert old_session.get_project_id() == session.get_project_id()
    headers = {"X-Auth-Token": old_session.get_token()}
    tenants = requests.get(cloud.urls["identity"] + "/v2.0/tenants", headers=headers, timeout=10).json()
    assert [t["name"] for t in tenants["tenants"]] == ["demo"]
    bad = {"auth": {"passwordCredentials": {"username": "demo", "password": "no"}}}
    assert requests.post(cloud.urls["identity"] + "/v2.0/tokens", json=bad, timeout=10).status_code == 401


def test_catalog_names_kamado_itself(start_cloud, connect):
    cloud = start_cloud(
        orchestration_url="http://127.0.0.1:8004/v1/%(project_id)s",
        cloudformation_url="http://127.0.0.1:8000/v1",
    )
    demo: Client = connect(cloud)
    urls = {line["type"]: line["endpoints"][0]["url"] for line in demo.scope["catalog"]}
    assert urls["orchestration"] == f"http://127.0.0.1:8004/v1/{demo.project_id}"
    assert urls["cloudformation"] == "http://127.0.0.1:8000/v1"
    assert cloud.endpoints["orchestration"].endswith("%(project_id)s")
