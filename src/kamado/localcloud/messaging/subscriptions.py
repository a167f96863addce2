"""Subscriptions to queues. They are kept and shown; nothing is delivered."""

import secrets
from typing import Any

from kamado.localcloud.collection import new_uuid
from kamado.localcloud.messaging.queues import ensure
from kamado.localcloud.messaging.wire import SUBSCRIPTIONS, bad, document, key_of, missing, number, onward
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

_SCHEMES = ["http", "https", "mailto", "trust+http", "trust+https"]
_FOREVER = 220367260800


def _path(call: Call) -> str:
    return f"/v2/queues/{call.params['name']}/subscriptions"


def _shown(call: Call, row: Obj) -> Obj:
    return {
        "id": row["id"],
        "source": call.params["name"],
        "subscriber": row["subscriber"],
        "ttl": row["ttl"],
        "age": int(call.now - row["stamp"]),
        "options": row["options"],
        "confirmed": False,
    }


def _checked(given: Obj) -> Obj:
    subscriber: Any = given.get("subscriber")
    if subscriber is not None and str(subscriber).partition(":")[0] not in _SCHEMES:
        raise bad(f"The subscriber type of subscription must be supported in the list {_SCHEMES}.")
    if not isinstance(given.get("options", {}), dict):
        raise bad("Options must be a dict.")
    ttl = given.get("ttl", _FOREVER)
    if not isinstance(ttl, int) or isinstance(ttl, bool):
        raise bad("TTL must be an integer.")
    if ttl < 60:
        raise bad("The TTL for a subscription must be at least 60 seconds long.")
    return given


def _live(call: Call) -> list[Obj]:
    rows = call.state.find(SUBSCRIPTIONS, queue=key_of(call))
    return [row for row in rows if row["stamp"] + row["ttl"] > call.now]


def make(call: Call) -> Answer:
    """POST of a subscription; the queue is made unless it is there. A subscriber has one to each queue."""
    given = document(call)
    if "subscriber" not in given:
        raise bad("Missing parameter subscriber in body.")
    _checked(given)
    ensure(call)
    row = next((each for each in _live(call) if each["subscriber"] == given["subscriber"]), None)
    if row is None:
        options = given.get("options", {})
        if given["subscriber"].startswith("trust+"):
            options = {**options, "trust_id": secrets.token_hex(16)}
        row = call.state.put(
            SUBSCRIPTIONS,
            {
                "id": new_uuid(),
                "queue": key_of(call),
                "subscriber": given["subscriber"],
                "ttl": given.get("ttl", _FOREVER),
                "options": options,
                "stamp": call.now,
            },
        )
    return Answer(201, {"subscription_id": row["id"]}, {"Location": _path(call)})


def _found(call: Call) -> Obj:
    row = next((each for each in _live(call) if each["id"] == call.params["id"]), None)
    if row is None:
        raise missing(f"Subscription {call.params['id']} does not exist")
    return row


def show(call: Call) -> Obj:
    """GET of one subscription."""
    return _shown(call, _found(call))


def change(call: Call) -> Answer:
    """PATCH of a subscription."""
    given = document(call)
    if not given:
        raise bad("No subscription to create.")
    changes = {name: value for name, value in _checked(given).items() if name in ("subscriber", "ttl", "options")}
    row = _found(call)
    if not changes:
        words = f"Subscription {row['id']} could not be updated."
        raise Refusal(400, words, "Unable to update subscription")
    if any(each["subscriber"] == changes.get("subscriber") and each["id"] != row["id"] for each in _live(call)):
        words = "Such subscription already exists. Subscriptions are unique by project + queue + subscriber URI."
        raise Refusal(409, words, "Resource conflict")
    call.state.change(SUBSCRIPTIONS, row["id"], **changes)
    return Answer(204, None, {"Location": f"{_path(call)}/{row['id']}"})


def listed(call: Call) -> Obj:
    """GET of a queue's subscriptions."""
    most = number(call, "limit", 10, "Limit must be at least 1 and may not be greater than 20.")
    marker = call.arg("marker")
    rows = _live(call)
    place = next((at for at, row in enumerate(rows) if row["id"] == marker), -1)
    page = rows[place + 1 :][:most]
    query = {name: values[-1] for name, values in call.query.items()}
    links = onward(_path(call), query, page[-1]["id"]) if page else []
    return {"subscriptions": [_shown(call, row) for row in page], "links": links}


def remove(call: Call) -> None:
    """DELETE of a subscription; one that is not there is fine."""
    if any(row["id"] == call.params["id"] for row in _live(call)):
        call.state.remove(SUBSCRIPTIONS, call.params["id"])
