"""The five plain requests on a collection, and the checks that special handlers share with them.

Called by `server` (which makes routes of `requests_of(collection)`) and by service modules that need a piece: `find`
(visible object or 404), `visible`, `validate`, `create`, `update`, `delete`, `show`. The trap: `find` knows the caller's
project; code that acts for the cloud itself reads `call.state`.
"""

from typing import Any

from kamado.localcloud.collection import Collection, Field, Policy
from kamado.localcloud.service import Answer, Call, Route
from kamado.localcloud.state import Obj

ROLES_FOR = {
    "reader": frozenset({"reader", "member", "admin", "service"}),
    "member": frozenset({"member", "admin", "service"}),
    "admin": frozenset({"admin"}),
}


def permits(call: Call, rule: str) -> bool:
    """Whether the caller may do what `rule` (of `Policy`) guards."""
    return rule == "any" or not call.who.roles.isdisjoint(ROLES_FOR[rule])


def enforce(call: Call, collection: Collection, action: str) -> None:
    """Refuse (403) what the collection's policy does not let this caller do."""
    policy: Policy = collection.policy
    if not permits(call, getattr(policy, action)) and not collection.allow(call, action):
        noun = collection.plural if action == "list" else collection.singular
        verb = "get" if action in ("list", "show") else action
        raise call.service.dialect.forbidden(policy.names.get(action, f"{verb}_{noun}"))


def visible(call: Call, collection: Collection, obj: Obj) -> bool:
    """Whether the caller may know of an object: its own project's, a shared one, or any for an administrator."""
    if not collection.owner or call.who.is_admin or obj.get(collection.owner) == call.who.project_id:
        return True
    return collection.visible(call, obj)


def find(call: Call, collection: Collection, object_id: str) -> Obj:
    """The object that a request names, or the service's 404."""
    obj = call.state.get(collection.table, object_id)
    if obj is None and collection.by_name:
        obj = next((o for o in call.state.find(collection.table, name=object_id) if visible(call, collection, o)), None)
    if obj is None or not visible(call, collection, obj) or not _in_parent(call, collection, obj):
        raise call.service.dialect.not_found(collection, object_id)
    return obj


def owned(call: Call, collection: Collection, object_id: str) -> Obj:
    """The same for a request that changes it: seeing a shared object is not owning it (404, as Neutron does)."""
    obj = find(call, collection, object_id)
    if collection.owner and not call.who.is_admin and obj.get(collection.owner) != call.who.project_id:
        raise call.service.dialect.not_found(collection, object_id)
    return obj


def _in_parent(call: Call, collection: Collection, obj: Obj) -> bool:
    parent = collection.parent
    return parent is None or obj.get(parent.field) == call.params.get(parent.param)


def envelope(call: Call, name: str) -> Obj:
    """The object in the request body under its name, or the service's 400."""
    body = call.json
    if not isinstance(body, dict) or not isinstance(body.get(name), dict):
        raise call.service.dialect.no_envelope(name, body)
    found: Obj = body[name]
    return found


def validate(call: Call, collection: Collection, given: Obj, creating: bool) -> Obj:
    """The given values checked and converted. On create required fields must be there; defaults are not filled in."""
    dialect = call.service.dialect
    known = collection.by_field
    strange = [name for name in given if name not in known]
    if strange and not (collection.open and not any(name.startswith("_") for name in strange)):
        raise dialect.unknown(collection, given, strange)
    if creating:
        for declared in collection.fields:
            if declared.required and declared.name not in given:
                raise dialect.missing(collection, given, declared.name)
    values: Obj = {}
    for name, value in given.items():
        if name in strange:
            values[name] = value
            continue
        declared = known[name]
        if declared.read_only or not (declared.create if creating else declared.update):
            raise dialect.read_only(collection, given, name, creating)
        if declared.admin and not call.who.is_admin:
            verb = "create" if creating else "update"
            raise dialect.forbidden(f"{verb}_{collection.singular}:{name}")
        try:
            values[name] = declared.type(value)
        except ValueError as error:
            raise dialect.wrong(name, value, str(error)) from None
        if declared.refers:
            _check_reference(call, collection, declared, values[name])
    return values


