"""User data: the parts that heat-cfntools and cloud-init look for, read back with the standard library's parser."""

from __future__ import annotations

import ast
import email
import json
import subprocess

import pytest

from kamado.cloud.session import metadata_server_url
from kamado.resources.nova import guest_scripts, user_data

URL = "https://cfn.example:8000/v1/"


def parts(text: str) -> list[tuple[str, str | None, str]]:
    message = email.message_from_string(text)
    assert message.get_content_type() == "multipart/mixed"
    found = []
    for part in message.get_payload():
        raw = part.get_payload(decode=True)
        found.append((part.get_content_type(), part.get_filename(), raw.decode(part.get_content_charset())))
    return found


def test_raw_is_left_alone() -> None:
    assert user_data.build("#!/bin/sh\necho", "RAW", {"a": 1}, URL) == "#!/bin/sh\necho"


def test_cfntools_gets_its_parts_in_order() -> None:
    built = parts(user_data.build("echo grün", "HEAT_CFNTOOLS", {"k": "v"}, URL))
    assert [(kind, name) for kind, name, _ in built] == [
        ("text/cloud-config", "cloud-config"),
        ("text/cloud-boothook", "boothook.sh"),
        ("text/part-handler", "part-handler.py"),
        ("text/x-cfninitdata", "cfn-userdata"),
        ("text/x-shellscript", "loguserdata.py"),
        ("text/x-cfninitdata", "cfn-init-data"),
        ("text/x-cfninitdata", "cfn-metadata-server"),
        ("text/x-cfninitdata", "cfn-boto-cfg"),
    ]
    contents = {name: content for _, name, content in built}
    assert contents["cfn-userdata"] == "echo grün"
    assert json.loads(contents["cfn-init-data"]) == {"k": "v"}
    assert contents["cfn-metadata-server"] == URL
    assert contents["cfn-boto-cfg"].splitlines() == [
        "[Boto]",
        "debug = 0",
        "is_secure = 1",
        "https_validate_certificates = 1",
        "cfn_region_name = heat",
        "cfn_region_endpoint = cfn.example",
    ]


def test_without_a_cloudformation_api_its_parts_are_left_out() -> None:
    names = [name for _, name, _ in parts(user_data.build("", "HEAT_CFNTOOLS", {}, None))]
    assert names == ["cloud-config", "boothook.sh", "part-handler.py", "cfn-userdata", "loguserdata.py"]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert user_data.build("x", "HEAT_CFNTOOLS", {}, URL) == user_data.build("x", "HEAT_CFNTOOLS", {}, URL)


def test_multipart_user_data_keeps_its_parts() -> None:
    own = user_data.multipart(
        [user_data.Part("a: 1", "a.cfg", "cloud-config"), user_data.Part("ls", "b", "x-shellscript")]
    )
    built = parts(user_data.build(own, "SOFTWARE_CONFIG", {"deployments": []}, URL))
    assert [(kind, name) for kind, name, _ in built[3:]] == [
        ("text/cloud-config", "a.cfg"),
        ("text/x-shellscript", "b"),
        ("text/x-cfninitdata", "cfn-init-data"),
    ]
    assert built[3][2] == "a: 1"


def test_plain_text_is_one_more_part() -> None:
    kind, name, content = parts(user_data.build("#!/bin/sh", "SOFTWARE_CONFIG", {}, URL))[3]
    assert (kind, name, content) == ("text/plain", "", "#!/bin/sh")


def test_ignition_gets_the_metadata_as_files() -> None:
    source = json.dumps({"ignition": {"version": "2.2.0"}})
    built = json.loads(user_data.build(source, "SOFTWARE_CONFIG", {"k": 1}, URL))
    assert [file["path"] for file in built["storage"]["files"]] == [
        "/var/lib/heat-cfntools/cfn-init-data",
        "/var/lib/cloud/data/cfn-init-data",
    ]
    assert built["storage"]["files"][0]["contents"]["source"] == "data:,%7B%22k%22%3A%201%7D"
    assert user_data.build(source, "SOFTWARE_CONFIG", {}, URL) == source


@pytest.mark.parametrize("storage", [[], {"files": {}}])
def test_ignition_of_an_odd_shape_is_refused(storage: object) -> None:
    source = json.dumps({"ignition": {"version": "2.2.0"}, "storage": storage})
    with pytest.raises(ValueError, match="Ignition"):
        user_data.build(source, "SOFTWARE_CONFIG", {"k": 1}, URL)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://c:8000", "http://c:8000/v1/"),
        ("http://c:8000/v1", "http://c:8000/v1/"),
        ("http://c/cfn/v1/", "http://c/cfn/v1/"),
    ],
)
def test_the_metadata_server_has_its_version(endpoint: str, url: str) -> None:
    assert metadata_server_url(endpoint) == url


def test_the_guest_scripts_are_sound() -> None:
    ast.parse(guest_scripts.PART_HANDLER)
    ast.parse(guest_scripts.LOG_USER_DATA)
    checked = subprocess.run(["sh", "-n"], input=guest_scripts.BOOTHOOK, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_part_handler_names_the_type_it_takes() -> None:
    namespace: dict[str, object] = {}
    exec(compile(guest_scripts.PART_HANDLER, "part-handler.py", "exec"), namespace)
    list_types = namespace["list_types"]
    assert callable(list_types)
    assert list_types() == ["text/x-cfninitdata"]
