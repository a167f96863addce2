"""Acting for others: trusts, application credentials, EC2 keys and the signatures made with them."""

import base64
import hashlib
import hmac
from urllib.parse import quote

import openstack
import pytest
import requests
from tests.localcloud.conftest import password_auth


def error(answer):
    return answer.status_code, answer.json()["error"]["message"]


NOT_ALLOWED = "You are not authorized to perform the requested action: "


@pytest.fixture
def heat(cloud, connect):
    return connect(cloud, "heat", auth=password_auth("heat", "secret", "service"))


def make_trust(trustor, trustee, **more):
    trust = {
        "trustor_user_id": trustor.user_id,
        "trustee_user_id": trustee.user_id,
        "impersonation": True,
        "project_id": trustor.project_id,
        "roles": [{"name": "member"}],
        **more,
    }
    return trustor.post("identity", "/v3/OS-TRUST/trusts", {"trust": trust})


def by_trust(trust_id):
    return {**password_auth("heat", "secret", None), "scope": {"OS-TRUST:trust": {"id": trust_id}}}


def ask(cloud, auth):
    return requests.post(f"{cloud.auth_url}/auth/tokens", json={"auth": auth}, timeout=10)


def test_a_trust_from_making_to_deleting(cloud, demo, alt, heat, connect):
    made = make_trust(demo, heat)
    trust = made.json()["trust"]
    assert made.status_code == 201
    assert [role["name"] for role in trust["roles"]] == ["member"]
    assert (trust["expires_at"], trust["remaining_uses"], trust["deleted_at"]) == (None, None, None)
    path = f"/v3/OS-TRUST/trusts/{trust['id']}"
    for reader in (demo, heat):
        assert reader.get("identity", path).json()["trust"]["id"] == trust["id"]
    assert alt.get("identity", path).status_code == 403
    mine = demo.get("identity", f"/v3/OS-TRUST/trusts?trustor_user_id={demo.user_id}").json()["trusts"]
    assert trust["id"] in [t["id"] for t in mine]
    acting = connect(cloud, "x", auth=by_trust(trust["id"]))
    assert (acting.user_id, acting.project_id) == (demo.user_id, demo.project_id)
    assert acting.scope["OS-TRUST:trust"]["trustee_user"]["id"] == heat.user_id
    assert {role["name"] for role in acting.scope["roles"]} == {"member", "reader"}
    rescoped = ask(
        cloud,
        {
            "identity": {"methods": ["token"], "token": {"id": acting.token}},
            "scope": {"project": {"id": demo.project_id}},
        },
    )
    assert rescoped.status_code == 403
    wrong = {**password_auth("alt_demo", "alt_demo", None), "scope": {"OS-TRUST:trust": {"id": trust["id"]}}}
    assert error(ask(cloud, wrong)) == (403, NOT_ALLOWED + "User is not a trustee.")
    assert alt.delete("identity", path).status_code == 403
    assert demo.delete("identity", path).status_code == 204
    assert acting.get("identity", "/v3/auth/catalog").status_code == 401
    assert error(demo.get("identity", path)) == (404, f"Could not find trust: {trust['id']}.")
    assert ask(cloud, by_trust(trust["id"])).status_code == 401


def test_refused_trusts(demo, alt, heat, admin):
    role = admin.get("identity", "/v3/roles?name=admin").json()["roles"][0]["id"]
    assert error(make_trust(demo, heat, roles=[{"name": "admin"}])) == (404, f"Could not find role: {role}.")
    nobody = make_trust(demo, heat, roles=[])
    assert error(nobody) == (403, NOT_ALLOWED + "At least one role should be specified.")
    other = make_trust(demo, heat, trustor_user_id=alt.user_id)
    assert error(other) == (403, NOT_ALLOWED + "identity:create_trust.")
    assert make_trust(demo, heat, trustee_user_id="nope").status_code == 404
    assert make_trust(demo, heat, impersonation="yes").status_code == 400
    assert make_trust(demo, heat, remaining_uses=0).status_code == 400
    assert make_trust(demo, heat, expires_at="2001-01-01T00:00:00Z").status_code == 400
    empty = demo.post("identity", "/v3/OS-TRUST/trusts", {"trust": {}})
    assert error(empty) == (
        400,
        "Invalid input for field/attribute trust. Value: {}. 'trustor_user_id' is a required property",
    )


