"""What a REST API is sent, by the declaration alone."""

from kamado.plugin.declare import (
    LEFT_OUT,
    LIST,
    MAP,
    MERGED,
    NOT_SENT,
    PHYSICAL_NAME,
    STRING,
    Prop,
)
from kamado.plugin.wire import create_body, fill, pick, update_body

DECLARED = (
    Prop("name", STRING, fallback=PHYSICAL_NAME, update=True),
    Prop("net", STRING, refers="net", body="net_id", update=True),
    Prop("old_net", STRING, instead="net", refers="net"),
    Prop("groups", LIST, looks_up="group", update=True, unset=[]),
    Prop("specs", MAP, body=MERGED, update=True),
    Prop("tags", LIST, body=NOT_SENT, update=True),
    Prop("ips", LIST, update=True, fields=(
        Prop("subnet", STRING, refers="subnet", body="subnet_id"), Prop("subnet_id", STRING, instead="subnet"), Prop("ip", STRING),
    )),
    Prop("deep", STRING, body="outer.inner", update=True),
    Prop("empty", STRING, wire=lambda value: value or None, update=True),
    Prop("quiet", STRING, update=True, unset=LEFT_OUT),
    Prop("once", STRING, update=True, create_only=True),
)  # fmt: skip


def find(kind: str, value: str) -> str:
    return f"{kind}:{value}"


def test_a_create_sends_what_is_set() -> None:
    body = create_body(
        DECLARED,
        {"net": "n", "groups": ["a", "b"], "specs": {"x": 1}, "tags": ["t"], "deep": "d", "empty": "", "quiet": None, "once": "o",
         "ips": [{"subnet_id": "s", "ip": None}, {"subnet": "t", "ip": "1"}]},
        "physical", find,
    )  # fmt: skip
    assert body == {
        "name": "physical",
        "net_id": "net:n",
        "groups": ["group:a", "group:b"],
        "x": 1,
        "outer": {"inner": "d"},
        "empty": None,
        "once": "o",
        "ips": [{"subnet_id": "subnet:s"}, {"subnet_id": "subnet:t", "ip": "1"}],
    }


def test_an_update_sends_what_has_changed() -> None:
    assert update_body(DECLARED, {"net": "m", "tags": [], "once": "p"}, "physical", find) == {"net_id": "net:m"}


def test_what_is_taken_away() -> None:
    gone = dict.fromkeys(("name", "net", "groups", "specs", "quiet", "deep"))
    body = update_body(DECLARED, gone, "physical", find)
    assert body == {"name": "physical", "net_id": None, "groups": [], "outer": {"inner": None}}


def test_a_given_name_wins_over_extra_keys_never() -> None:
    assert create_body(DECLARED, {"name": "a", "specs": {"name": "b"}}, "p", find)["name"] == "b"


def test_templates_and_dotted_keys() -> None:
    assert fill({"a": "{id}", "b": ["x-{id}", 3]}, {"id": 7}) == {"a": 7, "b": ["x-7", 3]}
    assert pick({"a": {"b": 1}}, "a.b") == 1
    assert pick({"a.b": 2}, "a.b") == 2
    assert pick({"a": None}, "a.b") is None
