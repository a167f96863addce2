"""Queues: made when they are asked for, and by whoever posts to them. Their metadata, and what is in them in numbers."""

from typing import Any

from kamado.localcloud.messaging.messages import live, number_of
from kamado.localcloud.messaging.wire import (
    CLAIMS,
    MESSAGES,
    QUEUES,
    SUBSCRIPTIONS,
    bad,
    bad_body,
    document,
    flag,
    key_of,
    missing,
    number,
    onward,
)
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

_PATCH = "application/openstack-messaging-v2.0-json-patch"
_DEFAULTS: Obj = {
    "_max_messages_post_size": 262144,
    "_default_message_ttl": 3600,
    "_default_message_delay": 0,
    "_dead_letter_queue": None,
    "_dead_letter_queue_messages_ttl": None,
    "_max_claim_count": None,
    "_enable_encrypt_messages": False,
}
_TTL = "can not exceed 1209600 seconds, and must be at least 60 seconds long."
_LIMITS = {
    "_max_messages_post_size": (0, 262144, "can not exceed 262144,  and must be at least greater than 0."),
    "_default_message_ttl": (60, 1209600, _TTL),
    "_default_message_delay": (0, 900, "The TTL can not exceed 900 seconds, and must be at least 0 seconds long."),
}


def _checked(meta: Obj) -> Obj:
    for name, (least, most, words) in _LIMITS.items():
        value = meta.get(name)
        if name not in meta:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad(f"{name} must be integer.")
        if not least <= value <= most:
            raise bad(words if words.startswith("The ") else f"{name} {words}")
    return meta


def show(call: Call) -> Obj:
    """GET of a queue: its metadata; one that is not there looks like a new one."""
    return {**_DEFAULTS, **((call.state.get(QUEUES, key_of(call)) or {}).get("meta") or {})}


def make(call: Call) -> Answer:
    """PUT of a queue; one that is there stays as it is."""
    meta = _checked(document(call)) if call.json is not None else {}
    headers = {"Location": f"/v2/queues/{call.params['name']}"}
    if call.state.get(QUEUES, key_of(call)) is not None:
        return Answer(204, None, headers)
    call.state.put(QUEUES, _queue(call, meta))
    return Answer(201, None, headers, b"")


def _queue(call: Call, meta: Obj) -> Obj:
    name, project = call.params["name"], call.who.project_id
    return {"id": key_of(call), "project": project, "name": name, "meta": meta}


def ensure(call: Call) -> None:
    """Has the queue of the path made unless it is there."""
    if call.state.get(QUEUES, key_of(call)) is None:
        call.state.put(QUEUES, _queue(call, {}))


def change(call: Call) -> Obj:
    """PATCH of a queue's metadata, as operations of JSON patch on ``/metadata``."""
    if call.header("Content-Type").partition(";")[0] != _PATCH:
        words = f"Accepted media type for PATCH: {{'Accept-Patch': '{_PATCH}'}}."
        raise Refusal(415, words, "415 Unsupported Media Type")
    row = call.state.get(QUEUES, key_of(call))
    if row is None:
        words = f"Queue {call.params['name']} does not exist for project {call.who.project_id}"
        raise missing(words)
    meta = dict(row["meta"])
    for operation in document(call, list):
        _apply({**_DEFAULTS, **meta}, meta, operation)
    call.state.change(QUEUES, row["id"], meta=_checked(meta))
    return {**_DEFAULTS, **meta}


def _apply(seen: Obj, meta: Obj, operation: Any) -> None:
    verb, path = operation.get("op"), str(operation.get("path", ""))
    if verb not in ("add", "remove", "replace"):
        raise bad_body(f"Invalid operation: `{verb}`. It must be one of the following: add, remove, replace.")
    root, _, name = path.lstrip("/").partition("/")
    if root != "metadata":
        raise bad_body("The root of path must be metadata, e.g /metadata/key.")
    if verb != "add" and name not in seen:
        raise Refusal(409, f"Can't {verb} non-existent object {name}.", "Resource conflict")
    if verb == "remove":
        meta.pop(name, None)
    else:
        meta[name] = operation.get("value")


def listed(call: Call) -> Obj:
    """GET of the project's queues, by name."""
    most = number(call, "limit", 10, "Limit must be at least 1 and no greater than 20.")
    marker = call.arg("marker")
    rows = sorted(call.state.find(QUEUES, project=call.who.project_id), key=lambda row: row["name"])
    page = [row for row in rows if row["name"] > marker][:most]
    queues: list[Obj] = []
    for row in page:
        meta = {"metadata": {**_DEFAULTS, **row["meta"]}} if flag(call, "detailed") else {}
        queues.append({"name": row["name"], **meta, "href": f"/v2/queues/{row['name']}"})
    detailed = {"detailed": "true"} if flag(call, "detailed") else {}
    query = {**detailed, **{name: values[-1] for name, values in call.query.items() if name != "detailed"}}
    return {"queues": queues, "links": onward("/v2/queues", query, page[-1]["name"]) if page else []}


def remove(call: Call) -> None:
    """DELETE of a queue with all that is in it."""
    key = key_of(call)
    _empty(call, key, (MESSAGES, CLAIMS, SUBSCRIPTIONS))
    call.state.remove(QUEUES, key)


def _empty(call: Call, key: str, tables: tuple[str, ...]) -> None:
    for table in tables:
        for row in call.state.find(table, queue=key):
            call.state.remove(table, row["id"])


def purge(call: Call) -> None:
    """POST …/purge: messages and subscriptions, or one of them."""
    tables = {"messages": MESSAGES, "subscriptions": SUBSCRIPTIONS}
    kinds = (call.json or {}).get("resource_types", list(tables))
    if not set(kinds) <= set(tables):
        raise bad(f"Resource types must be a sub set of {set(tables)}.")
    _empty(call, key_of(call), tuple(tables[kind] for kind in kinds))


def stats(call: Call) -> Obj:
    """GET …/stats: how many messages there are, the oldest and the newest."""
    rows = live(call)
    claimed = sum(1 for row in rows if row["claim_until"] > call.now)
    found: Obj = {"claimed": claimed, "free": len(rows) - claimed, "total": len(rows)}
    if rows:
        found |= {"newest": number_of(call, rows[-1]), "oldest": number_of(call, rows[0])}
    return {"messages": found}
