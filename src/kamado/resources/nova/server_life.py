"""The states of a server: how they are judged, suspending and resuming, snapshots, and what counts as gone.

Base of `server.py`'s class. The trap: a server in status ERROR may still be on its way out; its task tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.declare import Ready
from kamado.plugin.errors import PermanentError, ResourceInError
from kamado.plugin.rest import RestResource
from kamado.resources.nova import steps

ON_THE_WAY = frozenset(
    {
        "BUILD",
        "HARD_REBOOT",
        "PASSWORD",
        "REBOOT",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHUTOFF",
        "SUSPENDED",
        "VERIFY_RESIZE",
    }
)
"""Statuses that lead to ACTIVE, or are left by somebody else."""

_IMAGE_TASKS = frozenset({"image_uploading", "image_snapshot_pending", "image_snapshot", "image_pending_upload"})


class ServerLife(RestResource):
    """What a server goes through between its creation and its end."""

    def judge(self, ready: Ready, body: Mapping[str, Any]) -> bool:
        """As declared, but for the words of a fault and for what some clouds add to a status."""
        status = steps.status_of(body)
        if status in ready.bad:
            raise steps.in_error(body)
        return super().judge(ready, {**body, "status": status})

    def is_deleted(self, body: Mapping[str, Any]) -> bool:
        """Soft deletion is pushed on; a fault while deleting is an error."""
        if steps.task_of(body) == "deleting":
            return False
        status = steps.status_of(body)
        if status == "SOFT_DELETED":
            steps.act(self, "forceDelete")
        elif status == "ERROR":
            fault = body.get("fault") or {}
            words = f"({fault.get('code')}) {fault.get('message', 'Unknown')}"
            raise ResourceInError(status, f"Server {body.get('name')} delete failed: {words}")
        return status == "DELETED"

    def handle_snapshot_delete(self) -> Any:
        """Deletion policy Snapshot: an image of it first."""
        if not self.physical_id:
            return {"image": None, "deleting": self.handle_delete()}
        return {"image": self.handle_snapshot()}

    def check_snapshot_delete_complete(self, token: Any) -> bool:
        """The image is ready; then as for any deletion."""
        token = token if token is not None else {"image": self.data.get("snapshot_image_id")}
        if token.get("image") and not self.check_snapshot_complete(token["image"]):
            return False
        if token.pop("image", None) or "deleting" not in token:
            token["deleting"] = self.handle_delete()
            return False
        return self.check_delete_complete(token["deleting"])

    def _present(self) -> Mapping[str, Any] | None:
        if not self.physical_id:
            return None
        try:
            return self.show()
        except CloudError as error:
            if error.not_found:
                return None
            raise

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept unless it is gone or broken."""
        server = self._present()
        return server is None or steps.status_of(server) in ("ERROR", "DELETED", "SOFT_DELETED")

    def handle_suspend(self) -> Any:
        """Suspends it, unless it is so already."""
        if not self.physical_id:
            raise PermanentError(f"Cannot suspend {self.name}, resource_id not set")
        if steps.status_of(self._found()) != "SUSPENDED":
            steps.act(self, "suspend")
        return None

    def check_suspend_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether it is suspended."""
        server = self.show()
        status = steps.status_of(server)
        if status not in {*ON_THE_WAY, "ACTIVE"}:
            raise steps.unknown_status(server, f"Suspend of server {server.get('name')} failed")
        return status == "SUSPENDED"

    def handle_resume(self) -> Any:
        """Resumes it, unless it runs."""
        if not self.physical_id:
            raise PermanentError(f"Cannot resume {self.name}, resource_id not set")
        if steps.status_of(self._found()) != "ACTIVE":
            steps.act(self, "resume")
        return None

    def check_resume_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether it runs."""
        assert self.ready is not None
        return self.judge(self.ready, self.show())

    def _found(self) -> Mapping[str, Any]:
        server = self._present()
        if server is None:
            raise PermanentError(f"Failed to find server {self.physical_id}", "NotFound")
        return server

    def handle_snapshot(self) -> str:
        """An image of the server; its id."""
        kept = self.data.get("snapshot_image_id")
        if kept and self.data.get("snapshot_of") == self.record.operation_id:
            return str(kept)
        image = str(steps.act(self, "createImage", {"name": self.physical_name}, "2.45")["image_id"])
        self.set_data("snapshot_of", self.record.operation_id)
        self.set_data("snapshot_image_id", image)
        return image

    def check_snapshot_complete(self, token: Any) -> bool:
        """The image is ready and Nova is through with it."""
        image = self.cloud.service("image").get(f"/v2/images/{token or self.data['snapshot_image_id']}")
        status = str(image["status"]).lower()
        if status in ("error", "deleted", "killed"):
            raise PermanentError(status)
        return status == "active" and steps.task_of(steps.read(self)) not in _IMAGE_TASKS

    @classmethod
    def restored(cls, properties: Mapping[str, Any], data: Mapping[str, Any]) -> Mapping[str, Any]:
        """From the image that was made of it."""
        image = (data.get("resource_data") or {}).get("snapshot_image_id")
        return {**properties, "image": image} if image else properties

    def handle_delete_snapshot(self, data: Mapping[str, Any]) -> None:
        """The image of a snapshot goes with it."""
        image = (data.get("resource_data") or data).get("snapshot_image_id")
        if image:
            self.cloud.service("image").delete(f"/v2/images/{image}", ok=(404,))
