"""Handles of wait conditions: where the signals arrive. They are kept as the handle's metadata, by the id that each signal has.

OS::Heat::WaitConditionHandle takes signals by several transports and fills in what they leave out; the AWS ones take complete signals
to a signed URL, which is what refers to them. The trap: signals arrive at any time, beside what an engine does to the row, so metadata
is only ever changed under the row's lock.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from kamado.plugin.declare import STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.signals import (
    CFN_SIGNAL,
    HEAT_SIGNAL,
    NO_SIGNAL,
    TEMP_URL_SIGNAL,
    TOKEN_SIGNAL,
    WAITCONDITION,
    ZAQAR_SIGNAL,
    SignalResponder,
)
from kamado.resources.heat.signals_kept import (
    AWS_KEYS,
    HANDLE,
    HEAT_KEYS,
    Keys,
    complete_signal,
    completed,
    with_signal,
)


class Handle(SignalResponder):
    """What all handles have in common."""

    keeps_metadata = True
    keys: ClassVar[Keys]

    def complete(self, signal: Mapping[str, Any], number: int) -> Mapping[str, Any]:  # noqa: ARG002
        """A signal with what its sender left out; ``number``: the how many-th it is."""
        return signal

    def handle_create(self) -> None:
        """Its user, then what it is signalled by."""
        self.set_data(HANDLE, self.keys.name)
        user_id = self.signal_user()
        self._open()
        self.set_physical_id(user_id)

    @abstractmethod
    def _open(self) -> None:
        """Makes what it is signalled by."""

    def handle_signal(self, details: Mapping[str, Any] | None = None) -> str:
        """Keeps a signal; one with the id of an earlier one takes its place.

        :raises PermanentError: it is not one of the form that the handle takes.
        """
        told: list[str] = []

        def add(before: Mapping[str, Any]) -> Mapping[str, Any]:
            signal = completed(self.keys, self.complete, details or {}, len(before) + 1)
            told[:] = [f"status:{signal[self.keys.status]} reason:{signal[self.keys.reason]}"]
            return with_signal(self.keys, before, signal)

        self.ports.saver.change_metadata(add)
        return told[0]


@resource_type("OS::Heat::WaitConditionHandle", since="2014.2")
class WaitConditionHandle(Handle):
    """Takes signals for an OS::Heat::WaitCondition."""

    heat_class = "HeatWaitConditionHandle"
    keys = HEAT_KEYS
    properties = Properties(
        Prop(
            "signal_transport",
            STRING,
            "How it is signalled: by a signed URL, a temporary URL of Swift, the REST API with a user's credentials or with a token, "
            "a Zaqar queue, or not at all (it counts as signalled).",
            default=TOKEN_SIGNAL,
            allowed=(CFN_SIGNAL, TEMP_URL_SIGNAL, HEAT_SIGNAL, NO_SIGNAL, ZAQAR_SIGNAL, TOKEN_SIGNAL),
            since="6.0.0",
        ),
    )
    attributes = (
        Attr("token", STRING, "Token to signal with, for TOKEN_SIGNAL; none for other transports.", live=True),
        Attr("endpoint", STRING, "Where to signal, for TOKEN_SIGNAL; none for other transports.", live=True),
        Attr("curl_cli", STRING, "A curl command that lacks the body of the signal, for TOKEN_SIGNAL.", live=True),
        Attr("signal", STRING, "What a client must know to signal by the transport, as JSON text.", live=True),
    )

    def complete(self, signal: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        """Everything may be left out."""
        return complete_signal(signal, number)

    def _open(self) -> None:
        transport = str(self.properties["signal_transport"])
        if transport != TOKEN_SIGNAL:
            self.prepare(transport, WAITCONDITION)
            return
        if "token" not in self.data:
            self.set_data("insecure", self.ports.users().insecure)
            self.set_data("endpoint", self.heat_signal_url())
            self.set_data("token", self.signal_token())

    def attribute(self, name: str) -> Any:
        """All of them were made with it."""
        if name == "signal":
            return json.dumps(self.signal_map)
        if name != "curl_cli":
            return self.data.get(name)
        token, endpoint = self.data.get("token"), self.data.get("endpoint")
        if token is None:
            return None
        insecure = "--insecure " if self.data.get("insecure") else ""
        headers = (f"X-Auth-Token: {token}", "Content-Type: application/json", "Accept: application/json")
        given = " ".join(f"-H '{header}'" for header in headers)
        return f"curl {insecure}-i -X POST {given} {endpoint}"


class SignedHandle(Handle):
    """A handle that is its signed URL."""

    keys = AWS_KEYS

    def _open(self) -> None:
        self.signed_url(WAITCONDITION)

    def reference(self) -> str:
        """The URL to signal to."""
        return str(self.data.get("ec2_signed_url") or self.name) if self.physical_id else self.name

    def handle_signal(self, details: Mapping[str, Any] | None = None) -> str:
        """Keeps a signal; one without a body says nothing."""
        return super().handle_signal(details) if details is not None else ""


@resource_type("AWS::CloudFormation::WaitConditionHandle", since="2014.1")
class AwsWaitConditionHandle(SignedHandle):
    """Takes signals for an AWS::CloudFormation::WaitCondition."""

    heat_class = "WaitConditionHandle"


@resource_type("OS::Heat::UpdateWaitConditionHandle", since="2014.1")
class UpdateWaitConditionHandle(SignedHandle):
    """A handle that each update replaces by another one, so that everybody must signal again."""

    always_new = True
