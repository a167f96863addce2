"""A world for the types of OS::Heat: stacks have software configs, and an object store of the local cloud where one is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import requests
from tests.engine_world import Users, World

from kamado.cloud.objects import ObjectStore
from kamado.cloud.session import Cloud
from kamado.engine.ports import EnginePorts
from kamado.model.identifiers import new_id
from kamado.orchestrator.context import OrchestratorSettings, no_cloud
from kamado.orchestrator.stack_software import StackSoftware
from kamado.plugin.signal_boxes import ObjectBox
from kamado.store import Store

_BEFORE = "before-"
"""Begins the names of containers that were there before any stack."""


class Place(World):
    """A world whose stacks have software configs too, and an object store where there is a ``user`` of one."""

    def __init__(self, store: Store, user: Cloud | None = None) -> None:
        super().__init__(store, stack_action_timeout=600.0)
        self.user = user
        names = () if user is None else ("letters", "others")
        self.letters = {name: written_to(user, f"{_BEFORE}{new_id()}", name) for name in names}
        """What ``{letters}`` and ``{others}`` stand for in a sample: objects that signals were left in."""

    def ports(self) -> EnginePorts:
        def software(stack: Any) -> StackSoftware:
            users = lambda _: Users(self.cloud)  # noqa: E731
            return StackSoftware(stack, self.store, self.clock.blocking, OrchestratorSettings(), no_cloud, users)

        found = replace(super().ports(), software=software)
        return found if self.user is None else replace(found, cloud=lambda *_: self.user)

    def containers(self) -> dict[str, list[str]]:
        """What there is in the object store, by container, but for those letters."""
        if self.user is None:
            return {}
        kept = self.user.service("object-store").get("", params={"format": "json"}) or []
        names = {str(one["name"]) for one in kept if not str(one["name"]).startswith(_BEFORE)}
        return {name: ObjectStore(self.user).listing(name, "") for name in names}

    def loses_everything(self) -> None:
        """Nothing that was made is there any more, and no stack knows why."""
        self.cloud.things.clear()
        self.cloud.users.clear()
        for container, names in self.containers().items():
            for name in reversed(names):
                ObjectStore(self.user).remove(container, name)
            ObjectStore(self.user).remove_container(container)


def written_to(user: Cloud, container: str, data: str) -> str:
    """The URL of an object that two signals of success were written to."""
    url = ObjectBox(user, container, "signals").make(lambda: "a key")
    for _ in range(2):
        assert requests.put(url, json={"data": data}, timeout=30).status_code == 201
    return url