def test_a_trust_is_handed_on_as_often_and_as_far_as_it_allows(cloud, demo, alt, heat, admin, connect):
    """As a real Keystone does it."""
    refused = (403, "You are not authorized to perform the requested action.")
    plain = make_trust(demo, heat).json()["trust"]
    assert plain["redelegation_count"] == 0
    acting = connect(cloud, "x", auth=by_trust(plain["id"]))
    assert error(make_trust(acting, alt)) == refused
    assert make_trust(demo, heat, redelegation_count=2).json()["trust"]["redelegation_count"] == 0
    assert error(make_trust(demo, heat, allow_redelegation=True, redelegation_count=9)) == refused
    assert make_trust(demo, heat, redelegation_count=-1).status_code == 400
    assert error(make_trust(demo, heat, allow_redelegation=True, remaining_uses=2))[0] == 400

    first = make_trust(demo, heat, allow_redelegation=True).json()["trust"]
    assert (first["redelegation_count"], first["redelegated_trust_id"]) == (3, None)
    acting = connect(cloud, "x", auth=by_trust(first["id"]))
    last = make_trust(acting, alt).json()["trust"]
    assert (last["redelegation_count"], last["redelegated_trust_id"]) == (0, first["id"])
    more = make_trust(acting, alt, allow_redelegation=True).json()["trust"]
    assert more["redelegation_count"] == 2
    assert error(make_trust(acting, alt, allow_redelegation=True, redelegation_count=1)) == refused
    for wrong in ({"roles": [{"name": "heat_stack_owner"}]}, {"remaining_uses": 3}):
        assert error(make_trust(acting, alt, **wrong)) == refused
    assert error(make_trust(acting, alt, trustor_user_id=heat.user_id))[0] == 403
    assert make_trust(acting, alt, expires_at="2100-01-01T00:00:00.000000Z").status_code == 400

    by_more = {**password_auth("alt_demo", "alt_demo", None), "scope": {"OS-TRUST:trust": {"id": more["id"]}}}
    far = connect(cloud, "x", auth=by_more)
    assert (far.user_id, far.project_id) == (demo.user_id, demo.project_id)
    admin.patch("identity", f"/v3/users/{heat.user_id}", {"user": {"enabled": False}})
    assert far.get("identity", "/v3/auth/catalog").status_code == 401
    admin.patch("identity", f"/v3/users/{heat.user_id}", {"user": {"enabled": True}})
    far = connect(cloud, "x", auth=by_more)
    assert demo.delete("identity", f"/v3/OS-TRUST/trusts/{first['id']}").status_code == 204
    for trust in (last, more):
        assert demo.get("identity", f"/v3/OS-TRUST/trusts/{trust['id']}").status_code == 404
    assert far.get("identity", "/v3/auth/catalog").status_code == 401


def test_what_is_handed_on_ends_no_later(cloud, demo, alt, heat, connect):
    ends = "2100-01-01T00:00:00.000000Z"
    first = make_trust(demo, heat, allow_redelegation=True, expires_at=ends).json()["trust"]
    acting = connect(cloud, "x", auth=by_trust(first["id"]))
    assert make_trust(acting, alt).json()["trust"]["expires_at"] == ends
    sooner = "2099-01-01T00:00:00.000000Z"
    assert make_trust(acting, alt, expires_at=sooner).json()["trust"]["expires_at"] == sooner
    assert make_trust(acting, alt, expires_at="2101-01-01T00:00:00.000000Z").status_code == 403


def test_a_trust_is_used_up(cloud, demo, heat):
    trust = make_trust(demo, heat, remaining_uses=2).json()["trust"]
    statuses = [ask(cloud, by_trust(trust["id"])).status_code for _ in range(3)]
    assert statuses == [201, 201, 403]


def test_a_trust_ends_with_what_its_giver_loses(cloud, admin, heat, connect):
    user = admin.post("identity", "/v3/users", {"user": {"name": "giver", "password": "pw"}}).json()["user"]
    project = admin.post("identity", "/v3/projects", {"project": {"name": "given"}}).json()["project"]
    role = admin.get("identity", "/v3/roles?name=member").json()["roles"][0]["id"]
    grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role}"
    admin.put("identity", grant)
    giver = connect(cloud, "x", auth=password_auth("giver", "pw", "given"))
    trust = make_trust(giver, heat).json()["trust"]
    acting = connect(cloud, "x", auth=by_trust(trust["id"]))
    admin.delete("identity", grant)
    assert acting.get("identity", "/v3/auth/catalog").status_code == 401
    assert ask(cloud, by_trust(trust["id"])).status_code == 403
    admin.put("identity", grant)
    assert ask(cloud, by_trust(trust["id"])).status_code == 201
    admin.patch("identity", f"/v3/users/{user['id']}", {"user": {"enabled": False}})
    assert error(ask(cloud, by_trust(trust["id"]))) == (403, NOT_ALLOWED + "Trustor is disabled.")
    admin.delete("identity", f"/v3/users/{user['id']}")
    assert ask(cloud, by_trust(trust["id"])).status_code == 401


