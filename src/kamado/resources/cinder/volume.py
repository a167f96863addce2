"""OS::Cinder::Volume: a block device, empty or made from an image, a snapshot, another volume or a backup.

The trap: Cinder changes some things only while no server has the volume; those steps take it out and put it back, as Heat does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.model.lifecycle import Action, Status
from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    MAP,
    NOT_SENT,
    PHYSICAL_NAME,
    STRING,
    Attr,
    BlockedBy,
    Blocker,
    Prop,
    Properties,
    Query,
    Ready,
    Rest,
    resource_type,
)
from kamado.plugin.errors import PermanentError, ResourceInError, ResourceUnknownStatus, TemporaryError
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Excludes, Finding
from kamado.plugin.side_calls import Call, OwnCall
from kamado.resources.cinder import moves
from kamado.template.unknown import is_unknown

_READ_ONLY = {"os-update_readonly_flag": {"readonly": "{value}"}}


def _attached(volume: Any) -> list[Blocker]:
    """Servers that it is attached to."""
    return [
        Blocker(str(one["server_id"]), f"server {one['server_id']} ({one.get('device') or 'attached'})")
        for one in volume.show().get("attachments", ())
    ]


@resource_type("OS::Cinder::Volume")
class Volume(RestResource):
    """A block storage volume."""

    heat_class = "CinderVolume"
    rest = Rest(
        "volumev3",
        "/volumes",
        "volume",
        listing="/volumes/detail",
        polled_by_list=True,
        shown="latest",
        waits_for_absence=True,
        beside=("OS-SCH-HNT:scheduler_hints",),
    )
    blocked_by = (
        _attached,
        BlockedBy("snapshot", Query("/snapshots/detail", "snapshots", {"volume_id": "{id}"})),
    )
    ready = Ready(
        "status",
        pending={"creating", "restoring-backup", "downloading"},
        done={"available", "in-use"},
        bad={"error"},
        result="Volume create failed",
    )
    properties = Properties(
        Prop("availability_zone", STRING, "Availability zone that it is made in."),
        Prop("size", INTEGER, "Size in GB; without it the size of the source.", update=True, low=1, create_only=True),
        Prop("snapshot_id", STRING, "Snapshot to make it from.", refers="cinder.snapshot"),
        Prop("backup_id", STRING, "Backup to restore into it.", update=True, refers="cinder.backup", body=NOT_SENT),
        Prop("name", STRING, "Name of the volume.", update=True, fallback=PHYSICAL_NAME),
        Prop("description", STRING, "What it is for.", update=True, fallback=PHYSICAL_NAME),
        Prop("volume_type", STRING, "Type of volume, by name or ID.", update=True, refers="cinder.vtype", create_only=True),
        Prop("metadata", MAP, "Keys and values kept with it.", update=True, default={}, create_only=True),
        Prop("imageRef", STRING, "The ID of the image to make it from.", status="HIDDEN", since="5.0.0",
             message="Use property image.", instead="image"),
        Prop("image", STRING, "Image to make it from, by name or ID.", refers="glance.image", body="imageRef"),
        Prop("source_volid", STRING, "Volume to copy.", refers="cinder.volume"),
        Prop("scheduler_hints", MAP, "Hints for the scheduler.", since="2015.1", body="OS-SCH-HNT:scheduler_hints"),
        Prop("read_only", BOOLEAN, "Whether it may only be read.", update=True, since="5.0.0", body=NOT_SENT),
        Prop("multiattach", BOOLEAN, "Whether several servers may use it.", default=False, status="HIDDEN", since="13.0.0",
             message="multiattach is a trait of the volume type now.", body=NOT_SENT),
    )  # fmt: skip
    attributes = (
        Attr("availability_zone", STRING, "Availability zone."),
        Attr("size", STRING, "Size in GB.", shape=str),
        Attr("snapshot_id", STRING, "Snapshot it was made from.", shape=str),
        Attr("display_name", STRING, "Name.", key="name"),
        Attr("display_description", STRING, "Description.", key="description"),
        Attr("volume_type", STRING, "Type of volume."),
        Attr("metadata", STRING, "Keys and values, as JSON text.", shape=json.dumps),
        Attr("metadata_values", MAP, "Keys and values.", key="metadata"),
        Attr("source_volid", STRING, "Volume it was copied from.", shape=str),
        Attr("status", STRING, "Status.", live=True),
        Attr("created_at", STRING, "When it was made."),
        Attr("bootable", STRING, "Whether a server can boot from it.", shape=str),
        Attr("encrypted", STRING, "Whether it is encrypted.", shape=str),
        Attr("attachments", STRING, "Its attachments, as text.", status="DEPRECATED", since="9.0.0",
             message="Use attribute attachments_list.", shape=str, live=True),
        Attr("attachments_list", LIST, "Its attachments.", since="9.0.0", key="attachments", live=True),
        Attr("multiattach", BOOLEAN, "Whether several servers may use it.", since="6.0.0"),
    )  # fmt: skip
    handled = {"backup_id", "read_only", "multiattach"}
    side_calls = (OwnCall("read_only", Call("POST", "/volumes/{id}/action", _READ_ONLY)),)
    rules = (Excludes("image", "imageRef"),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """A size, or a source that has one; not several sources."""
        found = super().validate(properties)
        if properties.get("backup_id") is not None:
            return found
        given = [name for name in ("snapshot_id", "source_volid", "image", "imageRef") if _given(properties.get(name))]
        sized = [name for name in given if name in ("snapshot_id", "source_volid")]
        if properties.get("size") is None and (len(sized) != 1 or len(given) != 1):
            found.append(
                Finding(
                    'If neither "backup_id" nor "size" is provided, one and only one of "source_volid", "snapshot_id" '
                    f"must be specified, but currently specified options: {given}."
                )
            )
        elif properties.get("size") is not None and len(given) > 1:
            found.append(
                Finding(
                    'If "size" is provided, only one of "image", "imageRef", "source_volid", "snapshot_id" can be '
                    f"specified, but currently specified options: {given}."
                )
            )
        return found

    # Create.

    def handle_create(self) -> Any:
        """Makes it, or restores a backup into a new one, under the same name so that it can be found again."""
        if self.properties.get("backup_id") is None:
            return super().handle_create()
        backup = self.find("cinder.backup", self.properties["backup_id"])
        wanted = {"restore": {"volume_id": None, "name": self.properties.get("name") or self.physical_name}}
        started = self.ports.clock.now()
        try:
            answer = self.call("POST", f"/backups/{backup}/restore", json=wanted)
        except CloudError as error:
            found = self._after_lost_answer(error, started)
            if found is None:
                raise
            self.set_physical_id(found)
            return None
        self.set_physical_id(str(answer["restore"]["volume_id"]))
        return None

    def check_create_complete(self, token: Any) -> bool:
        """Available; then what a restored one could not be told before."""
        if not super().check_create_complete(token):
            return False
        if self.properties.get("backup_id") is not None:
            wanted = {key: self.properties.get(key) or self.physical_name for key in ("name", "description")}
            self.call("PUT", self.item_path(), json={"volume": wanted})
            if self.properties.get("metadata"):
                self._put_metadata()
        return True

    def _put_metadata(self) -> None:
        wanted = {"metadata": self.properties.get("metadata") or {}}
        self.call("PUT", f"{self.item_path()}/metadata", json=wanted)

    # Update.

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """Name, description and metadata at once; the rest as steps, out of the server first where Cinder insists."""
        request = self.update_request(changes)
        if request:
            self.call("PUT", self.item_path(), json={"volume": request})
        if "metadata" in changes:
            self._put_metadata()
        body = self.show()
        return {"steps": self._steps(changes, body)}

    def _steps(self, changes: Mapping[str, Any], body: Mapping[str, Any]) -> list[moves.Step]:
        own = self.physical_id
        todo: list[moves.Step] = []
        if changes.get("volume_type") is not None and body.get("volume_type") != changes["volume_type"]:
            wanted = {"new_type": changes["volume_type"], "migration_policy": "never"}
            words = "Volume retype failed"
            todo.append({"do": "action", "volume": own, "action": "os-retype", "body": wanted, "words": words})
        apart: list[moves.Step] = []
        if changes.get("backup_id") is not None:
            backup = self.find("cinder.backup", changes["backup_id"])
            apart.append({"do": "restore", "volume": own, "backup": backup})
        if changes.get("read_only") is not None:
            flag = {"readonly": changes["read_only"]}
            words = "Volume update failed"
            apart.append(
                {"do": "action", "volume": own, "action": "os-update_readonly_flag", "body": flag, "words": words}
            )
        if apart:
            places = [(item["server_id"], item.get("device")) for item in body.get("attachments") or ()]
            todo += [{"do": "detach", "server": server, "volume": own} for server, _ in places]
            todo += apart
            todo += [{"do": "attach", "server": server, "volume": own, "device": device} for server, device in places]
        size = changes.get("size")
        if size is not None and size < body["size"]:
            raise PermanentError("Shrinking volume is not supported.", "NotSupported")
        if size is not None and size > body["size"]:
            wanted = {"new_size": size}
            words = "Volume resize failed"
            todo.append({"do": "action", "volume": own, "action": "os-extend", "body": wanted, "words": words})
        return todo

    def check_update_complete(self, token: Any) -> bool:
        """One step after the other; after a crash without a token what is left is found out again."""
        self._body = None
        if token is not None:
            return moves.advance(self, token["steps"])
        todo = self.data.get("steps_left")
        if todo is None:
            before = self.record.properties or {}
            changes = {name: value for name, value in self.properties.items() if before.get(name) != value}
            todo = self._steps(changes, self.show())
        done = moves.advance(self, todo)
        self.set_data("steps_left", None if done else todo)
        return done

    # Delete, with or without a backup.

    def handle_delete(self) -> Any:
        """Deletes it; one that is still in use is tried again later."""
        if not self.physical_id:
            return None
        body = moves.volume(self, self.physical_id)
        if body is None:
            return {"gone": True}
        if body["status"] in ("in-use", "detaching"):
            raise TemporaryError("Volume in use")
        if body["status"] == "deleting":
            return None
        try:
            return super().handle_delete()
        except CloudError as error:
            if error.status == 400:  # Cinder's way to say that its state, or a snapshot of it, forbids it now
                raise TemporaryError(str(error)) from error
            raise

    def is_deleted(self, body: Mapping[str, Any]) -> bool:
        """Cinder keeps what it could not delete."""
        if str(body["status"]).lower() == "error_deleting":
            raise ResourceInError(body["status"], "delete")
        return False

    def handle_snapshot_delete(self) -> Any:
        """Deletion policy Snapshot: a backup of it first, unless it never came to be."""
        broken = self.status is Status.FAILED and self.action in (Action.CREATE, Action.UPDATE)
        if not self.physical_id or broken or moves.volume(self, self.physical_id) is None:
            return {"deleting": self.handle_delete()}
        return {"backup": self.handle_snapshot()}

    def check_snapshot_delete_complete(self, token: Any) -> bool:
        """The backup is ready; then as for any deletion."""
        token = token if token is not None else {"backup": self.data.get("backup_id")}
        if token.get("backup"):
            status = self.call("GET", f"/backups/{token['backup']}")["backup"]["status"]
            if status == "creating":
                return False
            if status != "available":
                raise ResourceUnknownStatus(status, "Volume backup failed")
            del token["backup"]
        if "deleting" not in token:
            token["deleting"] = self.handle_delete()
            return False
        return self.check_delete_complete(token["deleting"])

    # Snapshot.

    def handle_snapshot(self) -> str:
        """A backup of it, attached or not; its id."""
        if self.data.get("backup_id") and self.data.get("backup_of") == self.record.operation_id:
            return str(self.data["backup_id"])
        wanted = {"backup": {"volume_id": self.physical_id, "force": True}}
        backup = str(self.call("POST", "/backups", json=wanted)["backup"]["id"])
        self.set_data("backup_of", self.record.operation_id)
        self.set_data("backup_id", backup)
        return backup

    def check_snapshot_complete(self, token: Any) -> bool:
        """Whether the backup is ready."""
        backup = self.call("GET", f"/backups/{token or self.data['backup_id']}")["backup"]
        if backup["status"] in ("creating", "available"):
            return bool(backup["status"] == "available")
        raise PermanentError(str(backup.get("fail_reason") or backup["status"]))

    @classmethod
    def restored(cls, properties: Mapping[str, Any], data: Mapping[str, Any]) -> Mapping[str, Any]:
        """From the backup that was made of it, whatever it came from at first."""
        backup = (data.get("resource_data") or {}).get("backup_id")
        if not backup:
            return properties
        kept = {name: value for name, value in properties.items() if name not in ("image", "imageRef", "source_volid")}
        return {**kept, "backup_id": backup}

    def handle_delete_snapshot(self, data: Mapping[str, Any]) -> Any:
        """The backup of a snapshot goes with it."""
        backup = (data.get("resource_data") or data).get("backup_id")
        if backup:
            self.call("DELETE", f"/backups/{backup}", ok=(404,))
        return backup

    def check_delete_snapshot_complete(self, token: Any) -> bool:
        """Whether Cinder does not know the backup any more."""
        return not token or self.call("GET", f"/backups/{token}", ok=(404,)) is None


def _given(value: Any) -> bool:
    return value is not None and (is_unknown(value) or value != "")
