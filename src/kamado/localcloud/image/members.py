"""Sharing images with other projects: the owner adds members, each of them accepts or rejects.

Called through `image.SERVICE`. The trap: the owner may not answer for a member, nor may a member see the others.
"""

from kamado.localcloud.image import schemas
from kamado.localcloud.image.images import MEMBERS, find, own
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj


def _view(member: Obj) -> Obj:
    seen = {k: member[k] for k in ("member_id", "image_id", "status", "created_at", "updated_at")}
    return {**seen, "schema": "/v2/schemas/member"}


def _key(call: Call) -> str:
    return f"{call.params['image_id']}/{call.params['member_id']}"


def _may_see_all(call: Call, image: Obj) -> bool:
    return call.who.is_admin or bool(image["owner"] == call.who.project_id)


def index(call: Call) -> Obj:
    """GET /v2/images/{image_id}/members."""
    image = find(call)
    rows = call.state.find(MEMBERS, image_id=image["id"])
    seen = [m for m in rows if _may_see_all(call, image) or m["member_id"] == call.who.project_id]
    return {"members": [_view(m) for m in seen], "schema": "/v2/schemas/members"}


def add(call: Call) -> Obj:
    """POST the same."""
    image = own(call, "add_member")
    if image["visibility"] != "shared":
        raise Refusal(403, "Only shared images have members.")
    project = call.json.get("member") if isinstance(call.json, dict) else None
    if not isinstance(project, str) or not project:
        raise Refusal(400, "Member to be added not specified")
    key = f"{image['id']}/{project}"
    if call.state.get(MEMBERS, key):
        raise Refusal(409, f"Member {project} is duplicated for image {image['id']}")
    stamp = call.stamp()
    member = {
        "image_id": image["id"],
        "member_id": project,
        "status": "pending",
        "created_at": stamp,
        "updated_at": stamp,
    }
    return _view(call.state.put(MEMBERS, member, key))


def _find(call: Call) -> Obj:
    image = find(call)
    member_id = call.params["member_id"]
    member = call.state.get(MEMBERS, _key(call))
    if member is None or not (_may_see_all(call, image) or member_id == call.who.project_id):
        raise Refusal(404, f"{member_id} not found in the member list of the image {image['id']}.")
    return member


def show(call: Call) -> Obj:
    """GET /v2/images/{image_id}/members/{member_id}."""
    return _view(_find(call))


def answer(call: Call) -> Obj:
    """PUT the same: the member says accepted, rejected or pending."""
    member = _find(call)
    if not call.who.is_admin and call.who.project_id != member["member_id"]:
        raise call.service.dialect.forbidden("modify_member")
    status = call.json.get("status") if isinstance(call.json, dict) else None
    if status is None:
        raise Refusal(400, "Status not specified")
    if status not in schemas.MEMBER["status"]["enum"]:
        raise Refusal(400, f"{status} is not a valid member status")
    return _view(call.state.change(MEMBERS, _key(call), status=status, updated_at=call.stamp()))


def remove(call: Call) -> Answer:
    """DELETE the same."""
    own(call, "delete_member")
    _find(call)
    call.state.remove(MEMBERS, _key(call))
    return Answer(204)


_ONE = "/v2/images/{image_id}/members"
ROUTES = (
    Route("GET", _ONE, index),
    Route("POST", _ONE, add),
    Route("GET", _ONE + "/{member_id}", show),
    Route("PUT", _ONE + "/{member_id}", answer),
    Route("DELETE", _ONE + "/{member_id}", remove, body="none"),
)
