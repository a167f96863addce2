"""oslo.messaging, imported when it is needed and set up as Heat sets it up: transports over the bus that the file names."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from dataclasses import dataclass, field
from typing import Any

EXCHANGE = "heat"
"""The default ``control_exchange``, as Heat's: who listens for Heat's notifications listens there."""


@dataclass(frozen=True, slots=True)
class MessagingSettings:
    """``transport_url`` is oslo.messaging's, None without a bus. ``conf`` is an oslo.config object of its own for oslo.messaging, which
    registers its options in it (``[oslo_messaging_rabbit]``, ``[oslo_messaging_notifications]`` …).

    ``notifies``: whether a driver for notifications is named. ``publisher`` and ``notification_level`` are Heat's
    ``default_publisher_id`` and ``default_notification_level``.
    """

    transport_url: str | None = field(repr=False)
    conf: Any = field(repr=False)
    notifies: bool = False
    publisher: str | None = None
    notification_level: str = "INFO"


class MessagingMissing(Exception):
    """A bus is configured and oslo.messaging is not installed."""


def library() -> Any:
    """The module ``oslo_messaging``. Raises MessagingMissing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of eventlet, which comes along and is never used
            import oslo_messaging
    except ImportError as error:
        raise MessagingMissing(f"messages need oslo.messaging: pip install 'kamado[messaging]' ({error})") from error
    oslo_messaging.set_transport_defaults(EXCHANGE)
    return oslo_messaging


def rpc_transport(settings: MessagingSettings) -> Any:
    """The transport of wake-ups. Connects when it is first used. Raises MessagingMissing."""
    messaging = library()
    # These two groups oslo.messaging reads from the object that it is given, but registers in oslo.config's global one only.
    for group in ("tracing", "metrics"):
        with contextlib.suppress(ImportError):
            options = vars(importlib.import_module(f"oslo_messaging._{group}.client"))[f"oslo_messaging_{group}"]
            settings.conf.register_opts(options, group=f"oslo_messaging_{group}")
    return messaging.get_rpc_transport(settings.conf, settings.transport_url)


def notification_transport(settings: MessagingSettings) -> Any:
    """The transport of notifications: of ``[oslo_messaging_notifications] transport_url``, else over the bus of the wake-ups.

    Raises MessagingMissing.
    """
    return library().get_notification_transport(settings.conf)
