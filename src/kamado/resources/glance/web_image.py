"""OS::Glance::WebImage: an image that Glance fetches from an address by itself.

The trap: the image exists, queued and empty, before its data are asked for; asking is a second call, made when polling starts, so that
the id is durable before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    MAP,
    MERGED,
    NOT_SENT,
    PHYSICAL_NAME,
    SAME,
    STRING,
    Prop,
    Properties,
    Ready,
    Rest,
    SideCall,
    resource_type,
)
from kamado.plugin.errors import ResourceInError
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Finding, OnlyWhen
from kamado.plugin.side_calls import By, Call, Members
from kamado.template.unknown import is_unknown

_IMPORTING = "importing"

_UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"


def _activation(image: WebImage) -> None:
    """Takes the image out of use, or into it again."""
    status = image.show()["status"]
    if image.properties.get("active") is False and status == "active":
        image.call("POST", f"{image.item_path()}/actions/deactivate")
    elif image.properties.get("active") is not False and status == "deactivated":
        image.call("POST", f"{image.item_path()}/actions/reactivate")


@resource_type("OS::Glance::WebImage", since="12.0.0")
class WebImage(RestResource):
    """An image made by Glance's web-download import."""

    heat_class = "GlanceWebImage"
    rest = Rest("image", "/v2/images", None, plural="images", update="PATCH")
    ready = Ready("status", done={"active", "deactivated"}, bad={"killed", "deleted"}, unknown_waits=True)
    properties = Properties(
        Prop("name", STRING, "Name of the image; need not be unique.", fallback=PHYSICAL_NAME),
        Prop("id", STRING, "ID of the image; made up by Glance when not given."),
        Prop("visibility", STRING, "Who may see it.", update=True, default="private",
             allowed=("public", "private", "community", "shared")),
        Prop("protected", BOOLEAN, "Whether it must not be deleted.", update=True, default=False),
        Prop("min_disk", INTEGER, "Least disk in GB that it needs.", default=0, low=0),
        Prop("min_ram", INTEGER, "Least memory in MB that it needs.", default=0, low=0),
        Prop("extra_properties", MAP, "Further keys of the image.", update=True, default={}, since="17.0.0", body=MERGED),
        Prop("disk_format", STRING, "Format of the disk.", required=True,
             allowed=("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")),
        Prop("container_format", STRING, "Format of the container.", required=True,
             allowed=("ami", "ari", "aki", "bare", "ovf", "ova", "docker")),
        Prop("location", STRING, "Address that Glance fetches the data from.", required=True, body=NOT_SENT),
        Prop("tags", LIST, "Tags.", update=True, as_set=True, create_only=True),
        Prop("architecture", STRING, "Processor architecture of the system in it.", update=True),
        Prop("kernel_id", STRING, "Image of the kernel that it boots with.", update=True, pattern=_UUID),
        Prop("os_distro", STRING, "Name of the system in it.", update=True),
        Prop("os_version", STRING, "Version of the system in it.", update=True),
        Prop("owner", STRING, "Project that owns it.", update=True),
        Prop("ramdisk_id", STRING, "Image of the RAM disk that it boots with.", update=True, pattern=_UUID),
        Prop("active", BOOLEAN, "Whether its data may be used; administrators only.", update=True, default=True,
             since="16.0.0", body=NOT_SENT),
        Prop("members", LIST, "Projects that may read a shared image.", update=True, since="16.0.0", as_set=True,
             items=Prop("*", STRING, "A project, by ID."), body=NOT_SENT),
    )  # fmt: skip
    handled = {"location"}
    side_calls: ClassVar[tuple[SideCall, ...]] = (
        Members(
            "members",
            listing="/v2/images/{id}/members",
            key="members",
            member="member_id",
            join=Call("POST", "/v2/images/{id}/members", {"member": "{member}"}, ok=(409,)),
            leave=Call("DELETE", "/v2/images/{id}/members/{member}", ok=(404,)),
        ),
        By(("active",), _activation),
    )
    rules = (OnlyWhen("members", "visibility", "shared"),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The formats of Amazon's images go together only."""
        found = super().validate(properties)
        container, disk = properties.get("container_format"), properties.get("disk_format")
        if (
            not is_unknown(container)
            and not is_unknown(disk)
            and container in ("ami", "ari", "aki")
            and disk != container
        ):
            found.append(
                Finding(
                    "Invalid mix of disk and container formats. When setting a disk or container format to one of "
                    "'aki', 'ari', or 'ami', the container and disk formats must match."
                )
            )
        return found

    def check_create_complete(self, token: Any) -> bool:
        """Asks Glance to fetch the data, once; then waits until it has."""
        if not self.data.get(_IMPORTING):
            method = {"method": {"name": "web-download", "uri": self.properties["location"]}}
            if self.show()["status"] == "queued":
                self.call("POST", f"{self.item_path()}/import", json=method, ok=(409,))
            self.set_data(_IMPORTING, True)
            return False
        body = self.show()
        if body["status"] == "queued":
            self._import_failed(body)
            return False
        return super().check_create_complete(token)

    def _import_failed(self, body: Mapping[str, Any]) -> None:
        """An import that failed leaves the image queued for ever; its task knows why."""
        answer = self.call("GET", f"{self.item_path()}/tasks", ok=(403, 404)) or {}
        for task in answer.get("tasks", ()):
            if task.get("status") == "failure":
                raise ResourceInError(body["status"], str(task.get("message") or "the import failed"))

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """A JSON patch for what is part of the image; side calls for the rest."""
        patch = list(self._patch(changes))
        if patch:
            self._body = None
            kind = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
            self.call("PATCH", self.item_path(), json=patch, headers=kind)
        due = [index for index, side in enumerate(self.side_calls) if any(name in changes for name in side.claims)]
        return {"sides": due, "sent": bool(patch)}

    def _patch(self, changes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        before = self.show()
        wanted = {name: changes[name] for name in changes if self.props[name].body is SAME}
        if "tags" in wanted:
            wanted["tags"] = wanted["tags"] or []
        if "extra_properties" in changes:
            old = (self.record.properties or {}).get("extra_properties") or {}
            wanted |= dict.fromkeys(old) | dict(changes["extra_properties"] or {})
        for name, value in wanted.items():
            path = "/" + name.replace("~", "~0").replace("/", "~1")
            if value is not None:
                yield {"op": "replace" if name in before else "add", "path": path, "value": value}
            elif name in before:
                yield {"op": "remove", "path": path}