def _check_reference(call: Call, collection: Collection, declared: Field, value: Any) -> None:
    target = call.cloud.collection(declared.refers)
    for object_id in value if isinstance(value, list) else [value]:
        if object_id is None or object_id == "":
            continue
        obj = call.state.get(target.table, object_id) if isinstance(object_id, str) else None
        if obj is None or not visible(call, target, obj):
            raise call.service.dialect.dangling(collection, target, declared.name, object_id)


def fill_defaults(collection: Collection, values: Obj) -> Obj:
    """All declared fields in their order, with defaults for those not given."""
    full: Obj = {}
    for declared in collection.fields:
        if declared.name in values:
            full[declared.name] = values[declared.name]
        else:
            default = declared.default() if callable(declared.default) else declared.default
            full[declared.name] = list(default) if isinstance(default, tuple) else default
    return full | values


def charge(call: Call, resource: str, project_id: str, used: int, wanted: int = 1) -> None:
    """Refuse what goes over the project's quota; -1 is no limit."""
    limit = call.cloud.quota(call.service.name, project_id, resource)
    if 0 <= limit < used + wanted:
        raise call.service.dialect.over_quota(resource, limit, used, wanted)


def create(call: Call, collection: Collection, given: Obj) -> Obj:
    """Make one object from what a client gave (already out of its envelope) and return it as stored."""
    values = fill_defaults(collection, validate(call, collection, given, creating=True))
    if collection.owner:
        if collection.owner not in given:
            values[collection.owner] = call.who.project_id
        elif values[collection.owner] != call.who.project_id and not call.who.is_admin:
            raise call.service.dialect.forbidden(f"create_{collection.singular}:{collection.owner}")
    if collection.parent:
        values[collection.parent.field] = call.params[collection.parent.param]
    if collection.quota:
        owner = values[collection.owner]
        used = len(call.state.find(collection.table, **{collection.owner: owner}))
        charge(call, collection.quota, owner, used)
    collection.before_create(call, values)
    return insert(call, collection, values)


def insert(call: Call, collection: Collection, values: Obj) -> Obj:
    """Store a complete object: id, timestamps, life cycle, `after_create`. For what the cloud makes itself, too."""
    obj = {"id": values.get("id") or collection.new_id(), **{k: v for k, v in values.items() if k != "id"}}
    stamp = call.stamp()
    if collection.created:
        obj[collection.created] = stamp
    if collection.updated:
        obj[collection.updated] = stamp
    if collection.life:
        obj |= _start_of_life(call, collection, stamp)
    obj = call.state.put(collection.table, obj)
    collection.after_create(call, obj)
    return call.state.get(collection.table, obj["id"]) or obj


def _start_of_life(call: Call, collection: Collection, stamp: str) -> Obj:
    life = collection.life
    assert life is not None
    build = call.cloud.faults.next_build(collection.table)
    seconds = build.seconds if build.seconds is not None else life.seconds
    end: Obj = {life.field: life.done}
    if build.fail:
        end = {life.field: life.bad, **life.fault(build.fail, stamp)}
    if seconds <= 0 and build.reads <= 0:
        return end
    return {life.field: life.pending, "_next": {"at": call.now + seconds, "reads": build.reads, "set": end}}


def update(call: Call, collection: Collection, obj: Obj, given: Obj) -> Obj:
    """Change an object by what a client gave and return it as stored."""
    changes = validate(call, collection, given, creating=False)
    collection.before_update(call, obj, changes)
    if collection.updated:
        changes[collection.updated] = call.stamp()
    new = call.state.change(collection.table, obj["id"], **changes)
    collection.after_update(call, obj, new)
    return call.state.get(collection.table, obj["id"]) or new


