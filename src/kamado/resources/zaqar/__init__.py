"""OS::Zaqar::*: queues of the messaging service."""

from kamado.plugin.resource import Resource
from kamado.resources.zaqar.queue import Queue, SignedQueueURL
from kamado.resources.zaqar.subscription import Subscription

TYPES: tuple[type[Resource], ...] = (Queue, SignedQueueURL, Subscription)
