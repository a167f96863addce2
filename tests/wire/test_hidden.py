"""A hidden parameter's value, led through functions into properties, shows up nowhere: not in events, resources, previews or logs."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from tests.wire.stand import Stand

SECRET = "zq-vErY-sEcReT"
OTHER = "zq-aNoThEr-sEcReT"

TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "parameters": {"password": {"type": "string", "hidden": True}},
    "resources": {
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
        return {"stack_name": "hidden", "template": TEMPLATE, "parameters": {"password": secret}}

    seen = {"preview": ask("POST", "/stacks/preview", body(SECRET)), "create": ask("POST", "/stacks", body(SECRET))}
    where = f"/stacks/hidden/{json.loads(seen['create'])['stack']['id']}"
    assert stand.settled(where)["stack_status"] == "CREATE_COMPLETE"
    seen["plan"] = ask("PUT", f"{where}/preview", body(OTHER))
    seen["update"] = ask("PUT", where, body(OTHER))
    stand.settled(where)
    for name in ("", "/resources", "/environment", "/template"):
        seen[name] = ask("GET", where + name)
    for name in TEMPLATE["resources"]:  # type: ignore[attr-defined]
        events = stand.ask("GET", f"{where}/resources/{name}/events").json()["events"]
        assert len(events) >= 2
        for event in events:
            path = f"{where}/resources/{name}/events/{event['id']}"
            seen[f"event of {name}"] = seen.get(f"event of {name}", "") + ask("GET", path)
    for name in ("direct", "through"):
        seen[f"resource {name}"] = ask("GET", f"{where}/resources/{name}")
    seen["logs"] = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert [name for name, text in seen.items() if SECRET in text or OTHER in text] == []
    assert "******" in seen[""]
