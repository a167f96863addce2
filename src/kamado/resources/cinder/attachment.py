"""OS::Cinder::VolumeAttachment: a volume in a server, attached and detached through Nova.

The trap: what is attached where is kept as data; after a failed update that is not what the properties say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.declare import STRING, Prop, Properties, resource_type
from kamado.plugin.errors import TemporaryError
from kamado.plugin.rest import CloudResource
from kamado.resources.cinder import moves


@resource_type("OS::Cinder::VolumeAttachment")
class VolumeAttachment(CloudResource):
    """The attachment of a volume to a server."""

    heat_class = "CinderVolumeAttachment"
    service_type = "volumev3"
    can_find = True
    properties = Properties(
        Prop("instance_uuid", STRING, "ID of the server.", required=True, update=True),
        Prop("volume_id", STRING, "ID of the volume.", required=True, update=True, refers="cinder.volume"),
        Prop(
            "mountpoint",
            STRING,
            "Device name wanted in the guest; most hypervisors choose their own.",
            update=True,
        ),
    )

    def _wanted(self) -> tuple[str, str]:
        """Server and volume that the properties name."""
        return self.properties["instance_uuid"], str(self.find("cinder.volume", self.properties["volume_id"]))

    def _present(self) -> tuple[str, str]:
        """Server and volume that are joined, as far as is known."""
        kept = self.data.get("attached")
        if kept:
            return kept["server"], kept["volume"]
        last = self.record.properties or self.properties
        return last["instance_uuid"], last["volume_id"]

    def _joined(self, attachment_id: str, server: str, volume: str) -> None:
        self.set_data("attached", {"server": server, "volume": volume})
        self.set_physical_id(attachment_id)

    def handle_create(self) -> Any:
        """Attaches; a server that is busy is tried again later."""
        server, volume = self._wanted()
        try:
            made = moves.attach(self, server, volume, self.properties.get("mountpoint"))
        except CloudError as error:
            if error.conflict:
                raise TemporaryError(str(error)) from error
            raise
        self._joined(made, server, volume)
        return None

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002  # pairs are unique
        """The attachment of this volume to this server, if Nova knows one."""
        server, volume = self._wanted()
        return moves.attachment(self, server, volume)

    def check_create_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether the volume is in use by the server."""
        return moves.attached(self, *self._wanted())

    def handle_update(self, changes: Mapping[str, Any]) -> Any:  # noqa: ARG002  # whatever changes, it is moved
        """Out of the old place, into the new one."""
        server, volume = self._wanted()
        old_server, old_volume = self._present()
        return {
            "steps": [
                {"do": "detach", "server": old_server, "volume": old_volume},
                {"do": "attach", "server": server, "volume": volume, "device": self.properties.get("mountpoint")},
            ]
        }

    def check_update_complete(self, token: Any) -> bool:
        """One step after the other."""
        todo = self.handle_update({})["steps"] if token is None else token["steps"]
        if token is None and self._present() == self._wanted():
            del todo[0]  # after a crash: the move was made, only its end was not seen
        done = moves.advance(self, todo)
        server, volume = self._wanted()
        if done or (todo and todo[0]["do"] == "attach" and todo[0].get("called")):
            made = moves.attachment(self, server, volume)
            if made is not None and (made != self.physical_id or self._present() != (server, volume)):
                self._joined(made, server, volume)
        return done

    def handle_delete(self) -> Any:
        """Detaches; what is not attached any more is fine."""
        if not self.physical_id:
            return None
        server, volume = self._present()
        try:
            moves.detach(self, server, volume)
        except CloudError as error:
            if error.conflict:
                raise TemporaryError(str(error)) from error
            raise
        return None

    def check_delete_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether Cinder and Nova both know that it is out."""
        return not self.physical_id or moves.detached(self, *self._present())

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept when its volume is attached as it should be."""
        return not self.physical_id or moves.attachment(self, *self._present()) is None
