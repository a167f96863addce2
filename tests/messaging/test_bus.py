"""Wake-ups between processes over a real RabbitMQ: heard, put together, never waited for, and back when the broker is back."""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from tests.wire_cutter import WireCutter

from kamado import settings
from kamado.messaging.bus import Bus

Make = Callable[[str], Bus]
News = tuple[bool, tuple[str, ...]]


class Ear:
    """Keeps what is heard."""

    def __init__(self) -> None:
        self.heard: queue.Queue[News] = queue.Queue()

    def __call__(self, work: bool, ended: Collection[str]) -> None:
        self.heard.put((work, tuple(ended)))

    def next(self) -> News:
        return self.heard.get(timeout=60)


@pytest.fixture
def make(broker_url: str, tmp_path: Path) -> Iterator[Make]:
    """Ends of the bus, made as a process makes them: from the file."""
    made: list[Bus] = []
    path = tmp_path / "kamado.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {broker_url}\nauth_encryption_key = {'k' * 32}\n"
        "[database]\nconnection = sqlite:////nowhere\n"
        "[keystone_authtoken]\nauth_url = http://127.0.0.1:1\nusername = u\npassword = p\n"
        "[oslo_messaging_rabbit]\nkombu_reconnect_delay = 0.1\n"
    )

    def make(name: str) -> Bus:
        made.append(Bus(settings.load([str(path)]).messaging, name))
        return made[-1]

    yield make
    for bus in made:
        bus.close()


def _listening(bus: Bus) -> Ear:
    ear = Ear()
    bus.listen(ear)
    assert bus.wait_until_listening(60)
    assert ear.next() == (True, ())  # who begins to listen may have missed something
    return ear


def test_others_hear_of_work_and_of_ends(make: Make) -> None:
    teller = make("api")
    ears = [_listening(make(name)) for name in ("engine one", "engine two")]
    teller.tell()
    assert [ear.next() for ear in ears] == [(True, ())] * 2
    teller.tell(("b", "a"))
    assert [ear.next() for ear in ears] == [(False, ("a", "b"))] * 2


def test_nobody_hears_himself(make: Make) -> None:
    one, other = make("one"), make("other")
    ear = _listening(one)
    one.tell()
    other.tell(("x",))
    assert ear.next() == (False, ("x",))


def test_a_thousand_ends_at_once_are_few_messages(make: Make) -> None:
    teller = make("engine one")
    ear = _listening(make("engine two"))
    for number in range(1000):
        teller.tell((f"{number:04}",))
    heard: list[str] = []
    messages = 0
    while len(heard) < 1000:
        heard += ear.next()[1]
        messages += 1
    assert heard == [f"{number:04}" for number in range(1000)]
    assert messages < 100


def test_a_broker_that_is_away_is_not_waited_for_and_heard_again_when_it_is_back(make: Make, wire: WireCutter) -> None:
    wire.cut()
    teller, listener = make("api"), make("engine")
    ear = Ear()
    listener.listen(ear)
    for _ in range(20_000):
        teller.tell()  # none of these may block
    assert not listener.wait_until_listening(0.01)
    wire.mend()
    assert listener.wait_until_listening(60)
    teller.tell(("x",))
    while "x" not in ear.next()[1]:
        pass


def test_a_connection_that_breaks_is_made_again(make: Make, wire: WireCutter) -> None:
    teller, listener = make("api"), make("engine")
    ear = _listening(listener)
    for round_ in ("first", "second", "third"):
        wire.cut()
        wire.mend()
        while True:
            teller.tell((round_,))
            try:
                if round_ in ear.heard.get(timeout=0.2)[1]:
                    break
            except queue.Empty:
                continue


def test_a_bus_whose_broker_is_away_can_be_closed(make: Make, wire: WireCutter) -> None:
    wire.cut()
    bus = make("engine")
    bus.listen(Ear())
    bus.tell()
    bus.close()
