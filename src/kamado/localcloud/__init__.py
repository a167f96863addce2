"""A faithful little OpenStack in one process, for laptops, demonstrations and tests. A stand-in, and it says so.

`LocalCloud` (in `server`) is all that others need; `collection` teaches how a service is declared. The trap: nothing of the
engine or of resource types may be imported here, nor know of this package.
"""

from kamado.localcloud.clock import Clock, ManualClock, SystemClock
from kamado.localcloud.faults import Build, Fault, Faults
from kamado.localcloud.server import LocalCloud

__all__ = ["Build", "Clock", "Fault", "Faults", "LocalCloud", "ManualClock", "SystemClock"]
