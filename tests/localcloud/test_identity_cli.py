"""A handful of commands through the real `openstack` client: each takes two seconds, so there are few."""

import json
import os
import subprocess
import sys
from pathlib import Path


def openstack(cloud, name, *arguments, check=True):
    environment = {
        "PATH": os.environ["PATH"],
        "OS_AUTH_URL": cloud.auth_url,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": name,
        "OS_PASSWORD": name,
        "OS_PROJECT_NAME": name,
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": "RegionOne",
    }
    program = Path(sys.executable).parent / "openstack"
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=check
    )


def test_directory_and_images(cloud, tmp_path):
    made = openstack(
        cloud, "admin", "user", "create", "--project", "demo", "--password", "pw", "cli-user", "-f", "json"
    )
    user = json.loads(made.stdout)
    assert (user["name"], user["enabled"]) == ("cli-user", True)
    refused = openstack(cloud, "demo", "user", "list", check=False)
    assert refused.returncode != 0
    assert "You are not authorized to perform the requested action: identity:list_users." in refused.stderr
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"disk")
    command = ("image", "create", "--file", str(disk), "--disk-format", "raw", "cli-image", "-f", "json")
    image = json.loads(openstack(cloud, "demo", *command).stdout)
    assert image["name"] == "cli-image"
    listed = json.loads(openstack(cloud, "demo", "image", "list", "-f", "json").stdout)
    assert ("cli-image", "active") in {(row["Name"], row["Status"]) for row in listed}
