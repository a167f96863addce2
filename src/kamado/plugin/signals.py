"""Types that somebody outside signals: their user in the stack domain, and the ways in which that user may reach them.

`SignalResponder` is the base; a type calls `prepare` (one transport) or the single ways in its ``handle_create`` and shows what is kept
in its data. What is asked of Keystone is kept before it is asked (password, keys) or has a name that is unique (the user), so a handler
that is called again after a crash goes on with the same user. The trap: everything is made by the create; attributes are only read, also
where there is nobody who could make anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from kamado.model.identifiers import StackIdentity, new_id
from kamado.plugin.context import Ports
from kamado.plugin.resource import Resource
from kamado.plugin.signal_boxes import OBJECT, QUEUE, Box, ObjectBox, box_of

WAITCONDITION, SIGNAL = "waitcondition", "signal"
"""What a signed URL is for: the path of the CloudFormation API that it leads to."""
_VERBS: Mapping[str, str] = {WAITCONDITION: "PUT", SIGNAL: "POST"}

CFN_SIGNAL, TEMP_URL_SIGNAL, HEAT_SIGNAL = "CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL"
NO_SIGNAL, ZAQAR_SIGNAL, TOKEN_SIGNAL = "NO_SIGNAL", "ZAQAR_SIGNAL", "TOKEN_SIGNAL"

_ARN_IN_URL = re.compile(r"/(arn%3Aopenstack%3Aheat%3A%3A[^?]*)", re.IGNORECASE)
_STACK_ARN = re.compile(r"arn:openstack:heat::(?P<project>[^:]*):stacks/(?P<name>[^/]+)/(?P<id>[^/]+)")
_ARN = re.compile(
    r"arn:openstack:heat::(?P<project>[^:]*):stacks/(?P<name>[^/]+)/(?P<id>[^/]+)/resources/(?P<resource>.+)"
)


class SignalResponder(Resource):
    """A resource with a user of its own, who may signal it and nothing else."""

    secret = True

    def signal_user(self) -> str:
        """The id of its user, made when it is first asked for."""
        if "user_id" not in self.data:
            if "password" not in self.data:
                self.set_data("password", secrets.token_urlsafe(24))
            users = self.ports.users()
            self.set_data("user_project_id", users.project_id())
            self.set_data("user_id", users.make(self.physical_name, self.data["password"]))
        return str(self.data["user_id"])

    def signal_token(self) -> str:
        """A new token of that user."""
        user_id = self.signal_user()
        return str(self.ports.users().token(user_id, self.data["password"]))

    def ec2_keys(self) -> tuple[str, str]:
        """Access and secret key of that user; making keys that are there already changes nothing."""
        user_id = self.signal_user()
        if "secret_key" not in self.data:
            self.set_data("access_key", secrets.token_hex(16))
            self.set_data("secret_key", secrets.token_hex(16))
        access, secret = str(self.data["access_key"]), str(self.data["secret_key"])
        self.ports.users().make_keys(user_id, access, secret)
        return access, secret

    def signal_credentials(self) -> dict[str, Any]:
        """What somebody needs to know to act as that user."""
        user_id, users = self.signal_user(), self.ports.users()
        return {
            "auth_url": users.auth_url,
            "username": self.physical_name,
            "user_id": user_id,
            "password": self.data["password"],
            "project_id": self.data["user_project_id"],
            "domain_id": users.domain_id,
            "region_name": users.region or self.stack.region or None,
        }

    def heat_signal_url(self) -> str:
        """Where the REST API takes a signal from that user."""
        self.signal_user()
        return self.rest_signal_url(self.data["user_project_id"])

    def rest_signal_url(self, project_id: str) -> str:
        """Where the REST API takes a signal from somebody of a project."""
        stack = StackIdentity(project_id, self.stack.name, self.stack.id)
        base = self.ports.cloud().address("orchestration").removesuffix(f"/{self.stack.project_id}")
        return f"{base}/{project_id}/{stack.path}/resources/{quote(self.name, safe='')}/signal"

    def signed_url(self, purpose: str = SIGNAL, *, expires: bool = True) -> str:
        """An address that whoever knows it may signal once it is asked for: the request is signed already. The same one each time.

        ``purpose``: `SIGNAL` or `WAITCONDITION`. ``expires``: it carries the time of signing.
        """
        found = self.data.get("ec2_signed_url")
        if found is None:
            access, secret = self.ec2_keys()
            users = self.ports.users()
            base = users.waitcondition_url.replace("/waitcondition", f"/{purpose}").rstrip("/")
            base = base or f"{self.ports.cloud().address('cloudformation')}/{purpose}"
            when = self.ports.clock.now() if expires else None
            found = signed(base, self.arn, _VERBS[purpose], access, secret, when)
            self.set_data("ec2_signed_url", found)
        return str(found)

    @property
    def arn(self) -> str:
        """The resource's ARN, its names quoted."""
        identity = StackIdentity(self.stack.project_id, self.stack.name, self.stack.id)
        return f"{identity.arn}/resources/{quote(self.name)}"

    def prepare(self, transport: str, purpose: str = SIGNAL, *, several: bool = True) -> None:
        """Makes what a transport needs; `signal_map` tells it afterwards.

        ``several``: more than one signal is wanted, so each of those that are left in an object is kept, not only the last.
        """
        ways: Mapping[str, Callable[[], dict[str, Any]]] = {
            CFN_SIGNAL: lambda: {"alarm_url": self.signed_url(purpose)},
            HEAT_SIGNAL: lambda: {**self.signal_credentials(), "alarm_url": self.heat_signal_url()},
            TEMP_URL_SIGNAL: lambda: {"alarm_url": self.temporary_url(several)},
            ZAQAR_SIGNAL: lambda: {**self.signal_credentials(), "queue_id": self.signal_queue()},
            NO_SIGNAL: dict,
        }
        if "signal" not in self.data:
            self.set_data("signal", ways[transport]())

    def temporary_url(self, several: bool = True) -> str:
        """An address in the object store to which signals are written: an object in the stack's container, or in one of its own."""
        return make_object_box(self, several)

    def signal_queue(self) -> str:
        """The name of a queue to which its user posts signals; it is there as soon as something is posted."""
        if QUEUE not in self.data:
            self.set_data(QUEUE, self.physical_name)
        return str(self.data[QUEUE])

    def signal_box(self) -> Box | None:
        """Where signals are left that nobody brings, None for the other transports."""
        return signal_box_of(self.data, self.ports)

    @property
    def signal_map(self) -> dict[str, Any] | None:
        """What a client must know to signal it by its transport; None when nothing was prepared."""
        return self.data.get("signal")

    def handle_delete(self) -> None:
        """What it is signalled by goes, then its user with the keys."""
        if OBJECT in self.data or (QUEUE in self.data and "user_id" in self.data):
            box = self.signal_box()
            assert box is not None
            box.remove()
        user_id = self.data.get("user_id")
        if user_id is None and "password" in self.data:
            user_id = self.ports.users().find(self.physical_name)  # its creation may have been without an answer
        if user_id is not None:
            self.ports.users().remove(str(user_id))

    def handle_suspend(self) -> None:
        """Its user is locked out."""
        self._let_in(enabled=False)

    def handle_resume(self) -> None:
        """Its user is let in again."""
        self._let_in(enabled=True)

    def _let_in(self, *, enabled: bool) -> None:
        if "user_id" in self.data:
            self.ports.users().set_enabled(str(self.data["user_id"]), enabled)


