"""OS::Heat::Delay: takes its time, so that what depends on it starts later."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kamado.plugin.declare import LIST, NUMBER, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource


@resource_type("OS::Heat::Delay", since="11.0.0")
class Delay(Resource):
    """Waits for a while in the actions that it is told to, a random part included if wanted."""

    local = True
    properties = Properties(
        Prop("min_wait", NUMBER, "Least wait in seconds.", default=0, low=0, update=True),
        Prop("max_jitter", NUMBER, "Longest random wait on top, in seconds.", default=0, low=0, update=True),
        Prop("jitter_multiplier", NUMBER, "Factor on the random wait.", default=1.0, low=0, update=True),
        Prop("actions", LIST, "Actions that wait.", default=["CREATE"], update=True,
             allowed=("CREATE", "DELETE", "SUSPEND", "RESUME")),
    )  # fmt: skip

    def handle_create(self) -> dict[str, Any]:
        """Starts the wait; there is no id, as there is no thing. Raises PermanentError: the stack has not the time for it."""
        values, limit = self.properties, self.stack.timeout_secs
        longest = values["min_wait"] + values["max_jitter"] * values["jitter_multiplier"]
        if values["actions"] and limit is not None and longest > limit:
            words = f"The wait may take {longest:g} seconds, an action of the stack {limit:g}: make it shorter, or timeout_mins longer."
            raise PermanentError(words, "StackValidationFailed")
        return self._wait("CREATE")

    def check_create_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is over."""
        return self._over(token)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """Only later actions are different."""

    def handle_delete(self) -> dict[str, Any]:
        """Starts the wait."""
        return self._wait("DELETE")

    def check_delete_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is over."""
        return self._over(token)

    def handle_suspend(self) -> dict[str, Any]:
        """Starts the wait."""
        return self._wait("SUSPEND")

    def check_suspend_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is over."""
        return self._over(token)

    def handle_resume(self) -> dict[str, Any]:
        """Starts the wait."""
        return self._wait("RESUME")

    def check_resume_complete(self, token: Mapping[str, Any] | None) -> bool:
        """Whether it is over."""
        return self._over(token)

    def _wait(self, action: str) -> dict[str, Any]:
        values = self.properties
        if action not in values.get("actions", ["CREATE"]):
            return {}
        jitter = random.uniform(0, values.get("max_jitter", 0)) * values.get("jitter_multiplier", 1.0)
        return {"until": (self.ports.clock.now() + timedelta(seconds=values.get("min_wait", 0) + jitter)).isoformat()}

    def _over(self, token: Mapping[str, Any] | None) -> bool:
        until = (token or {}).get("until")
        return until is None or self.ports.clock.now() >= datetime.fromisoformat(until)
