"""OS::Nova::KeyPair: a key for logging in to servers, brought along or made by Nova.

The trap: newer microversions of Nova make no keys any more, and the private half is in the one answer to the create
only: when that answer is lost, the key is of no use and another must be made.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import quote

from kamado.cloud.failures import CloudError, FailureKind
from kamado.plugin.declare import BOOLEAN, NOT_SENT, STRING, Attr, Prop, Properties, Rest, resource_type
from kamado.plugin.errors import TemporaryError
from kamado.plugin.rest import RestResource


def _private_key(pair: KeyPair) -> str:
    return str(pair.data.get("private_key", "")) if pair.properties.get("save_private_key") else ""


@resource_type("OS::Nova::KeyPair", since="2014.1")
class KeyPair(RestResource):
    """A key pair: its public half goes into servers."""

    rest = Rest("compute", "/os-keypairs", "keypair", id_key="name", microversion="2.10")
    secret = True
    properties = Properties(
        Prop("name", STRING, "Name of the key pair.", required=True, length=(1, 255)),
        Prop("save_private_key", BOOLEAN, "Keep the private half when Nova makes the key; readable as an attribute.",
             default=False, body=NOT_SENT),
        Prop("public_key", STRING, "Public half of a key that exists already; without it Nova makes a pair."),
        Prop("type", STRING, "Kind of key.", since="8.0.0", allowed=("ssh", "x509")),
        Prop("user", STRING, "User that the key is for, by name or ID; administrators only.", since="9.0.0",
             refers="keystone.user", body="user_id"),
    )  # fmt: skip
    attributes = (
        Attr("public_key", STRING, "The public half."),
        Attr("private_key", STRING, "The private half, if it was kept.", live=True, read=_private_key),
    )
    handled = {"save_private_key"}

    def item_path(self) -> str:
        """The key pair; that of another user needs the user's id."""
        return self._path(str(self.physical_id))

    def _path(self, name: str) -> str:
        user = self.properties.get("user")
        owner = f"?user_id={quote(self.find('keystone.user', user), safe='')}" if user else ""
        return f"{self.collection_path()}/{quote(name, safe='')}{owner}"

    def handle_create(self) -> Any:
        """Makes it; a private half that is to be kept is durable before the id."""
        try:
            body = self.unwrapped(self.call("POST", self.collection_path(), json=self.wrapped(self.create_request())))
        except CloudError as error:
            if error.kind is FailureKind.LOST or error.status in (502, 504):
                raise TemporaryError(str(error), unknown=True) from error
            raise
        if self.properties.get("save_private_key") and body.get("private_key"):
            self.set_data("private_key", body["private_key"])
        self.set_physical_id(body["name"])
        return None

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """By its name, if it was made since then. A key whose private half is lost is deleted: the create makes another."""
        name = str(self.properties["name"])
        answer = self.call("GET", self._path(name), ok=(404,))
        if answer is None or name in taken:
            return None
        body = self.unwrapped(answer)
        wanted = self.properties.get("public_key")
        if wanted and str(body.get("public_key", "")).strip() != str(wanted).strip():
            return None
        if self.oldest([body], since, ()) is None:
            return None
        if not wanted and self.properties.get("save_private_key") and "private_key" not in self.data:
            self.call("DELETE", self._path(name), ok=(404,))
            return None
        return name

    def prepare_for_replace(self) -> None:
        """The name is wanted for the new one; the public half is kept, in case the old one is wanted again."""
        if not self.physical_id:
            return
        answer = self.call("GET", self.item_path(), ok=(404,))
        if answer is not None:
            self.set_data("public_key", self.unwrapped(answer)["public_key"])
            self.call("DELETE", self.item_path(), ok=(404,))

    def restore_prev_rsrc(self) -> None:
        """Makes the key again with the public half that it had: the private one still fits."""
        kept = self.data.get("public_key")
        if kept:
            self.call(
                "POST",
                self.collection_path(),
                json=self.wrapped({**self.create_request(), "public_key": kept}),
                ok=(409,),
            )
            self.set_data("public_key", None)
