"""The simulation by hand; without arguments (``make chaos``) everything: every point of every scenario, and 500 random schedules.

``kill``: scenarios, killed at each of their points. ``live``: random schedules by their seeds.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.killing import Prepared, differences, prepare
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.schedules import draw, live

WIDTH = 42


def main() -> int:
    """1 when anything went wrong."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.command == "kill":
            return _kill(Path(folder), arguments)
        if arguments.command == "live":
            return _live(Path(folder), arguments.seeds, arguments.trace)
        first = random.SystemRandom().randrange(10**6)
        bad = _kill(Path(folder), _parser().parse_args(["kill"]))
        return _live(Path(folder), range(first, first + 500), None) or bad


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    kill = commands.add_parser("kill", help="kill scenarios at their points")
    kill.add_argument("--scenario", action="append", choices=sorted(SCENARIOS), help="only these (default: all)")
    kill.add_argument("--point", type=int, action="append", help="die at this point only; again: the successor's")
    kill.add_argument("--every", type=int, default=1, help="try only each so-manieth point")
    kill.add_argument("--second", type=float, default=0.2, help="share of points at which the successor dies too")
    kill.add_argument("--stop", action="store_true", help="the process is stopped for longer than its lease instead")
    kill.add_argument("--trace", type=Path, help="write what the last run did to this file")
    lives = commands.add_parser("live", help="live through random schedules")
    lives.add_argument("seeds", type=_seeds, help="a seed, or FIRST-LAST")
    lives.add_argument("--trace", type=Path, help="write what the last run did to this file")
    return parser


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _kill(folder: Path, arguments: argparse.Namespace) -> int:
    print(f"{'scenario':{WIDTH}} {'points':>6} {'runs':>6} {'bad':>4} {'seconds':>8}")
    bad = 0
    for name in arguments.scenario or SCENARIOS:
        began = time.monotonic()
        prepared = prepare(SCENARIOS[name], folder)
        tries = [arguments.point] if arguments.point else _deaths(prepared, arguments)
        wrong = _all(prepared, tries, arguments)
        seconds = time.monotonic() - began
        print(f"{name:{WIDTH}} {len(prepared.points):6} {len(tries):6} {len(wrong):4} {seconds:8.1f}", flush=True)
        for points, found in wrong[:5]:
            again = " ".join(f"--point {number}" for number in points)
            print(f"  dies before: {prepared.points[points[0]]}")
            stop = "--stop " if arguments.stop else ""
            print(f"  again: python -m tests.simulation kill {stop}--scenario {name} {again}")
            for key, what in found.items():
                print(f"    {key}: {what}")
        bad += len(wrong)
    return min(bad, 1)


def _deaths(prepared: Prepared, arguments: argparse.Namespace) -> list[list[int]]:
    """Each point alone; and at some the one who takes over dies soon after, too."""
    dice = random.Random(prepared.scenario.name)
    points = range(0, len(prepared.points), arguments.every)
    return [[point] for point in points] + [
        [point, dice.randrange(40)] for point in points if dice.random() < arguments.second
    ]


def _all(
    prepared: Prepared, tries: Sequence[Sequence[int]], arguments: argparse.Namespace
) -> list[tuple[Sequence[int], object]]:
    wrong = []
    for number, points in enumerate(tries):
        _progress(f"{prepared.scenario.name}: {number + 1} of {len(tries)}, {len(wrong)} bad")
        found = differences(prepared, points, arguments.trace, stop=arguments.stop)
        if found:
            wrong.append((points, found))
    _progress("")
    return wrong


def _live(folder: Path, seeds: range, trace: Path | None) -> int:
    bad = 0
    began = time.monotonic()
    for number, seed in enumerate(seeds):
        _progress(f"seed {seed}: {number + 1} of {len(seeds)}, {bad} bad")
        try:
            live(draw(random.Random(seed)), seed, folder, trace)
        except AssertionError as error:
            bad += 1
            print(f"seed {seed}: {str(error)[:1000]}\n  again: python -m tests.simulation live {seed}", flush=True)
        if (number + 1) % 100 == 0 and not sys.stderr.isatty():
            print(f"  up to seed {seed}: {bad} bad, {time.monotonic() - began:.0f} s", flush=True)
    _progress("")
    print(f"{len(seeds)} schedules from seed {seeds.start}: {bad} bad, {time.monotonic() - began:.0f} s")
    return min(bad, 1)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
