"""How it is measured: wall time, the server's CPU time and memory from /proc, percentiles of latencies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.client import Failed, Heat

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Result:
    """One measurement. ``n`` units of work took ``seconds``; ``error`` says what went wrong instead."""

    name: str
    n: int
    seconds: float
    cpu_seconds: float | None = None
    rss_mib: float | None = None
    error: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The fields that have a value."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {})}


class Server:
    """The processes that are measured, if they are known.

    ``calls``: how often they have called Nova; ``build``: sets the seconds that servers take, where the cloud is the local one.
    """

    def __init__(
        self, *pids: int, calls: Callable[[], int] = lambda: 0, build: Callable[[float], None] = lambda _: None
    ) -> None:
        self.pids = pids
        self.calls = calls
        self.build = build

    def cpu(self) -> float | None:
        """CPU seconds that they have used."""
        return sum(_cpu(pid) for pid in self.pids) if self.pids else None

    def rss(self) -> float | None:
        """Their resident memory in MiB."""
        return sum(_rss(pid) for pid in self.pids) if self.pids else None


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20


def timed(name: str, n: int, server: Server, work: Callable[[], None]) -> Result:
    """Run ``work`` once and say what it cost."""
    before, started, error = server.cpu(), time.monotonic(), None
    try:
        work()
    except Failed as failure:
        error = str(failure)
    seconds = time.monotonic() - started
    after = server.cpu()
    cpu = None if before is None or after is None else round(after - before, 2)
    rss = server.rss()
    return Result(name, n, round(seconds, 3), cpu, None if rss is None else round(rss, 1), error)


def rate(name: str, heat: Heat, path: str, threads: int, seconds: float, server: Server) -> Result:
    """GET ``path`` from ``threads`` threads for ``seconds``; requests a second and percentiles in ms."""
    latencies: list[float] = []
    bad: list[int] = []
    end = time.monotonic() + seconds

    def run() -> None:
        while time.monotonic() < end:
            at = time.monotonic()
            status, _ = heat.http("GET", path)
            (latencies if status == 200 else bad).append(time.monotonic() - at if status == 200 else status)

    before = server.cpu()
    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    after = server.cpu()
    ordered = sorted(latencies)
    more = {
        "per_s": round(len(ordered) / seconds, 1),
        "p50_ms": _percentile(ordered, 0.50),
        "p95_ms": _percentile(ordered, 0.95),
        "threads": threads,
    }
    cpu = None if before is None or after is None else round(after - before, 2)
    error = f"{len(bad)} answers other than 200, such as {bad[0]}" if bad else None
    return Result(name, len(ordered), round(seconds, 2), cpu, None, error, more)


def _percentile(ordered: list[float], part: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000, 1)