def test_a_trust_expires(start_cloud, connect):
    from kamado.localcloud import ManualClock

    clock = ManualClock(1_800_000_000)
    cloud = start_cloud(clock=clock)
    demo = connect(cloud)
    heat = connect(cloud, "heat", auth=password_auth("heat", "secret", "service"))
    trust = make_trust(demo, heat, expires_at="2027-01-15T09:00:00.000000Z").json()["trust"]
    token = ask(cloud, by_trust(trust["id"])).json()["token"]
    assert token["expires_at"] == trust["expires_at"] == "2027-01-15T09:00:00.000000Z"
    clock.advance(3600 * 24)
    assert ask(cloud, by_trust(trust["id"])).status_code == 401


# application credentials


def make_held(client, **more):
    body = {"application_credential": {"name": "robot", **more}}
    return client.post("identity", f"/v3/users/{client.user_id}/application_credentials", body)


def by_held(held):
    proof = {"id": held["id"], "secret": held["secret"]}
    return {"identity": {"methods": ["application_credential"], "application_credential": proof}}


def test_application_credentials(cloud, demo, admin, alt, connect):
    made = make_held(demo, roles=[{"name": "member"}])
    held = made.json()["application_credential"]
    assert made.status_code == 201
    assert (held["project_id"], held["user_id"]) == (demo.project_id, demo.user_id)
    assert [role["name"] for role in held["roles"]] == ["member"]
    path = f"/v3/users/{demo.user_id}/application_credentials"
    assert "secret" not in demo.get("identity", f"{path}/{held['id']}").json()["application_credential"]
    assert error(make_held(demo)) == (
        409,
        "Conflict occurred attempting to store application_credential - Duplicate entry found with name robot.",
    )
    assert error(make_held(demo, name="b", roles=[{"name": "admin"}])) == (
        400,
        "Invalid application credential: Cannot create an application credential with unassigned role",
    )
    assert error(make_held(demo, foo=1))[0] == 400
    other = admin.post("identity", path, {"application_credential": {"name": "x"}})
    assert error(other) == (403, NOT_ALLOWED + "identity:create_application_credential.")
    assert alt.get("identity", path).status_code == 403
    robot = connect(cloud, "x", auth=by_held(held))
    assert robot.scope["application_credential"] == {"id": held["id"], "name": "robot", "restricted": True}
    assert robot.project_id == demo.project_id
    assert {role["name"] for role in robot.scope["roles"]} == {"member", "reader"}
    assert make_held(robot, name="second").status_code == 403
    assert make_trust(robot, alt).status_code == 403
    assert ask(cloud, by_held({**held, "secret": "no"})).status_code == 401
    assert demo.delete("identity", f"{path}/{held['id']}").status_code == 204
    assert robot.get("identity", "/v3/auth/catalog").status_code == 401


def test_an_unrestricted_one_may_delegate(cloud, demo, heat, connect):
    held = make_held(demo, name="free", unrestricted=True).json()["application_credential"]
    robot = connect(cloud, "x", auth=by_held(held))
    assert make_trust(robot, heat).status_code == 201
    assert make_held(robot, name="grandchild").status_code == 201


# EC2


def ec2_key(client):
    path = f"/v3/users/{client.user_id}/credentials/OS-EC2"
    made = client.post("identity", path, {"tenant_id": client.project_id})
    assert made.status_code == 201
    return made.json()["credential"]


def signed(key, version="2", **more):
    params = {
        "Action": "DescribeStacks",
        "AWSAccessKeyId": key["access"],
        "SignatureVersion": version,
        "SignatureMethod": "HmacSHA256",
        "Timestamp": "2026-11-20T22:00:00Z",
        **more,
    }
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(params[k], safe='-_.~')}" for k in sorted(params))
    text = f"GET\n127.0.0.1\n/v1/\n{query}"
    mac = hmac.new(key["secret"].encode(), text.encode(), hashlib.sha256).digest()
    return {
        "access": key["access"],
        "signature": base64.b64encode(mac).decode(),
        "verb": "GET",
        "host": "127.0.0.1:8000",
        "path": "/v1/",
        "params": params,
    }


