"""Runs on the server, in the agent's environment: what a heat-config hook does.

Runs each deployment that is new among what os-collect-config has collected, as a script with the inputs as its environment, and
tells what came of it in the way that the deployment asks for. HEAT_CONFIG_DONE names the folder that remembers what was run.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import requests


def collected():
    """The deployments of all collectors, later ones winning."""
    found = {}
    for name in os.environ["OS_CONFIG_FILES"].split(":"):
        for deployment in json.loads(pathlib.Path(name).read_text()).get("deployments", []):
            found[deployment["id"]] = deployment
    return found.values()


def run(deployment, values):
    """Runs the script; what is to be told of it."""
    if deployment["group"] == "component":
        chosen = next(one for one in deployment["config"]["configs"] if values["deploy_action"] in one["actions"])
        text = chosen["config"]
    else:
        text = deployment["config"]
    with tempfile.TemporaryDirectory() as folder:
        script, outputs = pathlib.Path(folder) / "script", pathlib.Path(folder) / "output"
        script.write_text(text)
        script.chmod(0o700)
        given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        environment = {**os.environ, **given, "heat_outputs_path": str(outputs)}
        done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
        told = {"deploy_stdout": done.stdout, "deploy_stderr": done.stderr, "deploy_status_code": done.returncode}
        for output in deployment["outputs"]:
            path = outputs.with_name(f"{outputs.name}.{output['name']}")
            if path.exists():
                told[output["name"]] = path.read_text()
    return told


def session(values):
    """Keystone's token and catalog for the user of the deployment."""
    from keystoneauth1 import identity
    from keystoneauth1 import session as sessions

    auth = identity.v3.Password(
        auth_url=values["deploy_auth_url"],
        user_id=values["deploy_user_id"],
        password=values["deploy_password"],
        project_id=values["deploy_project_id"],
    )
    return sessions.Session(auth=auth)


def by_url(values, told):
    answer = requests.request(
        values["deploy_signal_verb"], values["deploy_signal_id"], data=json.dumps(told), timeout=60
    )
    answer.raise_for_status()


def by_heat(values, told):
    from heatclient.client import Client

    resources = Client("1", session=session(values)).resources
    resources.signal(values["deploy_stack_id"], values["deploy_resource_name"], data=told)


def by_zaqar(values, told):
    from zaqarclient.queues.v2.client import Client

    queue = Client(session=session(values)).queue(values["deploy_queue_id"])
    queue.post({"body": told, "ttl": 3600})


WAYS = {
    "CFN_SIGNAL": by_url,
    "TEMP_URL_SIGNAL": by_url,
    "HEAT_SIGNAL": by_heat,
    "ZAQAR_SIGNAL": by_zaqar,
    "NO_SIGNAL": lambda values, told: None,
}


def main():
    """Each deployment once."""
    remembered = pathlib.Path(os.environ["HEAT_CONFIG_DONE"])
    remembered.mkdir(exist_ok=True)
    for deployment in collected():
        mark = remembered / deployment["id"]
        if mark.exists() or deployment["group"] == "Heat::Ungrouped":
            continue
        values = {one["name"]: one.get("value") for one in deployment["inputs"]}
        told = run(deployment, values)
        WAYS[values["deploy_signal_transport"]](values, told)
        mark.write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
