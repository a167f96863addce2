"""The live tree: what a person sees of an operation, however many resources it has."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from kamado.cli import tree


def resource(name: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "resource_name": name,
        "resource_type": "OS::Heat::Value",
        "resource_status": status,
        "resource_status_reason": reason,
    }


def drawn(resources: list[dict[str, Any]], lines: int | None) -> list[str]:
    console = Console(width=100, force_terminal=False)
    stack = {"stack_name": "mine", "stack_status": "CREATE_IN_PROGRESS"}
    with console.capture() as captured:
        console.print(tree.picture(stack, resources, {}, lines))
    return [line.rstrip() for line in captured.get().splitlines()]


MANY = [
    *(resource(f"done-{number}", "CREATE_COMPLETE") for number in range(500)),
    resource("broken", "CREATE_FAILED", "no more addresses"),
    *(resource(f"busy-{number}", "CREATE_IN_PROGRESS") for number in range(3)),
    *(resource(f"waits-{number}", "INIT_COMPLETE") for number in range(500)),
]


def test_a_picture_fits_the_window_and_shows_first_what_failed_and_what_is_at_work() -> None:
    for lines in (12, 24, 50):
        seen = drawn(MANY, lines)
        assert len(seen) < lines
        text = "\n".join(seen)
        assert "broken" in text
        assert "no more addresses" in text
        assert all(f"busy-{number} " in text for number in range(3))
        assert "waits-0 " in text
        assert "done-0 " not in text
        left = 1004 - sum("OS::Heat::Value" in line for line in seen)
        assert f"… and {left} more" in text
        assert seen[-1] == "500 of 1004 resources"


def test_a_small_window_still_shows_something() -> None:
    assert any("… and" in line for line in drawn(MANY, 1))


def test_what_fits_is_whole_and_in_order() -> None:
    few = MANY[495:505]
    seen = drawn(few, 24)
    assert [line.split()[2] for line in seen if "OS::Heat::Value" in line] == [row["resource_name"] for row in few]
    assert not any("more" in line for line in seen if "no more" not in line)
    assert len(drawn(MANY, None)) > 1000


def test_an_operation_begins_with_the_stack_itself() -> None:
    def event(status: str, physical: str, number: int) -> dict[str, Any]:
        links = [{"rel": "self", "href": "http://x/e"}, {"rel": "stack", "href": "http://x/v1/p/stacks/mine/S"}]
        return {"id": str(number), "resource_status": status, "physical_resource_id": physical, "links": links}

    story = [
        event("CREATE_IN_PROGRESS", "S", 1),
        event("CREATE_COMPLETE", "S", 2),
        event("UPDATE_IN_PROGRESS", "S", 3),
        event("UPDATE_IN_PROGRESS", "r", 4),
        event("UPDATE_COMPLETE", "S", 5),
    ]
    assert [one["id"] for one in tree.last_operation(story)] == ["3", "4", "5"]
    assert [one["id"] for one in tree.last_operation(story[3:])] == ["4", "5"]
    assert tree.last_operation([]) == []
