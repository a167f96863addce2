"""OS::Barbican::Secret: something secret that the key manager keeps. Its physical id is the reference that the service gives, a URL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from kamado.plugin.declare import INTEGER, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.rules import Needs, RequiredWhen
from kamado.plugin.thing import CloudResource, parse_time

_SENT = (
    "name",
    "algorithm",
    "bit_length",
    "mode",
    "payload",
    "payload_content_type",
    "payload_content_encoding",
    "expiration",
    "secret_type",
)
_KINDS = ("symmetric", "public", "private", "certificate", "passphrase", "opaque")


@resource_type("OS::Barbican::Secret", since="2014.2")
class Secret(CloudResource):
    """A secret, with its payload or without."""

    service_type = "key-manager"
    can_find = True
    secret = True
    properties = Properties(
        Prop("name", STRING, "Name for people; need not be unique."),
        Prop("payload", STRING, "What is secret.", secret=True),
        Prop(
            "payload_content_type",
            STRING,
            "What kind of payload it is.",
            allowed=("text/plain", "application/octet-stream"),
        ),
        Prop("payload_content_encoding", STRING, "How a payload that is no text is written.", allowed=("base64",)),
        Prop("mode", STRING, "Mode of the algorithm, for people."),
        Prop("expiration", STRING, "When it ends, in ISO 8601.", check="expiration"),
        Prop("algorithm", STRING, "What it is used with, for people."),
        Prop("bit_length", INTEGER, "Its length in bits, for people.", low=0),
        Prop("secret_type", STRING, "What kind of secret it is.", default="opaque", allowed=_KINDS, since="5.0.0"),
    )
    attributes = (
        Attr("status", STRING, "Its status."),
        Attr("decrypted_payload", STRING, "The payload."),
    )
    rules = (
        Needs("payload", "payload_content_type"),
        Needs("payload_content_type", "payload"),
        RequiredWhen("payload_content_encoding", "payload_content_type", "application/octet-stream"),
    )

    def handle_create(self) -> None:
        """Made with its payload; the name is the physical name when it has none, so that it can be found again."""
        answer = self.call("POST", "/v1/secrets", json=self._body())
        self.set_physical_id(str(answer["secret_ref"]))

    def _body(self) -> dict[str, Any]:
        given = {name: self.properties.get(name) for name in _SENT}
        return {"name": self.physical_name, **{name: value for name, value in given.items() if value is not None}}

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """By its name and when it was made."""
        found = self.call("GET", "/v1/secrets", params={"name": self._body()["name"], "limit": 100}) or {}
        made = [
            (moment, str(each["secret_ref"]))
            for each in found.get("secrets", ())
            if (moment := parse_time(each.get("created"))) and moment >= since.replace(microsecond=0)
        ]
        return next((ref for _, ref in sorted(made) if ref not in taken), None)

    def handle_delete(self) -> None:
        """One that is gone is fine."""
        if self.physical_id:
            self.call("DELETE", self._path(), ok=(404,))

    def handle_check(self) -> None:
        """It must be there."""
        self.call("GET", self._path())

    def read_attributes(self, names: Any) -> dict[str, Any]:
        """The payload by a look of its own."""
        wanted = list(names) or [*type(self).attrs]
        if not self.physical_id:
            return dict.fromkeys(wanted)
        shown: Mapping[str, Any] = self.call("GET", self._path()) if set(wanted) - {"decrypted_payload"} else {}
        return {name: self._read(name, shown) for name in wanted}

    def attribute(self, name: str) -> Any:
        """One attribute."""
        return self.read_attributes([name])[name]

    def _read(self, name: str, shown: Mapping[str, Any]) -> Any:
        if name == "show":
            return dict(shown)
        if name != "decrypted_payload":
            return shown.get(name)
        media = self.properties.get("payload_content_type") or "text/plain"
        answer = self.service.fetch("GET", f"{self._path()}/payload", headers={"Accept": media}, ok=(404, 406))
        return None if answer is None else answer.content.decode(errors="replace")

    def _path(self) -> str:
        return f"/v1/secrets/{quote(str(self.physical_id).rstrip('/').rpartition('/')[2], safe='')}"
