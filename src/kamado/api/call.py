"""What a handler gets: the services, the caller, the request, and where links start.

Made by `app` for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from falcon import Request, Response

from kamado.api import bodies
from kamado.api.following import Seats
from kamado.api.limits import ApiSettings
from kamado.model.records import StackRecord
from kamado.orchestrator import stacks
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler; ``path`` are the parts of the URL by name."""

    services: Services
    settings: ApiSettings
    context: RequestContext
    req: Request
    path: Mapping[str, str]
    seats: Seats

    @property
    def base(self) -> str:
        """Where links start: …/v1."""
        return f"{self.req.prefix}/v1"

    def body(self) -> dict[str, Any] | None:
        """The JSON object that was sent, None when there was none."""
        return bodies.read(self.req, self.settings.max_json_body_size)

    def needed_body(self) -> dict[str, Any]:
        """The JSON object, refused when there is none."""
        return bodies.needed(self.req, self.settings.max_json_body_size)

    def stack(self) -> StackRecord:
        """The stack that the URL names."""
        return stacks.named(self.services, self.context, self.path["stack_name"], self.path["stack_id"])

    def must(self, rule: str) -> None:
        """Refuse unless policy allows the rule.

        :raises Forbidden: it does not.
        """
        if not self.services.policy.allows(self.context, rule):
            raise Forbidden.of(rule)


Handler = Callable[[Call, Response], None]
"""A handler writes into the response; what it refuses it raises."""