def delete(call: Call, collection: Collection, obj: Obj) -> None:
    """Remove an object unless something still refers to it (409)."""
    for blocker in collection.blockers:
        for user in call.state.find(blocker.table, **{blocker.field: obj["id"]}):
            if blocker.unless is None or not blocker.unless(user):
                blocked_by = call.cloud.collection(blocker.table)
                raise call.service.dialect.in_use(collection, obj["id"], blocked_by, user)
    collection.before_delete(call, obj)
    call.state.remove(collection.table, obj["id"])
    collection.after_delete(call, obj)


def show(call: Call, collection: Collection, obj: Obj, brief: bool = False) -> Obj:
    """The object as the client sees it."""
    if brief and collection.brief:
        return collection.brief(call, obj)
    if collection.view:
        return collection.view(call, obj)
    return plain_view(collection, obj)


def plain_view(collection: Collection, obj: Obj) -> Obj:
    """Id, the fields in the order declared, timestamps."""
    seen: Obj = {"id": obj["id"]}
    for declared in collection.fields:
        if not declared.hidden:
            seen[declared.name] = obj.get(declared.name)
    if collection.open:
        seen |= {k: v for k, v in obj.items() if k not in collection.by_field and k[0] != "_"}
    for name in (collection.created, collection.updated):
        if name:
            seen[name] = obj.get(name)
    return seen


NOT_FILTERS = frozenset({"limit", "marker", "sort_key", "sort_dir", "sort", "fields", "page_reverse", "all_tenants"})


def matches(call: Call, collection: Collection, obj: Obj) -> bool:
    """Whether an object passes the request's filters; several values of one name are alternatives."""
    for name, wanted in call.query.items():
        if name in NOT_FILTERS:
            continue
        special = collection.filters.get(name)
        if special:
            if not any(special(call, obj, value) for value in wanted):
                return False
            continue
        declared = collection.by_field.get(name)
        if name != "id" and (declared is None or not declared.filter or declared.hidden):
            continue
        if not any(_equals(obj.get(name), value) for value in wanted):
            return False
    return True


def _equals(stored: Any, wanted: str) -> bool:
    if isinstance(stored, bool):
        return wanted.lower() in (("true", "1", "yes") if stored else ("false", "0", "no"))
    if stored is None:
        return wanted in ("", "None", "null")
    if isinstance(stored, list):
        return wanted in [str(v) for v in stored]
    return str(stored) == wanted


def listed(call: Call, collection: Collection) -> list[Obj]:
    """Every object that the caller may see and the filters let pass, oldest first."""
    parent = collection.parent
    state = call.state
    only_id = call.query.get("id")
    if only_id:
        rows = [row for i in only_id if (row := state.get(collection.table, i))]
        rows = [row for row in rows if _in_parent(call, collection, row)]
    elif parent:
        rows = state.find(collection.table, **{parent.field: call.params[parent.param]})
    elif "name" in call.query and "name" in collection.by_field and "name" not in collection.filters:
        rows = [row for name in call.query["name"] for row in state.find(collection.table, name=name)]
    else:
        rows = list(state.all(collection.table))
    if collection.newest_first:
        rows = sorted(rows, key=lambda o: o["_seq"], reverse=True)
    if collection.own_list and call.who.is_admin and call.arg("all_tenants").lower() not in ("1", "true"):
        rows = [o for o in rows if o.get(collection.owner) == call.who.project_id]
    return [o for o in rows if visible(call, collection, o) and matches(call, collection, o)]


def sort(call: Call, rows: list[Obj]) -> list[Obj]:
    """Order by `sort_key`/`sort_dir` (repeatable) or by `sort=key:dir,…`; empty values come first."""
    keys = list(zip(call.query.get("sort_key", []), call.query.get("sort_dir", []) + ["asc"] * 9, strict=False))
    for part in call.arg("sort").split(","):
        if part:
            key, _, direction = part.partition(":")
            keys.append((key, direction or "desc"))
    for key, direction in reversed(keys):
        rows = sorted(rows, key=lambda o: _rank(o.get(key)), reverse=direction == "desc")
    return rows


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return 2, str(value)


