"""The CloudFormation Query API as the agents on servers use it: signed by the keys of the stack's user, for its own stack only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
import requests
from tests.wire.stand import Stand
from tests.wire.test_deployments import Life

from kamado.localcloud.server import LocalCloud


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path_factory.mktemp("query"), cloud)
        stand.enter_catalog(cloud)
        yield stand
        stand.close()


SERVER = {
    "heat_template_version": "2018-08-31",
    "resources": {
        "server": {"type": "OS::Heat::DeployedServer", "description": "of mine", "metadata": {"own": "<ä>"}},
        "other": {"type": "OS::Heat::TestResource", "metadata": {"a": [1]}},
    },
}


@pytest.fixture(scope="module")
def life(stand: Stand) -> Life:
    made = Life(stand, "asked", SERVER)
    assert made.status() == "CREATE_COMPLETE"
    return made


def ask(keys: dict[str, Any], verb: str = "GET", **params: str) -> requests.Response:
    """One request, signed as EC2's clients do it."""
    url = keys["metadata_url"]
    parts = urlsplit(url)
    given = {
        "AWSAccessKeyId": keys["access_key_id"],
        "SignatureVersion": "2",
        "SignatureMethod": "HmacSHA256",
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **params,
    }
    query = "&".join(f"{quote(name, safe='')}={quote(given[name], safe='-_~')}" for name in sorted(given))
    text = "\n".join((verb, parts.netloc, parts.path, query))
    mac = hmac.new(keys["secret_access_key"].encode(), text.encode(), hashlib.sha256).digest()
    given["Signature"] = base64.b64encode(mac).decode()
    where = {"params": given} if verb == "GET" else {"data": given}
    return requests.request(verb, url, timeout=30, **where)


def keys_of(life: Life) -> dict[str, Any]:
    found: dict[str, Any] = life.metadata()["os-collect-config"]["cfn"]
    return found


def describe(keys: dict[str, Any], stack: str, resource: str, verb: str = "GET", **more: str) -> requests.Response:
    return ask(keys, verb, Action="DescribeStackResource", StackName=stack, LogicalResourceId=resource, **more)


def refusal(answer: requests.Response) -> tuple[int, str | None]:
    return answer.status_code, ElementTree.fromstring(answer.text).findtext("Error/Code")


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_resource_is_described_with_its_metadata(life: Life, verb: str) -> None:
    answer = describe(keys_of(life), "asked", "server", verb)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    detail = ElementTree.fromstring(answer.content).find("DescribeStackResourceResult/StackResourceDetail")
    assert detail is not None
    found = {one.tag: one.text for one in detail}
    assert json.loads(found.pop("Metadata") or "") == life.metadata()
    row = life.resource("server")
    assert found.pop("LastUpdatedTimestamp") == row["updated_time"]
    _, project = life.stand.token("demo")
    assert found == {
        "StackId": f"arn:openstack:heat::{project}:stacks/asked/{life.id}",
        "StackName": "asked",
        "LogicalResourceId": "server",
        "PhysicalResourceId": row["physical_resource_id"],
        "ResourceType": "OS::Heat::DeployedServer",
        "ResourceStatus": "CREATE_COMPLETE",
        "ResourceStatusReason": "state changed",
        "Description": "of mine",
    }


def test_the_same_as_json(life: Life) -> None:
    answer = describe(keys_of(life), "asked", "server", ContentType="JSON")
    assert answer.headers["Content-Type"] == "application/json"
    detail = answer.json()["DescribeStackResourceResponse"]["DescribeStackResourceResult"]["StackResourceDetail"]
    assert detail["Metadata"] == life.metadata()


def test_a_stack_is_named_by_its_id_or_its_arn_as_well(life: Life) -> None:
    _, project = life.stand.token("demo")
    for name in (life.id, f"arn:openstack:heat::{project}:stacks/asked/{life.id}"):
        assert describe(keys_of(life), name, "server").status_code == 200


def test_a_server_sees_itself_only(life: Life) -> None:
    for name in ("other", "nothing"):
        assert refusal(describe(keys_of(life), "asked", name)) == (403, "AccessDenied")


def test_what_is_not_there_or_not_asked_well_is_refused(life: Life) -> None:
    keys = keys_of(life)
    assert refusal(describe(keys, "nothing", "server")) == (400, "InvalidParameterValue")
    assert refusal(ask(keys, Action="DescribeStackResource", StackName="asked")) == (400, "MissingParameter")
    assert refusal(ask(keys, Action="DescribeNothing")) == (400, "InvalidAction")
    assert refusal(ask(keys)) == (400, "InvalidAction")
    assert refusal(ask({**keys, "secret_access_key": "x"}, Action="DescribeStackResource")) == (
        403,
        "SignatureDoesNotMatch",
    )
    assert refusal(requests.get(keys["metadata_url"], timeout=30)) == (400, "IncompleteSignature")


def test_the_user_of_a_stack_sees_its_own_stack_only(life: Life) -> None:
    elsewhere = Life(life.stand, "elsewhere", SERVER)
    assert elsewhere.status() == "CREATE_COMPLETE"
    for name in ("elsewhere", elsewhere.id):
        assert refusal(describe(keys_of(life), name, "server")) == (400, "InvalidParameterValue")
    assert describe(keys_of(elsewhere), "elsewhere", "server").status_code == 200


def test_keys_go_with_the_stack(life: Life) -> None:
    short = Life(life.stand, "short", SERVER)
    assert short.status() == "CREATE_COMPLETE"
    keys = keys_of(short)
    short.remove()
    assert refusal(describe(keys, "short", "server"))[0] == 403
