"""Handlers for what the service says about itself."""

from __future__ import annotations

from falcon import Response

from kamado.api import views
from kamado.api.call import Call
from kamado.orchestrator import build_info


def get_build_info(call: Call, resp: Response) -> None:
    """GET /build_info."""
    resp.media = build_info.build_info(call.services)


def list_services(call: Call, resp: Response) -> None:
    """GET /services: the engines."""
    now = call.services.clock.now()
    resp.media = {"services": [views.service(record, now) for record in build_info.engines(call.services)]}
