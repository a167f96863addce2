"""Tags on network objects: read, replaced, added and removed one by one, under the path of the object itself.

`routes_for` gives the routes of one collection. The trap: PUT of one tag answers 201 with the body `null`, as Neutron does.
"""

from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.collection import Collection
from kamado.localcloud.network.ownership import bump
from kamado.localcloud.network.values import invalid_input
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj


def checked(value: Any) -> list[str]:
    """A list of tags, each once, in order."""
    if not isinstance(value, list):
        raise invalid_input(f"'{value}' is not a list.")
    for tag in value:
        if not isinstance(tag, str):
            raise invalid_input(f"'{tag}' is not a valid string.")
        if len(tag) > 255:
            raise invalid_input(f"'{tag}' exceeds maximum length of 255.")
    return sorted(set(value))


def routes_for(collection: Collection) -> list[Route]:
    """All requests on the tags of one collection's objects."""
    whole, one = collection.path + "/{id}/tags", collection.path + "/{id}/tags/{tag}"

    def given(call: Call) -> list[str]:
        body = call.json
        if not isinstance(body, dict) or "tags" not in body:
            raise invalid_input("Invalid tags body.")
        return checked(body["tags"])

    def mine(call: Call) -> Obj:
        return crud.owned(call, collection, call.params["id"])

    def keep(call: Call, obj: Obj, tags: list[str]) -> list[str]:
        bump(call, collection.table, obj["id"], tags=sorted(set(tags)))
        return sorted(set(tags))

    def show(call: Call) -> Answer:
        return Answer(200, {"tags": crud.find(call, collection, call.params["id"])["tags"]})

    def replace(call: Call) -> Answer:
        return Answer(200, {"tags": keep(call, mine(call), given(call))})

    def extend(call: Call) -> Answer:
        obj = mine(call)
        added = given(call)
        keep(call, obj, [*obj["tags"], *added])
        return Answer(200, {"tags": added})

    def clear(call: Call) -> Answer:
        keep(call, mine(call), [])
        return Answer(204)

    def has(call: Call, obj: Obj) -> str:
        tag = call.params["tag"]
        if tag not in obj["tags"]:
            raise Refusal(404, f"Tag {tag} could not be found.", "TagNotFound")
        return tag

    def ask(call: Call) -> Answer:
        has(call, crud.find(call, collection, call.params["id"]))
        return Answer(204)

    def put(call: Call) -> Answer:
        obj = mine(call)
        keep(call, obj, [*obj["tags"], *checked([call.params["tag"]])])
        return Answer(201, raw=b"null")

    def drop(call: Call) -> Answer:
        obj = mine(call)
        tag = has(call, obj)
        keep(call, obj, [t for t in obj["tags"] if t != tag])
        return Answer(204)

    return [
        Route("GET", whole, show),
        Route("PUT", whole, replace),
        Route("POST", whole, extend),
        Route("DELETE", whole, clear),
        Route("GET", one, ask),
        Route("PUT", one, put, body="none"),
        Route("DELETE", one, drop),
    ]
