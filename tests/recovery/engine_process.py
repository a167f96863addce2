"""An engine as a process of its own, over a cloud that is a folder: a thing is a file. To be killed by the tests.

Each call to the cloud takes a few milliseconds, so that there is time to be killed in.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Collection
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.databases import KEY

from kamado.engine.engine import Engine
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.system import SystemClock, ThreadCalls
from kamado.plugin.declare import INTEGER, STRING, Prop, resource_type
from kamado.plugin.errors import NotFoundInCloud
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.resources.heat import TYPES
from kamado.store import Journal, Store


@resource_type("Test::File")
class File(Resource):
    """A thing in a cloud that outlives the process."""

    can_find = True
    properties = (
        Prop("size", INTEGER, "Changed in place.", default=1, update=True),
        Prop("peer", STRING, "Another one.", update=True),
        Prop("kind", STRING, "Changed by replacement."),
    )

    def _path(self) -> Path:
        folder: Any = self.ports.cloud()
        time.sleep(0.004)
        return Path(folder) / str(self.physical_id)

    def handle_create(self) -> None:
        folder: Any = self.ports.cloud()
        key = uuid.uuid4().hex
        body = {"name": self.physical_name, **dict(self.properties)}
        part = Path(folder) / f".{key}"
        part.write_text(json.dumps(body))
        part.rename(Path(folder) / key)
        time.sleep(0.004)  # the answer is on its way
        self.set_physical_id(key)

    def handle_update(self, changes: Any) -> None:
        path = self._path()
        path.write_text(json.dumps({"name": self.physical_name, **dict(self.properties)}))

    def handle_delete(self) -> None:
        if self.physical_id is None:
            return
        try:
            self._path().unlink()
        except FileNotFoundError:
            raise NotFoundInCloud("no such file") from None

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        folder: Any = self.ports.cloud()
        for path in Path(folder).glob("[!.]*"):
            if json.loads(path.read_text())["name"] == self.physical_name and path.name not in taken:
                return path.name
        return None


def run(url: str, folder: str, said: Connection) -> None:
    """Works until there is nothing left to do. Says "running" when it begins."""
    asyncio.run(_work(url, folder, said))


async def _work(url: str, folder: str, said: Connection) -> None:
    store = Store.open(url, KEY)
    with Journal(store) as journal:
        ports = EnginePorts(
            store=store,
            journal=journal,
            clock=SystemClock(),
            calls=ThreadCalls(4, "handler"),
            store_calls=ThreadCalls(2, "store"),
            registry=Registry((*TYPES, File)),
            cloud=lambda stack, operation: folder,
        )
        engine = Engine(ports, EngineSettings(alone=True, claim_interval=0.1, poll_first=0.01))
        task = asyncio.create_task(engine.run())
        said.send("running")
        while not store.operations.of_stack(Path(folder).name)[-1].state.ended:
            await asyncio.sleep(0.05)
        engine.stop()
        await task
    store.close()
