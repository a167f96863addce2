"""Software deployments through the API: what a server is told at each action, and what its signals make of the stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud

INPUTS = [
    {"name": "size", "type": "Number", "default": "3"},
    {"name": "word"},
    {"name": "sort", "replace_on_change": True},
]
OUTPUTS = [{"name": "result"}, {"name": "trouble", "error_output": True}]
EVERY = ["CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"]


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stand(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("deployments"), own_cloud)
    stand.enter_catalog(own_cloud)
    yield stand
    stand.close()


def template(config: Any = "#!/bin/sh\n", kind: str = "SoftwareDeployment", **properties: Any) -> dict[str, Any]:
    """A server, a config and a deployment."""
    kept = "StructuredConfig" if isinstance(config, dict) else "SoftwareConfig"
    values = {"server": {"get_resource": "server"}, "config": {"get_resource": "config"}, **properties}
    shown = ("result", "trouble", "deploy_stdout", "deploy_stderr", "deploy_status_code", "nothing")
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "server": {"type": "OS::Heat::DeployedServer", "metadata": {"own": 1}},
            "config": {
                "type": f"OS::Heat::{kept}",
                "properties": {"config": config, "group": "script", "inputs": INPUTS, "outputs": OUTPUTS},
            },
            "deployment": {"type": f"OS::Heat::{kind}", "properties": values},
        },
        "outputs": {name: {"value": {"get_attr": ["deployment", name]}} for name in shown},
    }


class Life:
    """A stack and what can be seen of it."""

    def __init__(self, stand: Stand, name: str, template: dict[str, Any]) -> None:
        self.stand = stand
        answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": template})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["stack"]["id"]
        self.path = f"/stacks/{name}/{self.id}"

    def settled(self) -> dict[str, Any]:
        return self.stand.settled(self.path, 60)

    def status(self) -> str:
        return str(self.settled()["stack_status"])

    def resource(self, name: str = "deployment") -> dict[str, Any]:
        found: dict[str, Any] = self.stand.ask("GET", f"{self.path}/resources/{name}").json()["resource"]
        return found

    def wait(self, seen: Callable[[], Any]) -> Any:
        for _ in range(1500):
            found = seen()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(self.stand.ask("GET", self.path).text)

    def deployment(self, name: str = "deployment") -> dict[str, Any]:
        found: dict[str, Any] = self.stand.ask(
            "GET", f"/software_deployments/{self.resource(name)['physical_resource_id']}"
        ).json()["software_deployment"]
        return found

    def config(self, name: str = "deployment") -> dict[str, Any]:
        found: dict[str, Any] = self.stand.ask("GET", f"/software_configs/{self.deployment(name)['config_id']}").json()[
            "software_config"
        ]
        return found

    def told(self, name: str = "deployment") -> dict[str, Any]:
        return {one["name"]: one["value"] for one in self.config(name)["inputs"]}

    def asked(self, action: str, name: str = "deployment") -> dict[str, Any]:
        """The inputs once the server has been told of an action and is waited for."""

        def seen() -> bool:
            if not self.resource(name)["physical_resource_id"]:
                return False
            found = self.deployment(name)
            return (found["action"], found["status"]) == (action, "IN_PROGRESS")

        self.wait(seen)
        return self.told(name)

    def metadata(self, name: str = "server") -> dict[str, Any]:
        found: dict[str, Any] = self.stand.ask("GET", f"{self.path}/resources/{name}/metadata").json()["metadata"]
        return found

    def outputs(self) -> dict[str, Any]:
        shown = self.stand.ask("GET", self.path).json()["stack"]["outputs"]
        return {one["output_key"]: one["output_value"] for one in shown}

    def events(self, name: str = "deployment") -> list[tuple[str, str]]:
        found = self.stand.ask("GET", f"{self.path}/resources/{name}/events?sort_dir=asc").json()["events"]
        return [(one["resource_status"], one["resource_status_reason"]) for one in found]

    def signal(self, name: str = "deployment", **told: Any) -> None:
        answer = self.stand.ask("POST", f"{self.path}/resources/{name}/signal", told)
        assert answer.status_code == 200, answer.text

    def update(self, template: dict[str, Any]) -> None:
        answer = self.stand.ask("PUT", self.path, {"template": template})
        assert answer.status_code == 202, answer.text

    def act(self, action: str) -> None:
        answer = self.stand.ask("POST", f"{self.path}/actions", {action: None})
        assert answer.status_code in (200, 202), answer.text

    def remove(self) -> None:
        assert self.stand.ask("DELETE", self.path).status_code == 204
        self.remove_is_over()

    def remove_is_over(self) -> None:
        self.wait(
            lambda: (
                self.stand.ask("GET", self.path).json().get("stack", {}).get("stack_status")
                in (None, "DELETE_COMPLETE")
            )
        )

    def kept(self) -> int:
        """How many configs the project has."""
        return len(self.stand.ask("GET", "/software_configs").json()["software_configs"])


def test_a_signal_to_the_signed_url_completes_the_stack_with_its_outputs(stand: Stand) -> None:
    life = Life(stand, "signed", template(input_values={"word": "hi", "extra": {"x": 1}}))
    told = life.asked("CREATE")
    server = life.resource("server")["physical_resource_id"]
    assert told.pop("deploy_signal_id").startswith(f"{stand.cfn_endpoint}/signal/arn%3Aopenstack%3Aheat")
    assert told == {
        "size": 3,
        "word": "hi",
        "sort": "",
        "extra": {"x": 1},
        "deploy_server_id": server,
        "deploy_action": "CREATE",
        "deploy_stack_id": f"signed/{life.id}",
        "deploy_resource_name": "deployment",
        "deploy_signal_transport": "CFN_SIGNAL",
        "deploy_signal_verb": "POST",
    }
    (config,) = life.metadata()["deployments"]
    assert config == life.config()
    assert (config["name"], config["group"]) == (life.resource("config")["attributes"] and config["name"], "script")
    url = life.told()["deploy_signal_id"]
    body = {"result": "done", "deploy_stdout": "out", "deploy_status_code": 0, "other": 1}
    assert requests.post(url, json=body, timeout=30).status_code == 200
    assert life.status() == "CREATE_COMPLETE"
    assert life.outputs() == {
        "result": "done",
        "trouble": None,
        "deploy_stdout": "out",
        "deploy_stderr": None,
        "deploy_status_code": 0,
        "nothing": None,
    }
    deployment = life.deployment()
    assert (deployment["status"], deployment["status_reason"]) == ("COMPLETE", "Outputs received")
    key = deployment["id"]
    assert ("SIGNAL_IN_PROGRESS", f"Signal: deployment {key} succeeded") in life.events()
    before = life.kept()
    life.remove()
    assert stand.ask("GET", f"/software_deployments/{key}").status_code == 404
    assert life.kept() == before - 2


def test_the_user_of_a_deployment_signals_with_what_it_is_told(stand: Stand) -> None:
    life = Life(stand, "password", template(signal_transport="HEAT_SIGNAL", name="mine"))
    told = life.asked("CREATE")
    assert "deploy_signal_id" not in told
    assert life.config()["name"] == "mine"
    token = stand.factory.token_of(told["deploy_user_id"], told["deploy_password"], told["deploy_project_id"])
    where = f"{told['deploy_project_id']}/stacks/{told['deploy_stack_id']}/resources/{told['deploy_resource_name']}"
    url = f"{stand.endpoint}/v1/{where}/signal"
    answer = requests.post(
        url, json={"result": "r", "deploy_status_code": "0"}, headers={"X-Auth-Token": token}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert life.status() == "CREATE_COMPLETE"
    assert (life.outputs()["result"], life.outputs()["deploy_status_code"]) == ("r", "0")
    assert told["deploy_auth_url"].endswith("/v3")


@pytest.mark.parametrize(
    ("told", "reason", "words"),
    [
        ({"deploy_status_code": 3, "deploy_stdout": "x"}, "deploy_status_code : Deployment exited with non-zero status code: 3", " (3)"),
        ({"deploy_status_code": 0, "trouble": "it broke"}, "trouble : it broke", ""),
        ({"trouble": "both", "deploy_status_code": "2"},
         "deploy_status_code : Deployment exited with non-zero status code: 2, trouble : both", " (2)"),
    ],
)  # fmt: skip
def test_a_failure_fails_the_stack_with_its_reason(stand: Stand, told: dict[str, Any], reason: str, words: str) -> None:
    life = Life(stand, f"failing{len(told)}{len(reason)}", template())
    life.asked("CREATE")
    life.signal(**told)
    stack = life.settled()
    assert stack["stack_status"] == "CREATE_FAILED"
    failed = f"Error: resources.deployment: Deployment to server failed: {reason}"
    assert stack["stack_status_reason"] == f"Resource CREATE failed: {failed}"
    key = life.deployment()["id"]
    assert ("SIGNAL_IN_PROGRESS", f"Signal: deployment {key} failed{words}") in life.events()
    life.update(template())
    life.wait(lambda: life.resource()["physical_resource_id"] not in ("", key))
    life.asked("CREATE")
    life.signal(deploy_status_code=0)
    assert life.status() == "UPDATE_COMPLETE"
    assert stand.ask("GET", f"/software_deployments/{key}").status_code == 404


def test_a_signal_to_what_is_complete_changes_nothing(stand: Stand) -> None:
    life = Life(stand, "again", template(input_values={"word": "a"}))
    life.asked("CREATE")
    life.signal(result="once", deploy_status_code=0)
    assert life.status() == "CREATE_COMPLETE"
    life.signal(result="twice", deploy_status_code=1)
    assert life.deployment()["output_values"]["result"] == "once"
    assert life.events()[-1] == ("SIGNAL_COMPLETE", "Unknown")


def test_nobody_needs_to_signal_a_deployment_without_a_transport(stand: Stand) -> None:
    life = Life(stand, "silent", template(signal_transport="NO_SIGNAL"))
    assert life.status() == "CREATE_COMPLETE"
    deployment = life.deployment()
    assert (deployment["status"], deployment["status_reason"]) == ("COMPLETE", "Not waiting for outputs signal")
    assert not any(name.startswith(("deploy_signal_id", "deploy_auth")) for name in life.told())


def test_without_a_config_there_is_an_empty_one(stand: Stand) -> None:
    bare = template(signal_transport="NO_SIGNAL")
    del bare["resources"]["deployment"]["properties"]["config"]
    life = Life(stand, "bare", bare)
    assert life.status() == "CREATE_COMPLETE"
    config = life.config()
    assert (config["config"], config["group"], config["outputs"], config["options"]) == ("", "Heat::Ungrouped", [], {})
    assert config["name"].startswith("bare-deployment-")


def test_an_unknown_config_fails_the_deployment(stand: Stand) -> None:
    nobody = "11111111-1111-4111-8111-111111111111"
    life = Life(stand, "unknown", template(config="x") | {"outputs": {}})
    life.asked("CREATE")
    life.signal(deploy_status_code=0)
    assert life.status() == "CREATE_COMPLETE"
    wrong = template(config="x")
    wrong["resources"]["deployment"]["properties"]["config"] = nobody
    life.update(wrong)
    stack = life.settled()
    assert f"NotFound: resources.deployment: Software config with id {nobody} not found" in stack["stack_status_reason"]


def test_an_update_puts_another_config_in_place_of_the_one_before(stand: Stand) -> None:
    life = Life(stand, "updated", template(input_values={"word": "one"}))
    first = life.asked("CREATE")
    life.signal(result="first", deploy_status_code=0)
    assert life.status() == "CREATE_COMPLETE"
    key, kept, before = life.deployment()["id"], life.kept(), life.deployment()["config_id"]
    life.update(template(input_values={"word": "two"}))
    second = life.asked("UPDATE")
    assert (second["word"], second["deploy_signal_id"]) == ("two", first["deploy_signal_id"])
    assert [config["id"] for config in life.metadata()["deployments"]] == [life.deployment()["config_id"]]
    life.signal(deploy_status_code=0, deploy_stdout="second")
    assert life.status() == "UPDATE_COMPLETE"
    assert (life.deployment()["id"], life.kept()) == (key, kept)
    assert stand.ask("GET", f"/software_configs/{before}").status_code == 404
    assert (life.outputs()["result"], life.outputs()["deploy_stdout"]) == ("first", "second")
    life.update(template("#!/bin/bash\n", input_values={"word": "two"}))
    life.asked("UPDATE")
    assert life.config()["config"] == "#!/bin/bash\n"
    life.signal(deploy_status_code=0)
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["id"] == key


def test_an_input_may_ask_for_another_deployment(stand: Stand) -> None:
    life = Life(stand, "sorted", template(signal_transport="NO_SIGNAL", input_values={"sort": "a", "word": "w"}))
    assert life.status() == "CREATE_COMPLETE"
    key = life.deployment()["id"]
    life.update(template(signal_transport="NO_SIGNAL", input_values={"sort": "a", "word": "other"}))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["id"] == key
    life.update(template(signal_transport="NO_SIGNAL", input_values={"sort": "b", "word": "other"}))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["id"] != key
    assert life.deployment()["action"] == "CREATE"
    assert stand.ask("GET", f"/software_deployments/{key}").status_code == 404


def test_each_action_that_is_named_waits_for_the_server(stand: Stand) -> None:
    life = Life(stand, "every", template(actions=EVERY))
    for action, begin in {
        "CREATE": lambda: None,
        "SUSPEND": lambda: life.act("suspend"),
        "RESUME": lambda: life.act("resume"),
        "UPDATE": lambda: life.update(template(actions=EVERY, input_values={"word": "x"})),
    }.items():
        begin()
        told = life.asked(action)
        assert told["deploy_action"] == action
        answer = requests.post(told["deploy_signal_id"], json={"deploy_status_code": 0}, timeout=30)
        assert answer.status_code == 200, (action, answer.text)
        assert life.status() == f"{action}_COMPLETE"
    key, user = life.deployment()["id"], life.told()["deploy_signal_id"]
    assert stand.ask("DELETE", life.path).status_code == 204
    told = life.asked("DELETE")
    assert told["deploy_action"] == "DELETE"
    time.sleep(0.3)
    assert stand.ask("GET", life.path).json()["stack"]["stack_status"] == "DELETE_IN_PROGRESS"
    assert requests.post(told["deploy_signal_id"], json={"deploy_status_code": 0}, timeout=30).status_code == 200
    life.remove_is_over()
    assert stand.ask("GET", f"/software_deployments/{key}").status_code == 404
    assert requests.post(user, json={}, timeout=30).status_code == 403


def test_an_action_that_is_not_named_is_none_of_the_servers_business(stand: Stand) -> None:
    life = Life(stand, "later", template(actions=["UPDATE"], signal_transport="NO_SIGNAL"))
    assert life.status() == "CREATE_COMPLETE"
    assert life.resource()["physical_resource_id"] == ""
    assert life.metadata()["deployments"] == []
    assert stand.ask("POST", f"{life.path}/resources/deployment/signal", {"a": 1}).status_code == 200
    life.update(template(actions=["UPDATE"], signal_transport="NO_SIGNAL", input_values={"word": "x"}))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["action"] == "UPDATE"
    config = life.deployment()["config_id"]
    life.update(template(actions=["CREATE"], signal_transport="NO_SIGNAL", input_values={"word": "y"}))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["config_id"] == config
    life.act("suspend")
    assert life.status() == "SUSPEND_COMPLETE"
    assert life.deployment()["action"] == "UPDATE"
    life.remove()


def test_a_component_is_deployed_at_its_own_actions(stand: Stand) -> None:
    configs = [
        {"actions": ["CREATE"], "config": "make", "tool": "script"},
        {"actions": ["SUSPEND", "DELETE"], "config": "break", "tool": "ansible"},
    ]
    wanted = template(signal_transport="NO_SIGNAL")
    component = {"configs": configs, "inputs": INPUTS, "outputs": OUTPUTS, "options": {"o": 1}}
    wanted["resources"]["config"] = {"type": "OS::Heat::SoftwareComponent", "properties": component}
    life = Life(stand, "component", wanted)
    assert life.status() == "CREATE_COMPLETE"
    config = life.config()
    assert (config["group"], config["config"], config["options"]) == ("component", {"configs": configs}, {"o": 1})
    assert life.told()["deploy_action"] == "CREATE"
    changed = template(signal_transport="NO_SIGNAL", input_values={"word": "x"})
    changed["resources"]["config"] = wanted["resources"]["config"]
    life.update(changed)
    assert life.status() == "UPDATE_COMPLETE"
    assert life.deployment()["action"] == "CREATE"
    life.act("suspend")
    assert life.status() == "SUSPEND_COMPLETE"
    assert (life.deployment()["action"], life.told()["word"]) == ("SUSPEND", "x")
    life.act("resume")
    assert life.status() == "RESUME_COMPLETE"
    assert life.deployment()["action"] == "SUSPEND"


def test_a_structured_deployment_fills_its_inputs_in(stand: Stand) -> None:
    config = {
        "a": {"get_input": "size"},
        "b": [{"get_input": "word"}, {"get_input": "nope"}, {"get_input": ["word", "x"]}],
        "c": {"get_input": "word", "more": 1},
        "own": {"mine": "size"},
    }
    values = {"signal_transport": "NO_SIGNAL", "input_values": {"word": {"deep": 1}}}
    life = Life(stand, "structured", template(config, "StructuredDeployment", **values))
    assert life.status() == "CREATE_COMPLETE"
    assert life.config()["config"] == {
        "a": 3,
        "b": [{"deep": 1}, None, {"get_input": ["word", "x"]}],
        "c": {"get_input": "word", "more": 1},
        "own": {"mine": "size"},
    }
    life.update(template(config, "StructuredDeployment", **values, input_key="mine"))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.config()["config"] == {**config, "own": 3}
    life.update(template(config, "StructuredDeployment", **values, input_values_validate="STRICT"))
    assert (
        "UserParameterMissing: resources.deployment: The Parameter (nope) was not provided."
        in (life.settled()["stack_status_reason"])
    )
    plain = Life(stand, "unfilled", template(config, "SoftwareDeployment", **values))
    assert plain.status() == "CREATE_COMPLETE"
    assert plain.config()["config"] == config


def test_all_deployments_of_a_server_are_in_its_metadata_by_name(stand: Stand) -> None:
    wanted = template(signal_transport="NO_SIGNAL", name="second")
    first = {**wanted["resources"]["deployment"]["properties"], "name": "first"}
    wanted["resources"]["other"] = {"type": "OS::Heat::SoftwareDeployment", "properties": first}
    life = Life(stand, "several", wanted)
    assert life.status() == "CREATE_COMPLETE"
    metadata = life.metadata()
    assert [config["name"] for config in metadata["deployments"]] == ["first", "second"]
    assert metadata["own"] == 1
    assert metadata["os-collect-config"]["collectors"] == ["cfn", "local"]
    del wanted["resources"]["other"]
    life.update(wanted)
    assert life.status() == "UPDATE_COMPLETE"
    assert [config["name"] for config in life.metadata()["deployments"]] == ["second"]


@pytest.mark.parametrize("kind", ["SoftwareDeployment", "StructuredDeployment"])
@pytest.mark.parametrize("suffix", ["Group", "s"])
def test_a_group_deploys_on_each_server_and_tells_of_all(stand: Stand, kind: str, suffix: str) -> None:
    config = {"a": {"get_input": "word"}}
    wanted = template(config)
    wanted["resources"]["other"] = {"type": "OS::Heat::DeployedServer"}
    servers = {"one": {"get_resource": "server"}, "two": {"get_resource": "other"}}
    wanted["resources"]["deployment"] = {
        "type": f"OS::Heat::{kind}{suffix}",
        "properties": {
            "servers": servers,
            "config": {"get_resource": "config"},
            "input_values": {"word": "w"},
            "signal_transport": "HEAT_SIGNAL",
        },
        "update_policy": {"batch_create": {"max_batch_size": 1}, "rolling_update": {"max_batch_size": 1}},
    }
    named = ("deploy_stdouts", "deploy_stderrs", "deploy_status_codes", "result")
    wanted["outputs"] = {name: {"value": {"get_attr": ["deployment", name]}} for name in named}
    wanted["outputs"]["inner"] = {"value": {"get_attr": ["deployment", "result", "two"]}}
    life = Life(stand, f"group-{kind}-{suffix}", wanted)
    group = life.wait(lambda: life.resource()["physical_resource_id"])

    def member(name: str) -> str:
        found = stand.ask("GET", f"/stacks/{life.resource()['physical_resource_id']}")
        where = found.headers["Location"] if found.status_code == 302 else f"/stacks/{group}"
        return f"{where}/resources/{name}"

    def deployed(name: str, action: str) -> dict[str, Any] | None:
        answer = stand.ask("GET", member(name))
        key = answer.json().get("resource", {}).get("physical_resource_id") if answer.status_code == 200 else None
        found = stand.ask("GET", f"/software_deployments/{key}").json().get("software_deployment") if key else None
        waits = found and (found["action"], found["status"]) == (action, "IN_PROGRESS")
        return found if waits else None

    def answered(action: str, order: tuple[str, ...]) -> None:
        for place, name in enumerate(order):
            found = life.wait(lambda name=name: deployed(name, action))
            others = [other for other in order[place + 1 :] if deployed(other, action)]
            assert others == [], "one after the other"
            config = stand.ask("GET", f"/software_configs/{found['config_id']}").json()["software_config"]
            given = {one["name"]: one["value"] for one in config["inputs"]}
            assert config["config"] == (
                {"a": given["word"]} if kind.startswith("Structured") else {"a": {"get_input": "word"}}
            )
            body = {"result": f"{given['word']}-{name}", "deploy_stdout": name, "deploy_status_code": 0}
            assert stand.ask("POST", f"{member(name)}/signal", body).status_code == 200

    answered("CREATE", ("one", "two"))
    assert life.status() == "CREATE_COMPLETE"
    assert life.outputs() == {
        "deploy_stdouts": {"one": "one", "two": "two"},
        "deploy_stderrs": {"one": None, "two": None},
        "deploy_status_codes": {"one": 0, "two": 0},
        "result": {"one": "w-one", "two": "w-two"},
        "inner": "w-two",
    }
    wanted["resources"]["deployment"]["properties"]["input_values"] = {"word": "v"}
    life.update(wanted)
    answered("UPDATE", ("two", "one"))
    assert life.status() == "UPDATE_COMPLETE"
    assert life.outputs()["result"] == {"one": "v-one", "two": "v-two"}
    del servers["one"]
    life.update(wanted)
    assert life.status() == "UPDATE_COMPLETE"
    assert life.outputs()["result"] == {"two": "v-two"}
    assert life.metadata()["deployments"] == []
    life.remove()


def test_a_server_without_an_agent_is_refused(stand: Stand) -> None:
    wanted = template()
    server = {"flavor": "m1.tiny", "image": "cirros", "networks": [{"allocate_network": "none"}]}
    wanted["resources"]["server"] = {"type": "OS::Nova::Server", "properties": server}
    answer = stand.ask("POST", "/stacks", {"stack_name": "raw", "template": wanted})
    assert answer.status_code == 400
    words = "Resource server's property user_data_format should be set to SOFTWARE_CONFIG since there are software deployments on it."
    assert answer.json()["error"]["message"].startswith(words)


def test_passwords_of_deployments_are_encrypted_at_rest(stand: Stand) -> None:
    life = Life(stand, "sealed", template(signal_transport="HEAT_SIGNAL"))
    told = life.asked("CREATE")
    rows = stand.store.resources.of_stack(life.id)
    secrets = [told["deploy_password"], *(row.data["secret_key"] for row in rows if "secret_key" in row.data)]
    assert len(secrets) > 1
    with stand.store.reader.engine.connect() as connection:
        for table in ("resource", "event", "software_config", "software_deployment", "operation"):
            text = str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert not any(secret in text for secret in secrets), table


def test_a_config_that_was_mended_does_not_wait_for_the_one_that_hangs(stand: Stand) -> None:
    life = Life(stand, "hangs", template("#!/bin/sh\nsleep 1000000\n"))
    life.asked("CREATE")
    first = life.resource()["physical_resource_id"]
    life.update(template("#!/bin/sh\ntrue\n"))
    life.wait(lambda: life.resource()["physical_resource_id"] not in (None, first))
    life.asked("CREATE")
    assert life.config()["config"] == "#!/bin/sh\ntrue\n"
    life.signal(result="done", deploy_status_code=0)
    assert life.status() == "UPDATE_COMPLETE"
    assert life.outputs()["result"] == "done"
    assert stand.ask("GET", f"/software_deployments/{first}").status_code == 404
    life.remove()


def test_an_update_that_leaves_a_deployment_alone_goes_on_waiting_for_it(stand: Stand) -> None:
    life = Life(stand, "goes-on", template())
    life.asked("CREATE")
    first = life.resource()["physical_resource_id"]
    more = template()
    more["resources"]["besides"] = {"type": "OS::Heat::Value", "properties": {"value": 1}}
    life.update(more)
    life.wait(lambda: life.stand.ask("GET", f"{life.path}/resources/besides").status_code == 200)
    life.signal(result="done", deploy_status_code=0)
    assert life.status() == "UPDATE_COMPLETE"
    assert life.resource()["physical_resource_id"] == first
    life.remove()


def waiting(transport: str) -> dict[str, Any]:
    """A condition on a handle, which another transport has replaced."""
    handle = {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": transport}}
    values = {"handle": {"get_resource": "handle"}, "timeout": 3600}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"handle": handle, "condition": {"type": "OS::Heat::WaitCondition", "properties": values}},
    }


def test_a_condition_waits_no_more_for_a_handle_that_was_replaced(stand: Stand) -> None:
    life = Life(stand, "vain", waiting("HEAT_SIGNAL"))
    life.wait(lambda: life.resource("condition")["resource_status"] == "CREATE_IN_PROGRESS")
    life.update(waiting("NO_SIGNAL"))
    assert life.status() == "UPDATE_COMPLETE"
    life.remove()