def make_object_box(resource: Resource, several: bool = True) -> str:
    """Makes an object that a resource is signalled by, known by the resource's data; the URL to write to. Raises CloudError."""
    if OBJECT not in resource.data:
        container = resource.stack.id if several else resource.physical_name
        name = resource.physical_name if several else new_id()
        resource.set_data(OBJECT, {"container": container, "name": name, "several": several})
    where, cloud = resource.data[OBJECT], resource.ports.cloud()
    box = ObjectBox(cloud, where["container"], where["name"], several)
    return box.make(lambda: resource.ports.sign(f"temporary URLs of {cloud.project_id}"))


def signal_box_of(data: Mapping[str, Any], ports: Ports) -> Box | None:
    """The box that the data of a resource of this stack tells of, None when it has none."""
    return box_of(data, ports.cloud, lambda: ports.users().cloud(data["user_id"], data["password"]))


def signed(base: str, arn: str, verb: str, access: str, secret: str, when: datetime | None) -> str:
    """A URL with a signature of the EC2 kind, version 2, over verb, host, path and parameters.

    The path is signed as the server sees it, unquoted. ``when`` None: the URL says no time, so it never expires.
    """
    base = base.lower()
    parts = urlsplit(base)
    path = f"/{quote(arn)}"
    params = {"SignatureMethod": "HmacSHA256", "SignatureVersion": "2", "AWSAccessKeyId": access}
    if when is not None:
        params["Timestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    query = "&".join(f"{quote(name, safe='')}={quote(params[name], safe='-_~')}" for name in sorted(params))
    text = "\n".join((verb, parts.netloc, unquote(parts.path + path), query))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{base}{path}?{urlencode({**params, 'Signature': base64.b64encode(mac).decode()})}"


def arn_in_url(url: str) -> str | None:
    """The ARN that a signed URL leads to, None when it is no such URL."""
    found = _ARN_IN_URL.search(urlsplit(url).path)
    return None if found is None else unquote(found.group(1))


def parse_stack_arn(arn: str) -> StackIdentity | None:
    """The stack that an ARN names, None when it is none of a stack."""
    found = _STACK_ARN.fullmatch(arn)
    return None if found is None else StackIdentity(unquote(found["project"]), unquote(found["name"]), found["id"])


def parse_arn(arn: str) -> tuple[StackIdentity, str] | None:
    """Stack and resource that an ARN names, None when it is none of a resource."""
    found = _ARN.fullmatch(arn)
    if found is None:
        return None
    stack = StackIdentity(unquote(found["project"]), unquote(found["name"]), found["id"])
    return stack, unquote(found["resource"])
