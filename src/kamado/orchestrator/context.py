"""Who asks, and what the use cases are given to work with.

Built by `kamado.api` (the context, per request) and by `kamado.assemble` (the services, once). The trap: a context
holds a token; it is kept out of `repr` and must stay out of logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from kamado.engine.ports import no_users
from kamado.engine.targets import TargetLoader
from kamado.model.records import CredentialRecord, StackRecord
from kamado.plugin.context import Clock
from kamado.plugin.registry import Registry
from kamado.store.store import Store
from kamado.store.templates import Cache
from kamado.template import Template


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks: taken from the validated token only.

    ``project_id`` is the token's project, whatever the path says (an administrator may name another one there).
    ``token_info`` is the validated token's body, with its catalog. ``trust_id`` is set when the token came from a trust.
    ``password`` is the user's own, where the request carries it beside the token (X-Auth-Key).
    """

    project_id: str
    user_id: str
    username: str
    roles: tuple[str, ...]
    token: str = field(repr=False, default="")
    token_info: Mapping[str, Any] = field(repr=False, default_factory=dict)
    is_admin: bool = False
    is_admin_project: bool = True
    request_id: str = ""
    trace: str = ""
    """The ``traceparent`` of the request, for whoever traces."""
    user_domain_id: str = ""
    project_domain_id: str = ""
    project_name: str = ""
    region: str | None = None
    trust_id: str | None = None
    trustor_user_id: str | None = None
    application_credential: bool = False
    password: str = field(repr=False, default="")

    @property
    def credentials(self) -> dict[str, Any]:
        """What policy rules look at."""
        return {
            "user_id": self.user_id,
            "project_id": self.project_id,
            "tenant_id": self.project_id,
            "roles": list(self.roles),
            "user_domain_id": self.user_domain_id,
            "project_domain_id": self.project_domain_id,
            "is_admin": self.is_admin,
            "is_admin_project": self.is_admin_project,
        }


class Grant(Protocol):
    """What Keystone gave; see `CredentialRecord`."""

    @property
    def method(self) -> str:
        """How the service acts for the user."""

    @property
    def trust_id(self) -> str:
        """The trust's id, or what stands for it."""

    @property
    def secret(self) -> str:
        """What goes with it."""


class Stored(Protocol):
    """An object of the object store."""

    @property
    def body(self) -> bytes:
        """What it holds."""

    @property
    def modified_at(self) -> datetime:
        """When it was last written."""


class Objects(Protocol):
    """The object store as the caller sees it; None stands for what is not there."""

    def names(self, container: str, most: int) -> list[str] | None:
        """Names of at most so many objects in a container."""

    def read(self, container: str, name: str, most: int) -> Stored | None:
        """One object; of one with more bytes than ``most`` one byte too many is given."""


class Clouds(Protocol):
    """The way to the user's cloud: sessions, objects, the right to act later."""

    def objects(self, context: Any) -> Objects | None:
        """The object store, with the token of the request; None when the cloud has none."""

    def for_token(self, context: Any) -> Any:
        """A cloud that acts with the token of the request."""

    def grant(self, context: Any, name: str) -> Grant:
        """Let the service act for the user later. ``name`` is unique. Raises CloudError."""

    def holds(self, record: CredentialRecord, *, surely: bool) -> bool:
        """Whether a credential is still accepted; unless ``surely``, as far as was found a short while ago."""


class Policy(Protocol):
    """What the caller may do."""

    def allows(self, context: RequestContext, rule: str) -> bool:
        """Whether a rule lets the caller through; a rule that is not registered does."""


@dataclass(frozen=True, slots=True)
class OrchestratorSettings:
    """Limits of the service; names and defaults are Heat's options of the same names.

    ``max_resources_per_stack`` -1: no limit. ``max_template_size`` in bytes. ``max_stacks_per_tenant`` counts live
    root stacks; of snapshots, software configs and deployments -1: any number.
    ``region_name`` is what stacks get for OS::region where the token does not say. ``revision`` is
    shown by build_info. ``max_nested_stack_depth`` caps nested_depth. ``stack_action_timeout`` in seconds.
    ``observe_on_update``: every update looks at what is really there.
    ``max_events_per_stack``: the oldest beyond it go when an operation is accepted; -1 keeps all.
    """

    max_resources_per_stack: int = 1000
    max_template_size: int = 524288
    max_stacks_per_tenant: int = 512
    max_snapshots_per_stack: int = 32
    max_nested_stack_depth: int = 5
    max_events_per_stack: int = 1000
    max_software_configs_per_tenant: int = 4096
    max_software_deployments_per_tenant: int = 4096
    stack_action_timeout: int = 3600
    enable_stack_abandon: bool = False
    enable_stack_adopt: bool = False
    hidden_stack_tags: tuple[str, ...] = ()
    region_name: str = "RegionOne"
    observe_on_update: bool = False
    revision: str = "unknown"


def no_cloud(stack: StackRecord) -> Any:
    """The owner's cloud of something that has none."""
    raise LookupError(f"there is no cloud for the stack {stack.name}")


def nobody_waits(row_id: str) -> None:
    """Told of a signal where there is no engine to tell."""


@dataclass(frozen=True)
class Services:
    """What every use case gets.

    ``cloud_of`` is the cloud as a stack's owner may use it, for requests that somebody else makes (signals).
    ``accepted`` keeps templates of the latest requests, and ``passed`` what of them has passed all checks
    (`kamado.orchestrator.templates`). ``targets`` keeps parsed templates, shared with the engine of the process; ``wake`` tells that engine
    that there is work, ``ring`` all engines that a row got a signal. ``users_of`` gives the users of a stack.
    """

    store: Store
    registry: Registry
    targets: TargetLoader
    clouds: Clouds
    policy: Policy
    clock: Clock
    wake: Callable[[], None]
    settings: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    cloud_of: Callable[[StackRecord], Any] = no_cloud
    users_of: Callable[[StackRecord], Any] = no_users
    ring: Callable[[str], None] = nobody_waits
    accepted: Cache[Template] = field(default_factory=partial(Cache, 32))
    passed: Cache[Any] = field(default_factory=partial(Cache, 8))
