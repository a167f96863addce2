"""Whose an object is and who may say so: project_id and its old name tenant_id, fields for administrators, revisions.

Called by the hooks of every network collection. The trap: a field for administrators may be *given* by anyone on create
as long as it is the default (Heat's templates do that); on update naming it is enough to be refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.collection import Collection
from kamado.localcloud.errors import NetworkDialect
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj


class Dialect(NetworkDialect):
    """Neutron's words, with the ones that only its own objects need."""

    def forbidden(self, rule: str) -> Refusal:
        """Another project in the body is a bad request, not a forbidden one."""
        if rule.endswith(":project_id"):
            text = "Specifying 'project_id' other than the authenticated project in request is not allowed for the current user."
            return Refusal(400, text, "HTTPBadRequest")
        return super().forbidden(rule)

    def not_found(self, collection: Collection, object_id: str) -> Refusal:
        """Some nouns are followed by "does not exist", or by a sentence without its full stop."""
        endings = {
            "Security group": "does not exist",
            "Security group rule": "does not exist",
            "Router": "could not be found",
            "Floating IP": "could not be found",
        }
        ending = endings.get(collection.noun, "could not be found.")
        return Refusal(404, f"{collection.noun} {object_id} {ending}", f"{collection.kind}NotFound")

    def no_marker(self, collection: Collection, marker: str) -> Refusal:
        """Neutron looks the marker up like any object."""
        return self.not_found(collection, marker)

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """Neutron's words for a method that a path does not have."""
        text = "The server could not comply with the request since it is either malformed or otherwise incorrect."
        return Refusal(405, text, "HTTPMethodNotAllowed")


def as_network(call: Call) -> Call:
    """The same request, seen by Neutron: for Nova and others that change networks on a user's behalf."""
    return replace(call, service=call.cloud.service("network"), query={}, params={})


def claim(call: Call, collection: str, values: Obj, guarded: Mapping[str, Any]) -> None:
    """Before a create: settle the owning project, charge its quota, refuse fields that only administrators set."""
    singular = call.cloud.collection(f"network.{collection}").singular
    tenant = values.pop("tenant_id", None)
    if tenant and tenant != values["project_id"]:
        if not call.who.is_admin:
            raise call.service.dialect.forbidden(f"create_{singular}:project_id")
        values["project_id"] = tenant
    if not call.who.is_admin:
        for name, default in guarded.items():
            if values.get(name) != default:
                raise call.service.dialect.forbidden(f"create_{singular}:{name}")
    if call.cloud.quota("network", values["project_id"], singular) >= 0:  # counting costs: only where there is a limit
        used = len(call.state.find(f"network.{collection}", project_id=values["project_id"]))
        crud.charge(call, singular, values["project_id"], used)


def guard_update(call: Call, singular: str, changes: Obj, guarded: Mapping[str, Any]) -> None:
    """Before an update: refuse fields that only administrators set."""
    if not call.who.is_admin:
        for name in guarded:
            if name in changes:
                raise call.service.dialect.forbidden(f"update_{singular}:{name}")


def next_revision(obj: Obj, changes: Obj) -> None:
    """Count the update."""
    changes["revision_number"] = obj["revision_number"] + 1


def bump(call: Call, table: str, object_id: str, **changes: Any) -> Obj:
    """Change an object on the cloud's own account: its revision and time move too."""
    obj = call.state.get(table, object_id)
    assert obj is not None
    return call.state.change(
        table, object_id, **changes, revision_number=obj["revision_number"] + 1, updated_at=call.stamp()
    )


def shown(call: Call, collection: str, obj: Obj, secret: tuple[str, ...] = ()) -> Obj:
    """An object with tenant_id beside project_id, without what only administrators see."""
    view = crud.plain_view(call.cloud.collection(f"network.{collection}"), obj)
    view["tenant_id"] = obj["project_id"]
    if not call.who.is_admin:
        for name in secret:
            del view[name]
    return view


def by_tenant(call: Call, obj: Obj, value: str) -> bool:
    """The filter `?tenant_id=`."""
    return bool(obj["project_id"] == value)


def tag_filters() -> dict[str, Any]:
    """The filters `tags`, `tags-any`, `not-tags` and `not-tags-any`; values are joined by commas."""

    def having(obj: Obj, value: str) -> tuple[set[str], set[str]]:
        return set(obj.get("tags") or ()), {tag for tag in value.split(",") if tag}

    def every(call: Call, obj: Obj, value: str) -> bool:
        have, want = having(obj, value)
        return want <= have

    def some(call: Call, obj: Obj, value: str) -> bool:
        have, want = having(obj, value)
        return bool(want & have)

    return {
        "tags": every,
        "tags-any": some,
        "not-tags": lambda call, obj, value: not every(call, obj, value),
        "not-tags-any": lambda call, obj, value: not some(call, obj, value),
    }
