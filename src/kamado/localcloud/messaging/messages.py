"""Messages and claims: posted, listed, popped, claimed by one reader for a while, removed.

The trap: a reader does not see what it has posted itself (its client's id) unless it asks for the echo, and nobody sees in a list what
somebody has claimed.
"""

from typing import Any

from kamado.localcloud.clock import seconds_z
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.messaging.wire import (
    CLAIMS,
    MESSAGES,
    QUEUES,
    bad,
    bad_body,
    flag,
    ids_of,
    key_of,
    missing,
    number,
    onward,
    size,
)
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

_LIMIT = "Limit must be at least 1 and may not be greater than 20."
_MESSAGE_TTL = "The TTL for a message may not exceed 1209600 seconds, and must be at least 60 seconds long."
_CLAIM_TTL = "The TTL for a claim may not exceed 43200 seconds, and must be at least 60 seconds long."
_CLAIM_GRACE = "The grace for a claim may not exceed 43200 seconds, and must be at least 60 seconds long."


def live(call: Call) -> list[Obj]:
    """The queue's messages that have not expired, oldest first."""
    return [row for row in call.state.find(MESSAGES, queue=key_of(call)) if row["until"] > call.now]


def _path(call: Call) -> str:
    return f"/v2/queues/{call.params['name']}"


def _shown(call: Call, row: Obj, claim: str = "") -> Obj:
    href = f"{_path(call)}/messages/{row['id']}" + (f"?claim_id={claim}" if claim else "")
    return {"id": row["id"], "href": href, "ttl": row["ttl"], "age": int(call.now - row["stamp"]), "body": row["body"]}


def number_of(call: Call, row: Obj) -> Obj:
    """A message as the statistics show it."""
    claimed = row["claim_until"] > call.now
    return {
        "age": int(call.now - row["stamp"]),
        "ttl": row["ttl"],
        "body": row["body"],
        "claim_id": row["claim"] if claimed else None,
        "claim_count": 0,
        "created": seconds_z(row["stamp"]),
        "href": f"{_path(call)}/messages/{row['id']}",
    }


def post(call: Call) -> Answer:
    """POST of messages; the queue is made unless it is there."""
    given = call.json.get("messages") if isinstance(call.json, dict) else None
    if given is None:
        raise bad("No messages were found in the request body.")
    if not given:
        raise bad("No messages to enqueu.")
    meta = (call.state.get(QUEUES, key_of(call)) or {"meta": {}})["meta"]
    most = meta.get("_max_messages_post_size", 262144)
    if size(call.json) > most:
        raise bad(f"Message collection size is too large. Max size {most}")
    rows = [_row(call, each, meta) for each in given]
    if call.state.get(QUEUES, key_of(call)) is None:
        name, project = call.params["name"], call.who.project_id
        call.state.put(QUEUES, {"id": key_of(call), "project": project, "name": name, "meta": {}})
    for row in rows:
        call.state.put(MESSAGES, row)
        call.state.later(MESSAGES, row["id"], row["until"], None)
    ids = [row["id"] for row in rows]
    headers = {"Location": f"{_path(call)}/messages?ids={','.join(ids)}"}
    return Answer(201, {"resources": [f"{_path(call)}/messages/{each}" for each in ids]}, headers)


def _row(call: Call, given: Any, meta: Obj) -> Obj:
    if not isinstance(given, dict) or "body" not in given:
        raise bad_body('Missing "body" field.')
    ttl: Any = given.get("ttl", meta.get("_default_message_ttl", 3600))
    _within(ttl, 60, 1209600, "ttl", _MESSAGE_TTL)
    return {
        "id": new_uuid(),
        "queue": key_of(call),
        "body": given["body"],
        "ttl": ttl,
        "stamp": call.now,
        "until": call.now + ttl,
        "client": call.header("Client-ID"),
        "claim": "",
        "claim_until": 0.0,
    }


