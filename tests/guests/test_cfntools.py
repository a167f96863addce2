"""A server with heat-cfntools: it boots with the user data that the stack gave it, and the real cfn-init, cfn-signal, cfn-get-metadata and
cfn-hup do their work. The machine is a mount namespace of this one, in which /etc and what is below /var are folders of the test.

Not driven: cfn-push-stats, which speaks to the CloudWatch API that Heat has given up, too.
"""

from __future__ import annotations

import base64
import email
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.guests.test_agent import eventually, outputs, stack_of
from tests.kamado_process import KamadoProcess
from tests.real.comparison import Account

_ETC = ("passwd", "group", "hosts", "nsswitch.conf", "resolv.conf", "ld.so.cache")
_ENTER = """
set -e
for name in log lib cache; do mount --bind "$0/var/$name" "/var/$name"; done
mount --bind "$0/etc" /etc
exec "$@"
"""
_BOOT = """
import email, os, subprocess, sys
handlers = {}
for part in email.message_from_string(sys.stdin.read()).get_payload():
    kind, name, body = part.get_content_type(), part.get_filename(), part.get_payload(decode=True)
    if kind == "text/part-handler":
        exec(body, handlers)
        handlers["handle_part"](None, "__begin__", None, None)
    elif kind == "text/x-shellscript":
        path = os.path.join("/var/lib", name)
        with open(path, "wb") as stream:
            stream.write(body)
        os.chmod(path, 0o700)
    elif "list_types" in handlers and kind in handlers["list_types"]():
        handlers["handle_part"](None, kind, name, body)
with open("/var/lib/heat-cfntools/cfn-metadata-server", "r+") as stream:
    address = stream.read().partition("/v1")[0]
    stream.seek(0)
    stream.truncate()
    stream.write(address)
sys.exit(subprocess.call(["/var/lib/loguserdata.py"]))
"""
"""What cloud-init does with parts of these kinds. The address of the API is cut short: heat-cfntools takes the port from its end, and where
there is a path behind it, as Heat and we write it, the standard one, which the API of this test has not.
"""

_USER_DATA = """#!/bin/sh
set -e
cfn-init -s STACK -r server --access-key KEY --secret-key SECRET --region RegionOne
cfn-signal -i here -s true -r "as wanted" -d "$(cat /var/lib/copied)" 'URL'
"""


