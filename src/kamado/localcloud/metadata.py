"""The small API that Nova and Cinder put under many things: a map of strings, whole or key by key.

`routes_for` gives its routes under one path. The trap: POST adds to the map, PUT replaces it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj


@dataclass(frozen=True)
class Wording:
    """Where one service differs: names in the bodies, statuses, what a missing key is called."""

    missing: Callable[[Call, str], str]
    whole: str = "metadata"
    item: str = "meta"
    deleted: int = 204
    most: int = 0  # items; 0: no limit


def checked(value: Any, name: str = "metadata") -> dict[str, str]:
    """A map of strings, with the wording of JSON schema where it is not."""
    if not isinstance(value, dict):
        raise Refusal(
            400, f"Invalid input for field/attribute {name}. Value: {value}. {value!r} is not of type 'object'"
        )
    for key, item in value.items():
        if not isinstance(item, str):
            text = f"Invalid input for field/attribute {key}. Value: {item}. {item!r} is not of type 'string'"
            raise Refusal(400, text)
        if len(item) > 255:
            raise Refusal(400, f"Invalid input for field/attribute {key}. Value: {item}. {item!r} is too long")
        if not 0 < len(key) <= 255:
            raise Refusal(400, f"Invalid input for field/attribute {name}. Value: {value}. {key!r} does not match")
    return value


def routes_for(
    path: str, find: Callable[[Call], Obj], keep: Callable[[Call, Obj, dict[str, str]], None], wording: Wording
) -> list[Route]:
    """Routes for the map under `path`. `find` gives the object that holds it in `metadata`, `keep` stores a new map."""

    def given(call: Call, name: str) -> dict[str, str]:
        body = call.json
        if not isinstance(body, dict) or name not in body:
            raise Refusal(
                400, f"'{name}' is a required property" if isinstance(body, dict) else "Malformed request body"
            )
        return checked(body[name], name)

    def save(call: Call, obj: Obj, new: dict[str, str]) -> None:
        if wording.most and len(new) > wording.most:
            raise Refusal(403, f"Maximum number of metadata items exceeds {wording.most}")
        keep(call, obj, new)

    def show(call: Call) -> Answer:
        return Answer(200, {wording.whole: find(call)["metadata"]})

    def add(call: Call) -> Answer:
        obj = find(call)
        new = {**obj["metadata"], **given(call, wording.whole)}
        save(call, obj, new)
        return Answer(200, {wording.whole: new})

    def replace(call: Call) -> Answer:
        obj = find(call)
        new = given(call, wording.whole)
        save(call, obj, new)
        return Answer(200, {wording.whole: new})

    def held(call: Call) -> tuple[Obj, str]:
        obj, key = find(call), call.params["key"]
        if key not in obj["metadata"]:
            raise Refusal(404, wording.missing(call, key))
        return obj, key

    def show_one(call: Call) -> Answer:
        obj, key = held(call)
        return Answer(200, {wording.item: {key: obj["metadata"][key]}})

    def put_one(call: Call) -> Answer:
        obj, key = find(call), call.params["key"]
        item = given(call, wording.item)
        if set(item) != {key}:
            raise Refusal(400, "Request body and URI mismatch")
        save(call, obj, {**obj["metadata"], **item})
        return Answer(200, {wording.item: item})

    def drop(call: Call) -> Answer:
        obj, key = held(call)
        save(call, obj, {k: v for k, v in obj["metadata"].items() if k != key})
        return Answer(wording.deleted)

    return [
        Route("GET", path, show),
        Route("POST", path, add),
        Route("PUT", path, replace),
        Route("GET", path + "/{key}", show_one),
        Route("PUT", path + "/{key}", put_one),
        Route("DELETE", path + "/{key}", drop),
    ]
