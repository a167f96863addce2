"""A hidden parameter's value, led through functions into properties, shows up nowhere: not in events, lists of resources, previews or logs.

Outputs and attributes are for showing: their values are given to whoever may see the stack, as in Heat."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tests.wire.stand import Stand

SECRET = "zq-vErY-sEcReT"
OTHER = "zq-aNoThEr-sEcReT"

P = {"get_param": "password"}
LED_THROUGH: dict[str, Any] = {
    "map_merge": {"map_merge": [{"a": 1}, {"b": P}]},
    "map_replace": {"map_replace": [{"a": "x"}, {"values": {"x": P}}]},
    "yaql": {"yaql": {"expression": "$.data.p + 'x'", "data": {"p": P}}},
    "if": {"if": ["yes", {"in": [P]}, "no"]},
    "repeat": {"repeat": {"template": "<%p%>", "for_each": {"<%p%>": [P]}}},
    "list_concat": {"list_concat": [["a"], [P]]},
    "list_concat_unique": {"list_concat_unique": [["a"], [P]]},
    "str_split": {"str_split": ["-nothing-", P]},
    "str_replace_strict": {"str_replace_strict": {"template": "$p!", "params": {"$p": P}}},
    "str_replace_vstrict": {"str_replace_vstrict": {"template": "$p!", "params": {"$p": P}}},
    "filter": {"filter": [["no"], ["no", P]]},
    "make_url": {"make_url": {"scheme": "http", "username": "u", "password": P, "host": "h"}},
    "computed name": {"get_param": [{"get_param": "which"}]},
    "inside": {"get_param": ["secrets", "deep", 0]},
}
"""One of each function that can hand on what it is given."""

NESTED = {
    "heat_template_version": "2021-04-16",
    "parameters": {"plain": {"type": "string"}},
    "resources": {"in": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "plain"}}}},
    "outputs": {"o": {"value": {"get_attr": ["in", "value"]}}},
}

TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "parameters": {
        "password": {"type": "string", "hidden": True},
        "secrets": {"type": "json", "hidden": True},
        "which": {"type": "string", "default": "password"},
    },
    "conditions": {"yes": True},
    "outputs": {
        "direct": {"value": P},
        "joined": {"value": {"list_join": [":", ["x", P]]}},
        "read": {"value": {"get_attr": ["held", "value"]}},
    },
    "resources": {
        **{
            f"r_{index}": {"type": "OS::Heat::Value", "properties": {"value": value}}
            for index, value in enumerate(LED_THROUGH.values())
        },
        "nested": {"type": "nested.yaml", "properties": {"plain": P}},
        "back": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["nested", "o"]}}},
        "direct": {"type": "OS::Heat::RandomString", "properties": {"salt": {"get_param": "password"}}},
        "through": {
            "type": "OS::Heat::RandomString",
            "properties": {
                "salt": {
                    "list_join": [
                        "-",
                        [{"str_replace": {"template": "pw: $p", "params": {"$p": {"get_param": "password"}}}}, "x"],
                    ]
                }
            },
        },
        "held": {
            "type": "OS::Heat::Value",
            "properties": {"value": {"str_replace": {"template": "v=$p", "params": {"$p": {"get_param": "password"}}}}},
        },
        "user": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["held", "value"]}}},
    },
}


def test_nowhere(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def ask(verb: str, path: str, body: Any = None) -> str:
        answer = stand.ask(verb, path, body)
        assert answer.status_code < 300, answer.text[:1000]
        return answer.text

    def body(secret: str) -> dict[str, Any]:
        values = {"password": secret, "secrets": {"deep": [secret]}}
        files = {"nested.yaml": json.dumps(NESTED)}
        return {"stack_name": "hidden", "template": TEMPLATE, "parameters": values, "files": files}

    seen = {"preview": ask("POST", "/stacks/preview", body(SECRET)), "create": ask("POST", "/stacks", body(SECRET))}
    where = f"/stacks/hidden/{json.loads(seen['create'])['stack']['id']}"
    assert stand.settled(where)["stack_status"] == "CREATE_COMPLETE"
    seen["plan"] = ask("PUT", f"{where}/preview", body(OTHER))
    seen["update"] = ask("PUT", where, body(OTHER))
    stand.settled(where)
    for name in ("", "/resources", "/resources?nested_depth=2", "/environment", "/template"):
        seen[name] = ask("GET", where + name)
    child = json.loads(ask("GET", f"{where}/resources/nested"))["resource"]["physical_resource_id"]
    inner = json.loads(ask("GET", f"/stacks?id={child}&show_nested=true"))["stacks"][0]
    seen["inner environment"] = ask("GET", f"/stacks/{inner['stack_name']}/{child}/environment")
    seen["inner"] = ask("GET", f"/stacks/{inner['stack_name']}/{child}?resolve_outputs=false")
    path = f"/stacks/{inner['stack_name']}/{child}/resources/in/events"
    lines = [ask("GET", f"{path}/{event['id']}") for event in json.loads(ask("GET", path))["events"]]
    assert len(lines) >= 4
    assert all("******" in line for line in lines)
    seen["inner lines"] = "".join(lines)
    seen["inner events"] = ask("GET", f"{where}/events?nested_depth=2&limit=1000")
    for name in TEMPLATE["resources"]:  # type: ignore[attr-defined]
        events = stand.ask("GET", f"{where}/resources/{name}/events").json()["events"]
        assert len(events) >= 2
        for event in events:
            path = f"{where}/resources/{name}/events/{event['id']}"
            seen[f"event of {name}"] = seen.get(f"event of {name}", "") + ask("GET", path)
    for name in ("direct", "through"):
        seen[f"resource {name}"] = ask("GET", f"{where}/resources/{name}")
    seen["logs"] = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    shown = json.loads(seen.pop(""))["stack"]
    found = {one["output_key"]: one["output_value"] for one in shown.pop("outputs")}
    assert found == {"direct": OTHER, "joined": f"x:{OTHER}", "read": f"v={OTHER}"}, "its owner sees them, as in Heat"
    seen["stack"] = json.dumps(shown)
    for name, text in list(seen.items()):
        assert SECRET not in text, name
        assert OTHER not in text, name
    assert "******" in seen["stack"]
