"""The generic life of a thing behind a REST API, driven by its type's declaration.

Base of nearly all types below `kamado.resources`. The trap: a create makes the one thing and records its id, nothing
else; whatever else has to happen are side calls, run once the thing is ready, so that a failure in them never loses
the id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kamado.cloud.failures import CloudError, FailureKind
from kamado.plugin.declare import Ready, SideCall
from kamado.plugin.errors import PermanentError, ResourceInError, ResourceUnknownStatus, TemporaryError
from kamado.plugin.thing import LOOKED, CloudResource, RestThing, parse_time
from kamado.plugin.wire import pick, update_body

__all__ = ["CloudResource", "RestResource", "parse_time"]


class RestResource(RestThing):
    """A thing of a plain REST collection. A subclass declares `rest`, perhaps `ready` and `side_calls`, and is done."""

    # What a subclass may want to say otherwise, piece by piece.

    def update_request(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the update, without its envelope; empty when no call is needed."""
        return update_body(type(self).props.values(), changes, self.physical_name, self.find)

    # Create.

    def handle_create(self) -> Any:
        """Makes it and records its id."""
        started = self.ports.clock.now()
        request = self.create_request()
        if self.rest.unique and LOOKED not in self.data and not self._find(request, started, ()):
            self.set_data(LOOKED, True)
        try:
            body = self.unwrapped(
                self._busy(lambda: self.call("POST", self.collection_path(), json=self.wrapped(request)))
            )
        except CloudError as error:
            found = self._after_lost_answer(error, started)
            if found is None:
                raise
            self.set_physical_id(found)
            return None
        self.set_physical_id(self.physical_id_of(body))
        self._keep(body)
        return None

    def _after_lost_answer(self, error: CloudError, started: datetime) -> str | None:
        """The cloud may have done the work and lost the answer: look before anything else is done. Raises TemporaryError."""
        if error.kind is not FailureKind.LOST and error.status not in (500, 502, 504):
            return None
        if not self.can_find:
            return None
        # By a name that others may have too it could be somebody else's; the engine knows whose is what, so it looks.
        ours = self.rest.unique or self.physical_name in map(self.create_request().get, self.rest.find_by)
        try:
            found = self.find_existing(started, ()) if ours else None
        except CloudError as blind:
            # Who lost the answer often cannot look either; that something may be there must not be forgotten over it.
            raise TemporaryError(str(error), blind.retry_after, unknown=True) from error
        if found is None and (error.passing or not ours):
            raise TemporaryError(str(error), unknown=True) from error
        return found

    def check_create_complete(self, token: Any) -> bool:  # noqa: ARG002  # there is nothing in it; None after a crash
        """Ready, and all side calls done."""
        return self._is_ready() and self._reconcile(self._sides_set())

    # Readiness.

    def _is_ready(self) -> bool:
        """By the answer to the call just made when that already says so, else by a new look."""
        if self.ready is None:
            return True
        if self._body is not None and pick(self._body[1], self.ready.field) in self.ready.done:
            return self.judge(self.ready, self.show(fresh=False))
        return self.judge(self.ready, self.show())

    def judge(self, ready: Ready, body: Mapping[str, Any]) -> bool:
        """Whether a body says "ready"; raises ResourceInError or ResourceUnknownStatus."""
        status = pick(body, ready.field)
        if status in ready.done:
            return True
        if status in ready.pending:
            return False
        reason = pick(body, ready.reason) if ready.reason else None
        if status in ready.bad:
            raise ResourceInError(str(status), str(reason or ""))
        if ready.unknown_waits:
            return False
        raise ResourceUnknownStatus(str(status), ready.result, str(reason or ""))

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept when it is there and not broken."""
        if not self.physical_id:
            return True
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                return True
            raise
        return self.ready is not None and pick(body, self.ready.field) in self.ready.bad

    # Update.

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """Sends what has changed; the side calls that are due are in the token."""
        request = self.update_request(changes)
        if request:
            self._body = None
            answer = self._busy(lambda: self.call(self.rest.update, self.item_path(), json=self.wrapped(request)))
            if answer:
                self._keep(self.unwrapped(answer))
        due = [index for index, side in enumerate(self.side_calls) if any(name in changes for name in side.claims)]
        return {"sides": due, "sent": bool(request)}

    def check_update_complete(self, token: Any) -> bool:
        """Ready again, and the side calls for what has changed done (all of them when a crash lost the token)."""
        if (token is None or token.get("sent")) and not self._is_ready():
            return False
        sides = self.side_calls if token is None else [self.side_calls[index] for index in token["sides"]]
        return self._reconcile(sides)

    def _sides_set(self) -> list[SideCall]:
        return [side for side in self.side_calls if any(self.properties.get(name) is not None for name in side.claims)]

    def _reconcile(self, sides: Iterable[SideCall]) -> bool:
        for side in sides:
            side.reconcile(self)
            self._body = None
        return True

    # Delete.

    def handle_delete(self) -> Any:
        """Deletes it; what is gone is fine, what is still in use is tried again later."""
        if not self.physical_id:
            return None
        self._body = None
        try:
            self._busy(lambda: self.call("DELETE", self.item_path()))
        except CloudError as error:
            if error.not_found:
                return {"gone": True}
            if error.conflict:
                raise TemporaryError(str(error)) from error
            raise
        return None

    def check_delete_complete(self, token: Any) -> bool:
        """At once, or when the service does not know it any more."""
        if not self.physical_id or not self.rest.waits_for_absence or (token or {}).get("gone"):
            return True
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                return True
            raise
        return self.is_deleted(body)

    def is_deleted(self, body: Mapping[str, Any]) -> bool:
        """Whether what is still shown counts as gone; raises ResourceInError when the deletion went wrong."""
        if self.ready is None:
            return False
        status = pick(body, self.ready.field)
        if str(status).upper() in ("DELETED", "SOFT_DELETED"):
            return True
        if str(status).upper() in ("ERROR", "ERROR_DELETING"):
            reason = pick(body, self.ready.reason) if self.ready.reason else ""
            raise ResourceInError(str(status), str(reason or ""))
        return False

    def _busy(self, request: Any) -> Any:
        """A request whose "busy" answers (`Rest.retry`) become "again later"."""
        try:
            return request()
        except CloudError as error:
            if error.status in self.rest.retry:
                raise TemporaryError(str(error), error.retry_after) from error
            raise

    # Check.

    def handle_check(self) -> None:
        """It is there and in order."""
        try:
            body = self.show()
        except CloudError as error:
            if error.not_found:
                raise PermanentError(str(error), "NotFound") from error
            raise
        if self.ready is not None and pick(body, self.ready.field) not in self.ready.done:
            self.judge(self.ready, body)
