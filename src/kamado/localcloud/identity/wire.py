"""What Keystone's answers have in common: links to the object itself, names of policy rules.

Called by every module of `identity`.
"""

from kamado.localcloud.crud import plain_view
from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj


class _RuleNames(dict[str, str]):
    """Keystone's rules carry its own prefix; the plain part is what `crud` makes up."""


NAMES: dict[str, str] = _RuleNames()


def with_links(call: Call, obj: Obj) -> Obj:
    """The plain view with `links.self`."""
    table = next(c for c in call.service.collections if call.path.startswith(c.path))
    view = plain_view(table, obj)
    view["links"] = {"self": f"{call.cloud.urls['identity']}{table.path}/{obj['id']}"}
    return view
