"""Handlers for the snapshots of a stack."""

from __future__ import annotations

from falcon import Response

from kamado.api import bodies, schemas, views
from kamado.api.call import Call
from kamado.api.errors import page
from kamado.orchestrator import snapshots


def create_snapshot(call: Call, resp: Response) -> None:
    """POST …/snapshots: the snapshot without an envelope."""
    name = bodies.checked(call.needed_body(), schemas.SNAPSHOT).get("name")
    resp.media = views.snapshot(snapshots.create(call.services, call.context, call.stack(), name))


def list_snapshots(call: Call, resp: Response) -> None:
    """GET …/snapshots."""
    found = snapshots.listing(call.services, call.stack())
    resp.media = {"snapshots": [views.snapshot(record) for record in found]}


def get_snapshot(call: Call, resp: Response) -> None:
    """GET …/snapshots/{id}."""
    found = snapshots.show(call.services, call.stack(), call.path["snapshot_id"])
    resp.media = {"snapshot": views.snapshot(found)}


def delete_snapshot(call: Call, resp: Response) -> None:
    """DELETE …/snapshots/{id}."""
    snapshots.delete(call.services, call.context, call.stack(), call.path["snapshot_id"])
    resp.status = 204


def restore_snapshot(call: Call, resp: Response) -> None:
    """POST …/snapshots/{id}/restore."""
    snapshots.restore(call.services, call.context, call.stack(), call.path["snapshot_id"])
    page(call.req, resp, 202)
