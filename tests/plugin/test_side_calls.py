"""Side calls bring one aspect of a thing to what the properties want, and may be run again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kamado.plugin.side_calls import By, Call, Entries, Members, OwnCall, Tags


@dataclass
class Record:
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Thing:
    """As much of a resource as a side call sees; answers GETs from `there` and notes all else."""

    properties: dict[str, Any]
    there: Any = None
    record: Record = field(default_factory=Record)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    @property
    def values(self) -> dict[str, Any]:
        return {**self.properties, "id": "t1"}

    def item_path(self) -> str:
        return "/things/t1"

    def find(self, kind: str, value: str) -> str:
        return f"{kind}:{value}"

    def call(self, method: str, path: str, *, json: Any = None, ok: tuple[int, ...] = ()) -> Any:
        if method == "GET":
            return self.there
        self.sent.append((method, path, json))
        return None


MEMBERS = Members(
    "members", listing="/things/{id}/members", key="members", refers="person",
    join=Call("POST", "/people/{member}", {"thing": "{id}"}), leave=Call("DELETE", "/people/{member}/things/{id}"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "there", "sent"),
    [
        (["a", "b"], ["person:a", "person:z"],
         [("POST", "/people/person:b", {"thing": "t1"}), ("DELETE", "/people/person:z/things/t1", None)]),
        (["a"], ["person:a"], []),
        (None, ["person:a"], [("DELETE", "/people/person:a/things/t1", None)]),
    ],
)  # fmt: skip
def test_members(wanted: list[str] | None, there: list[str], sent: list[Any]) -> None:
    thing = Thing({"members": wanted}, {"members": [{"id": member} for member in there]})
    MEMBERS.reconcile(thing)  # type: ignore[arg-type]
    assert thing.sent == sent


def test_members_of_what_does_not_say() -> None:
    thing = Thing({"members": ["a"]}, None)
    MEMBERS.reconcile(thing)  # type: ignore[arg-type]
    assert thing.sent == [("POST", "/people/person:a", {"thing": "t1"})]


@pytest.mark.parametrize(("owned", "dropped"), [(False, ["old", "strange"]), (True, ["old"])])
def test_entries(owned: bool, dropped: list[str]) -> None:
    entries = Entries("specs", "/things/{id}/specs", "specs", Call("POST", "/things/{id}/specs", {"specs": "{entries}"}),
                      Call("DELETE", "/things/{id}/specs/{entry}"), owned_only=owned)  # fmt: skip
    there = {"specs": {"same": "1", "other": "2", "old": "3", "strange": "4"}}
    thing = Thing({"specs": {"same": 1, "other": "x", "new": "y"}}, there, Record({"specs": {"old": "3"}}))
    entries.reconcile(thing)  # type: ignore[arg-type]
    assert thing.sent == [
        ("POST", "/things/t1/specs", {"specs": {"other": "x", "new": "y"}}),
        *(("DELETE", f"/things/t1/specs/{entry}", None) for entry in dropped),
    ]


def test_a_call_of_its_own() -> None:
    own = OwnCall("size", Call("POST", "/things/{id}/action", {"grow": {"to": "{value}"}}))
    thing = Thing({"size": 3})
    own.reconcile(thing)  # type: ignore[arg-type]
    own.reconcile(Thing({"size": None}))  # type: ignore[arg-type]
    assert thing.sent == [("POST", "/things/t1/action", {"grow": {"to": 3}})]


def test_tags_and_functions() -> None:
    thing = Thing({"tags": None})
    Tags("tags").reconcile(thing)  # type: ignore[arg-type]
    assert thing.sent == [("PUT", "/things/t1/tags", {"tags": []})]
    seen: list[Any] = []
    side = By(("a", "b"), seen.append)
    side.reconcile(thing)  # type: ignore[arg-type]
    assert (side.claims, seen) == (("a", "b"), [thing])
