"""OS::Swift::Container: a container for objects. Its name is its id, so making it twice is making it once.

The trap: whatever is in it keeps it from being deleted, unless the template says that it goes along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from kamado.cloud.objects import ObjectStore
from kamado.plugin.declare import BOOLEAN, INTEGER, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.thing import CloudResource

_AT_ONCE = 100
"""So many objects are removed between two looks at the clock."""


@resource_type("OS::Swift::Container")
class Container(CloudResource):
    """A container for objects."""

    heat_class = "SwiftContainer"
    service_type = "object-store"
    physical_name_limit = 255
    properties = Properties(
        Prop("name", STRING, "Name; made up when left out."),
        Prop("X-Container-Read", STRING, "Who may read."),
        Prop("X-Container-Write", STRING, "Who may write."),
        Prop("X-Container-Meta", MAP, "Metadata of the container.", default={}),
        Prop("X-Account-Meta", MAP, "Metadata of the account.", default={}),
        Prop("PurgeOnDelete", BOOLEAN, "Its objects are deleted with it.", default=False, since="2015.1"),
    )
    attributes = (
        Attr("DomainName", STRING, "Host of its URL."),
        Attr("WebsiteURL", STRING, "Its URL."),
        Attr("RootURL", STRING, "URL of the account."),
        Attr("ObjectCount", INTEGER, "How many objects are in it."),
        Attr("BytesUsed", INTEGER, "Bytes in it."),
        Attr("HeadContainer", MAP, "All that the store tells of it."),
    )

    def handle_create(self) -> None:
        """Made with its metadata and lists."""
        name = str(self.properties.get("name") or self.physical_name)
        lists = {key: self.properties.get(key) for key in ("X-Container-Read", "X-Container-Write")}
        headers = {key: str(value) for key, value in lists.items() if value}
        headers |= _headers("X-Container-Meta", self.properties["X-Container-Meta"])
        ObjectStore(self.cloud).make_container(name, headers)
        self.set_physical_id(name)

    def check_create_complete(self, token: Any) -> bool:  # noqa: ARG002
        """The account's metadata."""
        headers = _headers("X-Account-Meta", self.properties["X-Account-Meta"])
        if headers:
            self.service.fetch("POST", "", headers=headers)
        return True

    def handle_delete(self) -> None:
        """Nothing yet: what is in it goes first."""

    def check_delete_complete(self, token: Any) -> bool:  # noqa: ARG002
        """Some of its objects each time, at last the container.

        :raises PermanentError: there is something in it that is not to be deleted.
        """
        if self.physical_id is None:
            return True
        store, name = ObjectStore(self.cloud), str(self.physical_id)
        if store.remove_container(name):
            return True
        if not self.properties["PurgeOnDelete"]:
            words = f"Deleting non-empty container ({name}) when PurgeOnDelete is False is not supported for resource."
            raise PermanentError(words, "ResourceActionNotSupported")
        for each in (store.names(name, _AT_ONCE) or ())[:_AT_ONCE]:
            store.remove(name, each)
        return store.remove_container(name)

    def handle_check(self) -> None:
        """It must be there."""
        self.service.fetch("HEAD", f"/{quote(str(self.physical_id), safe='')}")

    def read_attributes(self, names: Any) -> dict[str, Any]:
        """All by one look."""
        wanted = list(names) or [*type(self).attrs]
        if not self.physical_id:
            return dict.fromkeys(wanted)
        head: Mapping[str, str] = {}
        if {"ObjectCount", "BytesUsed", "HeadContainer", "show"} & set(wanted):
            answer = self.service.fetch("HEAD", f"/{quote(str(self.physical_id), safe='')}", ok=(404,))
            head = {} if answer is None else {name.lower(): value for name, value in answer.headers.items()}
        return {name: self._read(name, head) for name in wanted}

    def attribute(self, name: str) -> Any:
        """One attribute."""
        return self.read_attributes([name])[name]

    def _read(self, name: str, head: Mapping[str, str]) -> Any:
        root = self.service.base.rstrip("/")
        told: dict[str, Any] = {
            "DomainName": urlsplit(root).hostname,
            "WebsiteURL": f"{root}/{self.physical_id}",
            "RootURL": root,
            "ObjectCount": head.get("x-container-object-count"),
            "BytesUsed": head.get("x-container-bytes-used"),
            "HeadContainer": dict(head),
            "show": dict(head),
        }
        return told.get(name)


def _headers(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {f"{prefix}-{name}": str(value) for name, value in values.items()}