def test_ec2_keys_and_signatures(cloud, demo, alt, heat):
    key = ec2_key(demo)
    path = f"/v3/users/{demo.user_id}/credentials/OS-EC2"
    assert demo.get("identity", f"{path}/{key['access']}").json()["credential"]["secret"] == key["secret"]
    assert alt.get("identity", path).status_code == 403
    assert demo.get("identity", f"{path}/nope").status_code == 404
    stored = demo.get("identity", "/v3/credentials?type=ec2").json()["credentials"]
    assert stored[0]["id"] == hashlib.sha256(key["access"].encode()).hexdigest()
    request = {"ec2Credentials": signed(key)}
    answer = heat.post("identity", "/v3/ec2tokens", request)
    assert answer.status_code == 200
    assert answer.json()["token"]["user"]["id"] == demo.user_id
    assert answer.json()["token"]["project"]["id"] == demo.project_id
    assert answer.headers["X-Subject-Token"]
    forged = {"ec2Credentials": {**signed(key), "path": "/v1/other"}}
    assert heat.post("identity", "/v3/ec2tokens", forged).status_code == 401
    assert error(demo.post("identity", "/v3/ec2tokens", request)) == (
        403,
        NOT_ALLOWED + "identity:ec2tokens_validate.",
    )
    bare = requests.post(f"{cloud.auth_url}/ec2tokens", json=request, timeout=10)
    assert bare.status_code == 401
    unknown = heat.post("identity", "/v3/ec2tokens", {"ec2Credentials": {"access": "x"}})
    assert error(unknown) == (404, "EC2 access key not found.")
    assert demo.delete("identity", f"{path}/{key['access']}").status_code == 204
    assert heat.post("identity", "/v3/ec2tokens", request).status_code == 404


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def test_signature_version_4(demo, heat):
    key = ec2_key(demo)
    body = b"Action=ListStacks"
    when, day = "20261120T220000Z", "20261120"
    names = "content-type;host;x-amz-date"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Host": "127.0.0.1:8000",
        "X-Amz-Date": when,
    }
    canonical = "\n".join(
        [
            "POST",
            "/v1/",
            "",
            *(f"{n}:{headers[{'content-type': 'Content-Type', 'host': 'Host', 'x-amz-date': 'X-Amz-Date'}[n]]}" for n in names.split(";")),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )  # fmt: skip
    scope = f"{day}/RegionOne/cloudformation/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = b"AWS4" + key["secret"].encode()
    for part in scope.split("/"):
        secret = _mac(secret, part)
    signature = _mac(secret, text).hex()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key['access']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    request = {
        "access": key["access"],
        "signature": signature,
        "verb": "POST",
        "host": "127.0.0.1:8000",
        "path": "/v1/",
        "params": {},
        "headers": headers,
        "body_hash": hashlib.sha256(body).hexdigest(),
    }
    assert heat.post("identity", "/v3/ec2tokens", {"credentials": request}).status_code == 200
    tampered = {**request, "body_hash": hashlib.sha256(b"Action=DeleteStack").hexdigest()}
    assert heat.post("identity", "/v3/ec2tokens", {"credentials": tampered}).status_code == 401


def test_credentials_of_other_types(demo, alt):
    body = {"credential": {"blob": "x", "type": "cert", "user_id": demo.user_id}}
    made = demo.post("identity", "/v3/credentials", body)
    assert made.status_code == 201
    path = f"/v3/credentials/{made.json()['credential']['id']}"
    assert alt.get("identity", path).status_code == 403
    assert alt.post("identity", "/v3/credentials", body).status_code == 403
    assert demo.patch("identity", path, {"credential": {"blob": "y"}}).json()["credential"]["blob"] == "y"
    ec2 = {"credential": {"blob": "{}", "type": "ec2", "user_id": demo.user_id}}
    status, text = error(demo.post("identity", "/v3/credentials", ec2))
    assert (status, text.endswith("'project_id' is a required property")) == (400, True)
    assert demo.delete("identity", path).status_code == 204


def test_the_sdk_uses_an_application_credential(cloud, demo):
    held = make_held(demo, name="for-the-sdk").json()["application_credential"]
    connection = openstack.connect(
        auth_type="v3applicationcredential",
        auth={
            "auth_url": cloud.auth_url,
            "application_credential_id": held["id"],
            "application_credential_secret": held["secret"],
        },
        region_name="RegionOne",
    )
    assert connection.current_project_id == demo.project_id
    connection.close()
