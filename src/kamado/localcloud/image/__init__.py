"""Glance: images, their data and members, schemas, and what clients ask about stores and import methods.

`SERVICE` is what `server` serves; other services refer to the table `image.images`. The trap: Glance's errors are HTML pages, and a
project that only sees an image gets 403, not 404, when it tries to change it.
"""

from typing import TYPE_CHECKING

from kamado.localcloud.collection import new_uuid
from kamado.localcloud.errors import ImageDialect
from kamado.localcloud.image import data, images, members, schemas
from kamado.localcloud.seed import acting_as
from kamado.localcloud.service import Answer, Call, CatalogEntry, Handler, Refusal, Route, Service
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

__all__ = ["SERVICE"]

MINORS = (17, 15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)


def _versions(call: Call) -> Obj:
    base = call.url[: call.url.index("/", 8)] if "/" in call.url[8:] else call.url
    links = [{"rel": "self", "href": f"{base}/v2/"}]
    return {
        "versions": [
            {"id": f"v2.{minor}", "status": "CURRENT" if minor == MINORS[0] else "SUPPORTED", "links": links}
            for minor in MINORS
        ]
    }


def _root(call: Call) -> Answer:
    return Answer(300, _versions(call))


def _schema(call: Call) -> Obj:
    found = schemas.SCHEMAS.get(call.params["name"])
    if found is None:
        raise Refusal(404, "The resource could not be found.")
    return found


def _fixed(body: Obj) -> Handler:
    return lambda _call: body


def _tasks(call: Call) -> Obj:
    images.allow(call, "tasks_api_access", "admin")
    return {"tasks": [], "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}


_IMPORT_METHODS = {
    "description": "Import methods available.",
    "type": "array",
    "value": images.METHODS.split(","),
}


def seed(cloud: "LocalCloud") -> None:
    """The images that a new cloud has: public, active, with a few bytes of data."""
    call = cloud.call("image", acting_as(cloud, "admin", "admin"))
    for name in ("cirros", "fedora-heat-test-image"):
        values = {
            "id": new_uuid(),
            "name": name,
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "public",
            "owner": call.who.project_id,
        }
        data.store(call, images.add(call, values), b"rig" * 1000, "saving")


SERVICE = Service(
    name="image",
    catalog=(CatalogEntry("glance", "image"),),
    dialect=ImageDialect(),
    collections=(images.IMAGES,),
    routes=(
        Route("GET", "/", _root, public=True),
        Route("GET", "/versions", _versions, public=True),
        Route("GET", "/v2/schemas/{name}", _schema),
        Route("GET", "/v2/info/import", _fixed({"import-methods": _IMPORT_METHODS})),
        Route("GET", "/v2/info/stores", _fixed({"stores": [{"id": "local", "default": "true"}]})),
        Route("GET", "/v2/tasks", _tasks),
        *images.ROUTES,
        *data.ROUTES,
        *members.ROUTES,
    ),
    seed=seed,
)
