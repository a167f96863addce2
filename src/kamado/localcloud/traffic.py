"""What the cloud was asked, as data: by whom, when, and how long it took. For whoever wants to know how kindly it is treated.

Written by `kamado.localcloud.server`, one entry a request. The trap: an entry is there before its request is answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Served:
    """One request. Times are seconds of the monotonic clock.

    ``path``: with its query. ``project_id``: of the token, empty until that was looked at, and for a fault's answer. ``status``: of the
    answer, 0 before there is one or when the connection was cut instead. ``ended``: infinite while it is answered.
    """

    service: str
    method: str
    path: str
    began: float
    ended: float = float("inf")
    project_id: str = ""
    status: int = 0


def most_at_once(requests: Iterable[Served]) -> int:
    """How many of the requests were answered at the same moment, at most."""
    moments = sorted(moment for one in requests for moment in ((one.began, 1), (one.ended, -1)))
    now = most = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most