def paged(call: Call, collection: Collection, rows: list[Obj]) -> tuple[list[Obj], str]:
    """The page that `limit` and `marker` ask for, and the marker of the next page (empty at the end)."""
    if call.arg("page_reverse").lower() == "true":
        rows = rows[::-1]
    marker = call.arg("marker")
    if marker:
        place = next((i for i, o in enumerate(rows) if o["id"] == marker), None)
        if place is None:
            raise call.service.dialect.no_marker(collection, marker)
        rows = rows[place + 1 :]
    limit = _limit(call, collection)
    page = rows[:limit] if limit else rows
    if call.arg("page_reverse").lower() == "true":
        page = page[::-1]
    if page:
        call.notes["page_ends"] = (page[0]["id"], page[-1]["id"])
    return page, page[-1]["id"] if limit and page and len(page) == limit else ""


def _limit(call: Call, collection: Collection) -> int:
    asked = call.arg("limit")
    if not asked:
        return collection.page
    if not asked.isdigit():
        raise call.service.dialect.wrong("limit", asked, f"'{asked}' does not match '^[0-9]*$'")
    number = int(asked)
    return min(number, collection.page) if number and collection.page else number or collection.page


def requests_of(collection: Collection) -> list[Route]:
    """The routes of a collection: list, create, show, update, delete, as far as its policy has them."""
    created, changed, deleted = collection.statuses
    one = collection.path + "/{id}"

    def guard(call: Call, action: str) -> None:
        enforce(call, collection, action)
        parent = collection.parent
        if parent:
            find(call, call.cloud.collection(parent.table), call.params[parent.param])

    def do_list(call: Call, full: bool) -> Answer:
        guard(call, "list")
        rows, following = paged(call, collection, sort(call, listed(call, collection)))
        rows = [seen for row in rows if (seen := call.state.touch(collection.table, row))]
        views = [show(call, collection, row, brief=not full) for row in rows]
        wanted = call.query.get("fields")
        if wanted:
            views = [{k: v for k, v in view.items() if k in wanted} for view in views]
        return Answer(200, call.service.dialect.page(call, collection, views, following))

    def do_create(call: Call) -> Answer:
        guard(call, "create")
        body = call.json
        if collection.bulk and isinstance(body, dict) and isinstance(body.get(collection.plural), list):
            made = [create(call, collection, item) for item in body[collection.plural]]
            return Answer(created, {collection.plural: [show(call, collection, obj) for obj in made]})
        obj = create(call, collection, envelope(call, collection.singular))
        return Answer(created, {collection.singular: show(call, collection, obj)})

    def do_show(call: Call) -> Answer:
        guard(call, "show")
        obj = find(call, collection, call.params["id"])
        seen = call.state.touch(collection.table, obj)
        if seen is None:
            raise call.service.dialect.not_found(collection, call.params["id"])
        view = show(call, collection, seen)
        wanted = call.query.get("fields")
        if wanted:
            view = {k: v for k, v in view.items() if k in wanted}
        return Answer(200, {collection.singular: view})

    def do_update(call: Call) -> Answer:
        given = envelope(call, collection.singular)
        guard(call, "update")
        obj = update(call, collection, owned(call, collection, call.params["id"]), given)
        return Answer(changed, {collection.singular: show(call, collection, obj)})

    def do_delete(call: Call) -> Answer:
        guard(call, "delete")
        delete(call, collection, owned(call, collection, call.params["id"]))
        return Answer(deleted)

    routes = []
    if collection.policy.list:
        routes.append(Route("GET", collection.path, lambda call: do_list(call, not collection.detailed)))
        if collection.detailed:
            routes.append(Route("GET", collection.path + "/detail", lambda call: do_list(call, True)))
    if collection.policy.create:
        routes.append(Route("POST", collection.path, do_create))
    if collection.policy.show:
        routes.append(Route("GET", one, do_show))
    if collection.policy.update:
        routes.append(Route(collection.update_method, one, do_update))
    if collection.policy.delete:
        routes.append(Route("DELETE", one, do_delete))
    return routes