def _within(value: Any, least: int, most: int, name: str, words: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_body(f'The value of the "{name}" field must be a int.')
    if not least <= value <= most:
        raise bad(words)


def listed(call: Call) -> Obj:
    """GET of messages: some by their ids, or a page of those that this client may see."""
    if "ids" in call.query:
        return _by_ids(call, ids_of(call))
    most = number(call, "limit", 10, _LIMIT)
    echo, claimed = flag(call, "echo"), flag(call, "include_claimed")
    client, marker = call.header("Client-ID"), call.arg("marker")
    rows = live(call)
    if marker:
        place = next((at for at, row in enumerate(rows) if row["id"] == marker), -1)
        rows = rows[place + 1 :]
    seen = [row for row in rows if (echo or row["client"] != client) and (claimed or row["claim_until"] <= call.now)][
        :most
    ]
    query: Obj = {"limit": most} if "limit" in call.query else {}
    query |= {"echo": "true"} if echo else {}
    query |= {"include_claimed": "true"} if claimed else {}
    links = onward(f"{_path(call)}/messages", {**query, "include_delayed": "true"}, seen[-1]["id"]) if seen else []
    return {"messages": [_shown(call, row) for row in seen], "links": links}


def _by_ids(call: Call, ids: list[str]) -> Obj:
    found = [row for row in live(call) if row["id"] in ids]
    if not found:
        where = f"the queue {call.params['name']} for project {call.who.project_id}"
        raise missing(f"No messages with IDs: {ids} found in {where}.")
    return {"messages": [_shown(call, row) for row in found]}


def _found(call: Call) -> Obj | None:
    row = call.state.get(MESSAGES, call.params["id"])
    return row if row is not None and row["queue"] == key_of(call) and row["until"] > call.now else None


def show(call: Call) -> Obj:
    """GET of one message."""
    row = _found(call)
    if row is None:
        where = f"queue {call.params['name']} for project {call.who.project_id}"
        raise missing(f"Message {call.params['id']} does not exist in {where}")
    return _shown(call, row)


def remove(call: Call) -> None:
    """DELETE of one message; one that is claimed needs the claim's id."""
    row = _found(call)
    if row is None:
        return
    if row["claim_until"] > call.now and call.arg("claim_id") != row["claim"]:
        words = "This message is claimed; it cannot be deleted without a valid claim ID."
        raise Refusal(403, words, "Unable to delete")
    call.state.remove(MESSAGES, row["id"])


def remove_many(call: Call) -> Answer:
    """DELETE of messages by their ids, or of the first ones, which are then told (``pop``)."""
    pop = number(call, "pop", 0, "Pop value must be at least 1 and may not be greater than 20.")
    if pop and "ids" in call.query:
        raise bad("pop and id params cannot be present together in the delete request.")
    if not pop and "ids" not in call.query:
        words = 'The request should have either "ids" or "pop" parameter in the request, to be able to delete.'
        raise bad(words)
    ids = ids_of(call)
    rows = [row for row in live(call) if row["claim_until"] <= call.now]
    rows = rows[:pop] if pop else [row for row in rows if row["id"] in ids]
    for row in rows:
        call.state.remove(MESSAGES, row["id"])
    if not pop:
        return Answer(204)
    return Answer(200, {"messages": [_popped(call, row) for row in rows]})


def _popped(call: Call, row: Obj) -> Obj:
    shown = _shown(call, row)
    del shown["href"]
    return {**shown, "claim_id": new_uuid(), "claim_count": 0}


def claim(call: Call) -> Answer:
    """POST of a claim: the first messages that nobody has claimed; 204 when there are none."""
    most = number(call, "limit", 10, _LIMIT)
    given = call.json if isinstance(call.json, dict) else {}
    ttl, grace = given.get("ttl", 300), given.get("grace", 60)
    _within(ttl, 60, 43200, "ttl", _CLAIM_TTL)
    _within(grace, 60, 43200, "grace", _CLAIM_GRACE)
    rows = [row for row in live(call) if row["claim_until"] <= call.now][:most]
    if not rows:
        return Answer(204)
    until = call.now + ttl
    made = {"id": new_uuid(), "queue": key_of(call), "ttl": ttl, "grace": grace, "stamp": call.now, "until": until}
    call.state.put(CLAIMS, made)
    held = [_held(call, row, made) for row in rows]
    body = {"messages": [_shown(call, row, made["id"]) for row in held]}
    return Answer(201, body, {"Location": f"{_path(call)}/claims/{made['id']}"})


def _held(call: Call, row: Obj, made: Obj) -> Obj:
    changes: Obj = {"claim": made["id"], "claim_until": made["until"]}
    lasts = made["until"] + made["grace"]
    if row["until"] < lasts:  # a message outlives its claim
        changes |= {"ttl": made["ttl"] + made["grace"], "until": lasts}
        call.state.later(MESSAGES, row["id"], lasts, None)
    return call.state.change(MESSAGES, row["id"], **changes)


def _claim(call: Call) -> Obj | None:
    row = call.state.get(CLAIMS, call.params["id"])
    return row if row is not None and row["queue"] == key_of(call) and row["until"] > call.now else None


def _its_messages(call: Call, row: Obj) -> list[Obj]:
    return [each for each in live(call) if each["claim"] == row["id"]]


def _wanted(call: Call) -> Obj:
    row = _claim(call)
    if row is None:
        where = f"queue {call.params['name']} for project {call.who.project_id}"
        raise missing(f"Claim {call.params['id']} does not exist in {where}")
    return row


def show_claim(call: Call) -> Obj:
    """GET of a claim with its messages."""
    row = _wanted(call)
    return {
        "age": int(call.now - row["stamp"]),
        "ttl": row["ttl"],
        "href": f"{_path(call)}/claims/{row['id']}",
        "messages": [_shown(call, each, row["id"]) for each in _its_messages(call, row)],
    }


def change_claim(call: Call) -> None:
    """PATCH of a claim: held for longer."""
    given = call.json if isinstance(call.json, dict) else {}
    row = _wanted(call)
    ttl, grace = given.get("ttl", 300), given.get("grace", row["grace"])
    _within(ttl, 60, 43200, "ttl", _CLAIM_TTL)
    _within(grace, 60, 43200, "grace", _CLAIM_GRACE)
    made = call.state.change(CLAIMS, row["id"], ttl=ttl, grace=grace, stamp=call.now, until=call.now + ttl)
    for each in _its_messages(call, row):
        _held(call, each, made)


def release(call: Call) -> None:
    """DELETE of a claim: its messages are free again."""
    row = _claim(call)
    if row is None:
        return
    for each in _its_messages(call, row):
        call.state.change(MESSAGES, each["id"], claim="", claim_until=0.0)
    call.state.remove(CLAIMS, row["id"])