class Machine:
    """A server in a folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        for name in ("etc", "var/log", "var/lib", "var/cache"):
            (folder / name).mkdir(parents=True)
        for name in _ETC:
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), folder / "etc" / name)

    def run(self, *words: str, given: str = "") -> str:
        """What a program prints there; it must end well."""
        known = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHONPATH"))}
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", _ENTER, self._folder, *words],
            input=given,
            env={**known, "PATH": f"{self._programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        logs = "\n".join(path.read_text() for path in (self._folder / "var" / "log").glob("*"))
        assert done.returncode == 0, f"{done.stderr[-4000:]}\n{logs[-4000:]}"
        return done.stdout

    def read(self, path: str) -> str:
        """A file there."""
        return (self._folder / path).read_text()

    def write(self, path: str, text: str) -> None:
        """Write one."""
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def template(word: str) -> dict[str, Any]:
    """A server that makes a file of the word, and a condition that waits for it to tell what is in there."""
    config = {
        "files": {"/var/lib/made": {"content": word, "mode": "000600", "owner": "root", "group": "root"}},
        "commands": {"1_copy": {"command": "cat /var/lib/made > /var/lib/copied"}},
    }
    params = {
        "STACK": {"get_param": "OS::stack_name"},
        "KEY": {"get_resource": "k"},
        "SECRET": {"get_attr": ["k", "SecretAccessKey"]},
        "URL": {"get_resource": "handle"},
    }
    booted = {
        "image": "cirros",
        "flavor": "m1.nano",
        "networks": [{"network": "private"}],
        "user_data_format": "HEAT_CFNTOOLS",
        "user_data": {"str_replace": {"template": _USER_DATA, "params": params}},
    }
    waits = {"Handle": {"get_resource": "handle"}, "Timeout": "300", "Count": "1"}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "p": {"type": "OS::Heat::AccessPolicy", "properties": {"AllowedResources": ["server"]}},
            "u": {"type": "AWS::IAM::User", "properties": {"Policies": [{"get_resource": "p"}]}},
            "k": {"type": "AWS::IAM::AccessKey", "properties": {"UserName": {"get_resource": "u"}}},
            "handle": {"type": "AWS::CloudFormation::WaitConditionHandle"},
            "wait": {"type": "AWS::CloudFormation::WaitCondition", "depends_on": "server", "properties": waits},
            "server": {
                "type": "OS::Nova::Server",
                "metadata": {"AWS::CloudFormation::Init": {"config": config}},
                "properties": booted,
            },
        },
        "outputs": {
            "told": {"value": {"get_attr": ["wait", "Data"]}},
            "key": {"value": {"get_resource": "k"}},
            "secret": {"value": {"get_attr": ["k", "SecretAccessKey"]}},
        },
    }


def user_data(kamado: KamadoProcess, server: str) -> str:
    """What Nova gives a server when it boots."""
    admin = Account.make(kamado.auth_url, "admin", "admin", "admin", None).session
    answer = admin.get(
        f"/servers/{server}",
        endpoint_filter={"service_type": "compute"},
        headers={"X-OpenStack-Nova-API-Version": "2.3"},
    )
    return base64.b64decode(answer.json()["server"]["OS-EXT-SRV-ATTR:user_data"]).decode()


@pytest.mark.timeout(600)
def test_a_server_with_cfntools_configures_itself_signals_and_follows_updates(
    kamado: KamadoProcess, programs: Path, tmp_path: Path
) -> None:
    site, machine = kamado.site(), Machine(programs, tmp_path / "machine")
    path = f"/stacks/cfntools/{site.create('cfntools', template('first'))}"

    def booted() -> Any:
        row = site.rest("GET", f"{path}/resources/server").json().get("resource", {})
        return row.get("resource_status") == "CREATE_COMPLETE" and row["physical_resource_id"]

    text = user_data(kamado, eventually(booted))
    assert {part.get_filename() for part in email.message_from_string(text).get_payload()} >= {
        "cfn-boto-cfg",
        "cfn-metadata-server",
    }
    machine.run("python3", "-c", _BOOT, given=text)
    assert machine.read("var/lib/copied") == "first"
    assert "provision ends, exit code 0" in machine.read("var/log/heat-provision.log")
    eventually(lambda: stack_of(site, path)["stack_status"] == "CREATE_COMPLETE")
    told = outputs(site, path)
    assert json.loads(told["told"]) == {"here": "first"}

    keys = ("--access-key", told["key"], "--secret-key", told["secret"])
    who = ("-s", "cfntools", "-r", "server", *keys)
    seen = machine.run("cfn-get-metadata", *who, "-k", "'AWS::CloudFormation::Init'.config.commands")
    assert json.loads(seen) == {"1_copy": {"command": "cat /var/lib/made > /var/lib/copied"}}
    machine.write("etc/cfn/cfn-credentials", f"AWSAccessKeyId={told['key']}\nAWSSecretKey={told['secret']}\n")
    machine.write(
        "etc/cfn/cfn-hup.conf", "[main]\nstack=cfntools\ncredential-file=/etc/cfn/cfn-credentials\nregion=RegionOne\n"
    )
    again = f"cfn-init -s cfntools -r server {' '.join(keys)} --region RegionOne"
    hook = f"[again]\ntriggers=post.update\npath=Resources.server.Metadata\naction={again} && touch /var/lib/hooked\nrunas=root\n"
    machine.write("etc/cfn/hooks.d/again.conf", hook)
    hooked = tmp_path / "machine" / "var" / "lib" / "hooked"
    machine.run("cfn-hup", "-f")
    assert not hooked.exists()  # nothing has changed

    assert site.rest("PUT", path, {"template": template("second")}).status_code == 202
    eventually(lambda: stack_of(site, path)["stack_status"] == "UPDATE_COMPLETE")
    machine.run("cfn-hup", "-f")
    assert hooked.exists()
    assert machine.read("var/lib/copied") == "second"
    site.rest("DELETE", path)
    eventually(lambda: stack_of(site, path)["stack_status"] in ("gone", "DELETE_COMPLETE"))
