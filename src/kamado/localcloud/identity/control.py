"""The local cloud's own requests, beside Keystone's: faults and build times (`/_local/…`, for administrators).

Called over HTTP by tests of real processes; see `faults` for the words. The trap: these paths never meet a fault themselves.
"""

from dataclasses import asdict, replace
from typing import Any

from kamado.localcloud.faults import Fault
from kamado.localcloud.identity.wire import need
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj


def _given(call: Call, name: str) -> Obj:
    need(call, "set_faults")
    body: Any = call.json.get(name) if isinstance(call.json, dict) else None
    if not isinstance(body, dict):
        raise call.service.dialect.no_envelope(name, call.json)
    return body


def list_faults(call: Call) -> Obj:
    """GET /_local/faults."""
    need(call, "list_faults")
    return {"faults": [asdict(fault) for fault in call.cloud.faults.all()]}


def add_fault(call: Call) -> Answer:
    """POST /_local/faults."""
    given = _given(call, "fault")
    try:
        fault_id = call.cloud.faults.add(**given)
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    return Answer(201, {"fault": asdict(replace(Fault(**given), id=fault_id))})


def clear_faults(call: Call) -> Answer:
    """DELETE /_local/faults: build times too."""
    need(call, "delete_faults")
    call.cloud.faults.clear()
    return Answer(204)


def remove_fault(call: Call) -> Answer:
    """DELETE /_local/faults/{id}."""
    need(call, "delete_faults")
    if call.params["id"].isdigit():
        call.cloud.faults.remove(int(call.params["id"]))
    return Answer(204)


def set_build(call: Call) -> Answer:
    """POST /_local/builds."""
    given = _given(call, "build")
    try:
        call.cloud.faults.build(**given)
    except TypeError as error:
        raise Refusal(400, str(error)) from None
    return Answer(201, {"build": given})


ROUTES = (
    Route("GET", "/_local/faults", list_faults),
    Route("POST", "/_local/faults", add_fault),
    Route("DELETE", "/_local/faults", clear_faults),
    Route("DELETE", "/_local/faults/{id}", remove_fault),
    Route("POST", "/_local/builds", set_build),
)
