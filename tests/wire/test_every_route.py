"""Every route of Heat's is in the exchanges, with its success and with every error that the reference names."""

from __future__ import annotations

from tests.wire import routing
from tests.wire.test_exchanges import FILES

from kamado.api.routes import ROUTES


def test_every_route_is_shown_with_every_status() -> None:
    assert sorted(routing.needed() - routing.seen(FILES)) == []


def test_what_is_left_out_is_a_route_and_is_not_shown() -> None:
    known = {(verb, path) for (verb, path), _, _ in routing.routes()}
    assert {(verb, path) for verb, path, _ in routing.NOT_HERE} <= known
    assert set(routing.NOT_HERE) & routing.seen(FILES) == set()


def test_every_verb_and_path_of_ours_is_shown() -> None:
    """Additions have tests of their own: what is Heat's must be in the exchanges."""
    added = {"/plan", "/timeline"}
    ours = {(route.verb, route.path) for route in ROUTES if not any(route.path.endswith(end) for end in added)}
    seen = routing.verbs_and_paths(FILES, ours)
    assert sorted(ours - seen) == []
