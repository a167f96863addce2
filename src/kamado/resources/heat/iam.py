"""Users that a template makes in the stack domain, their keys, and what they may look at: AWS::IAM::User, AWS::IAM::AccessKey,
OS::Heat::AccessPolicy.

The trap: a policy does nothing by itself; who asks for a resource with the keys or the password of such a user is let through by
`kamado.orchestrator.access`, which reads the rows that are made here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from kamado.plugin.declare import INTEGER, LIST, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import NotFoundInCloud, PermanentError
from kamado.plugin.resource import Resource
from kamado.plugin.rules import Finding
from kamado.plugin.signals import SignalResponder

POLICY = "OS::Heat::AccessPolicy"


@resource_type(POLICY)
class AccessPolicy(Resource):
    """Names the resources that the users who have it may look at."""

    local = True
    nameless = True
    properties = Properties(Prop("AllowedResources", LIST, "Names of resources of the stack.", required=True))

    @classmethod
    def validate_beside(
        cls,
        definition: Any,
        definitions: Mapping[str, Any],
        properties: Callable[[str], Mapping[str, Any] | None],
    ) -> list[Finding]:
        """They are there."""
        wanted = (properties(definition.name) or {}).get("AllowedResources")
        named = [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
        return [Finding(f"AccessPolicy resource {name} not in stack") for name in named if name not in definitions][:1]


@resource_type("AWS::IAM::User")
class User(SignalResponder):
    """A user in the stack domain."""

    properties = Properties(
        Prop("Path", STRING, "Not read."),
        Prop("Groups", LIST, "Not read."),
        Prop("LoginProfile", MAP, "How the user logs in.", fields=(Prop("Password", STRING, "The password."),)),
        Prop("Policies", LIST, "Names of access policies of the stack."),
    )

    def handle_create(self) -> None:
        """The user, with the password that the template gives it."""
        self._refuse_other_policies()
        password = (self.properties.get("LoginProfile") or {}).get("Password")
        if password and "password" not in self.data:
            self.set_data("password", str(password))
        self.set_physical_id(self.signal_user())

    def _refuse_other_policies(self) -> None:
        siblings = self.ports.siblings
        for policy in self.properties.get("Policies") or ():
            if not isinstance(policy, str):
                continue  # a policy written out, as AWS has them: not read
            row = None if siblings is None else siblings.named(policy)
            if row is None or POLICY not in (row.type, row.implementation):
                words = f"The Referenced Attribute ({self.name} Policies) is incorrect."
                raise PermanentError(words, "InvalidTemplateAttribute")

    def reference(self) -> str:
        """Its name."""
        return self.physical_name if self.physical_id else self.name


@resource_type("AWS::IAM::AccessKey")
class AccessKey(Resource):
    """Keys with which an AWS::IAM::User signs requests."""

    secret = True
    properties = Properties(
        Prop("Serial", INTEGER, status="UNSUPPORTED"),
        Prop("UserName", STRING, "The user.", required=True),
        Prop("Status", STRING, status="UNSUPPORTED", allowed=("Active", "Inactive")),
    )
    attributes = (
        Attr("UserName", STRING, "The user.", live=True),
        Attr("SecretAccessKey", STRING, "The secret one of the keys.", live=True),
    )

    def handle_create(self) -> None:
        """The keys are drawn and kept before Keystone is asked to take them."""
        user = None if self.ports.siblings is None else self.ports.siblings.known_as(str(self.properties["UserName"]))
        if user is None or user.physical_id is None:
            raise NotFoundInCloud(f"could not find user {self.properties['UserName']}")
        for key in ("access_key", "secret_key"):
            if key not in self.data:
                self.set_data(key, secrets.token_hex(16))
        self.ports.users().make_keys(user.physical_id, self.data["access_key"], self.data["secret_key"])
        self.set_physical_id(self.data["access_key"])

    def handle_delete(self) -> None:
        """They go, also when it is not known whether Keystone has them."""
        if "access_key" in self.data:
            self.ports.users().remove_keys(self.data["access_key"])

    def attribute(self, name: str) -> Any:
        """What was kept."""
        return self.properties.get("UserName") if name == "UserName" else self.data.get("secret_key")
