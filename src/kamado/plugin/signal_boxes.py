"""Where signals are left that nobody brings to us: an object that is written by a temporary URL, a queue of the messaging service.

A resource that is signalled so (`kamado.plugin.signals.SignalResponder`) makes its box when it is created; whoever waits for signals
looks into it each time it is polled. The trap: the same letter is seen again after a crash, so who reads one keeps its id together
with what it made of it, and hands those ids in the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kamado.cloud.objects import ObjectStore
from kamado.cloud.queues import Queue
from kamado.cloud.session import Cloud

OBJECT, QUEUE = "signal_object", "signal_queue"
"""Keys of a resource's data that say where its box is."""
_NOTHING_YET = b"in progress"
"""What the object holds until it is written to the first time."""
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal as it was left: its id in the box, and its body: bytes from an object, any JSON from a queue."""

    id: str
    body: Any


class Box(Protocol):
    """What signals are left in."""

    def unread(self, taken: Collection[str]) -> Sequence[Letter]:
        """Those that were left, oldest first, but for those with these ids. Raises CloudError."""

    def forget(self, letters: Sequence[Letter]) -> None:
        """Says that these will not be wanted any more. Raises CloudError."""

    def remove(self) -> None:
        """Takes the box away; may be called again. Raises CloudError."""


class ObjectBox:
    """An object that is written to.

    ``several``: its older versions are kept beside it, so that each writing is a letter; else only the last counts.
    """

    def __init__(self, cloud: Cloud, container: str, name: str, several: bool = True) -> None:
        self._store = ObjectStore(cloud)
        self._container = container
        self._name = name
        self._several = several

    def make(self, choose_key: Callable[[], str]) -> str:
        """Makes it; the URL to write to. ``choose_key``: see `ObjectStore.signing_key`. Raises CloudError."""
        headers = {"X-Versions-Location": self._container} if self._several else {}
        self._store.make_container(self._container, headers)
        if self._store.read(self._container, self._name, _LARGEST) is None:
            self._store.write(self._container, self._name, _NOTHING_YET)
        key = self._store.signing_key(choose_key)
        return self._store.temporary_url(key, self._container, self._name, "PUT")

    @property
    def _older(self) -> str:
        """What the names of older versions begin with, in Swift's way."""
        return f"{len(self._name.encode()):03x}{self._name}/"

    def unread(self, taken: Collection[str]) -> Sequence[Letter]:
        """One list call, and one reading for each letter that is new and for the last one."""
        # The last one first: whatever is written meanwhile, all that is older is listed then, so none comes after a later one.
        last = self._store.read(self._container, self._name, _LARGEST)
        found = {last.stamp: last.body} if last is not None and last.stamp not in taken else {}
        for name in self._store.listing(self._container, self._older) if self._several else ():
            stamp = name.removeprefix(self._older)
            if stamp not in taken and stamp not in found:
                kept = self._store.read(self._container, name, _LARGEST)
                found.update({} if kept is None else {stamp: kept.body})
        return [Letter(stamp, body) for stamp, body in sorted(found.items()) if body != _NOTHING_YET]

    def forget(self, letters: Sequence[Letter]) -> None:
        """They stay: they are told by their times."""

    def remove(self) -> None:
        """The object with all of its versions, and the container when nothing else is in it."""
        if self._several:
            # Removing the object would bring its versions back, one after another.
            for name in self._store.listing(self._container, self._older):
                self._store.remove(self._container, name)
        self._store.remove(self._container, self._name)
        self._store.remove_container(self._container)


class QueueBox:
    """A queue in the project of the stack's users."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._queue = Queue(cloud, name)

    def unread(self, taken: Collection[str]) -> Sequence[Letter]:
        """One list call for each twenty."""
        return [Letter(message.id, message.body) for message in self._queue.messages() if message.id not in taken]

    def forget(self, letters: Sequence[Letter]) -> None:
        """They go."""
        self._queue.remove_messages([letter.id for letter in letters])

    def remove(self) -> None:
        """The queue."""
        self._queue.remove()


def box_of(data: Mapping[str, Any], owner: Callable[[], Cloud], user: Callable[[], Cloud]) -> Box | None:
    """The box that a resource's data tells of, None when it has none. ``owner``, ``user``: the clouds of both."""
    if OBJECT in data:
        where = data[OBJECT]
        return ObjectBox(owner(), where["container"], where["name"], where["several"])
    return QueueBox(user(), data[QUEUE]) if QUEUE in data else None
