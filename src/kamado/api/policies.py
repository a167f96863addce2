"""Who may do what: Heat's rules as data, checked by oslo.policy, with the operator's overrides from a file.

Built once by `app`; asked by `handlers` (one rule a route) and by the orchestrator (resource types). The trap: the
target's project is the URL's, not the stack's; whether the stack belongs to it is the look-up's matter (404).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from oslo_policy import policy

from kamado.orchestrator.context import RequestContext

_PROJECT = "project_id:%(project_id)s"
READER = f"role:reader and {_PROJECT}"
MEMBER = f"role:member and {_PROJECT}"
READER_OR_STACK_USER = f"({READER}) or (role:heat_stack_user and {_PROJECT})"
ADMIN = f"role:admin and {_PROJECT}"
NO_STACK_USER = "rule:deny_stack_user"
ANYONE = "rule:allow_everybody"
NOBODY = "rule:deny_everybody"
PROJECT_ADMIN = "rule:project_admin"

BASE = {
    "context_is_admin": "(role:admin and is_admin_project:True)",
    "project_admin": "role:admin",
    "deny_stack_user": "not role:heat_stack_user",
    "deny_everybody": "!",
    "allow_everybody": "",
}

_SINCE_W: tuple[tuple[str, str, str, str], ...] = (
    # family, names, check, the older check that is or-ed in unless enforce_new_defaults is on
    (
        "actions",
        "action snapshot suspend resume cancel_update cancel_without_rollback retry rollback",
        MEMBER,
        NO_STACK_USER,
    ),
    ("actions", "check", READER, NO_STACK_USER),
    ("build_info", "build_info", READER, NO_STACK_USER),
    ("cloudformation", "CreateStack DeleteStack UpdateStack CancelUpdateStack", MEMBER, NO_STACK_USER),
    (
        "cloudformation",
        "ListStacks DescribeStacks DescribeStackEvents ValidateTemplate GetTemplate EstimateTemplateCost"
        " DescribeStackResources ListStackResources",
        READER,
        NO_STACK_USER,
    ),
    ("cloudformation", "DescribeStackResource", READER_OR_STACK_USER, ANYONE),
    ("events", "index show", READER, NO_STACK_USER),
    ("resource", "index show", READER, NO_STACK_USER),
    ("resource", "metadata signal", READER_OR_STACK_USER, ANYONE),
    ("resource", "mark_unhealthy", MEMBER, NO_STACK_USER),
    ("service", "index", ADMIN, "rule:context_is_admin"),
    ("software_configs", "index show", READER, NO_STACK_USER),
    ("software_configs", "create delete", MEMBER, NO_STACK_USER),
    ("software_deployments", "index show", READER, NO_STACK_USER),
    ("software_deployments", "create update delete", MEMBER, NO_STACK_USER),
    (
        "stacks",
        "abandon create delete export generate_template update update_patch preview_update preview_update_patch"
        " validate_template snapshot delete_snapshot restore_snapshot",
        MEMBER,
        NO_STACK_USER,
    ),
    (
        "stacks",
        "detail index list_resource_types list_template_versions list_template_functions preview resource_schema"
        " show template environment files show_snapshot list_snapshots list_outputs show_output",
        READER,
        NO_STACK_USER,
    ),
    ("stacks", "lookup", READER_OR_STACK_USER, ANYONE),
)

_PLAIN: tuple[tuple[str, str, str], ...] = (
    ("software_configs", "global_index", NOBODY),
    ("stacks", "global_index", NOBODY),
    ("stacks", "update_no_change", "rule:stacks:update_patch"),
    ("software_deployments", "metadata", READER_OR_STACK_USER),
)

ADMIN_ONLY_TYPES = (
    "OS::Nova::Flavor",
    "OS::Cinder::EncryptedVolumeType",
    "OS::Cinder::VolumeType",
    "OS::Cinder::Quota",
    "OS::Neutron::Quota",
    "OS::Nova::Quota",
    "OS::Octavia::Quota",
    "OS::Manila::ShareType",
    "OS::Neutron::ProviderNet",
    "OS::Neutron::QoSPolicy",
    "OS::Neutron::QoSBandwidthLimitRule",
    "OS::Neutron::QoSDscpMarkingRule",
    "OS::Neutron::QoSMinimumBandwidthRule",
    "OS::Neutron::QoSMinimumPacketRateRule",
    "OS::Neutron::Segment",
    "OS::Nova::HostAggregate",
    "OS::Cinder::QoSSpecs",
    "OS::Cinder::QoSAssociation",
    "OS::Keystone::*",
    "OS::Blazar::Host",
    "OS::Octavia::Flavor",
    "OS::Octavia::FlavorProfile",
    "OS::Octavia::AvailabilityZone",
    "OS::Octavia::AvailabilityZoneProfile",
)


def defaults() -> list[policy.RuleDefault]:
    """All rules, as oslo.policy and its tools want them."""
    return list(_defaults())


def _defaults() -> Iterator[policy.RuleDefault]:
    for name, check in BASE.items():
        yield policy.RuleDefault(name, check)
    for family, names, check, older in _SINCE_W:
        for name in names.split():
            rule = f"{family}:{name}"
            yield policy.RuleDefault(
                rule,
                check,
                scope_types=["project"],
                deprecated_rule=policy.DeprecatedRule(
                    rule, older, deprecated_reason="Rules by default roles.", deprecated_since="W"
                ),
            )
    for family, names, check in _PLAIN:
        scopes = None if check == NOBODY else ["project"]
        yield policy.RuleDefault(f"{family}:{names}", check, scope_types=scopes)
    for type_name in ADMIN_ONLY_TYPES:
        yield policy.RuleDefault(f"resource_types:{type_name}", PROJECT_ADMIN, scope_types=["project"])


_REMEMBERED_SECONDS = 2.0
_REMEMBERED = 10_000


class Rules:
    """The rules in force. ``conf`` is the oslo.config object that holds the [oslo_policy] options.

    A decision is remembered for two seconds: the enforcer looks at files and signatures each time, which costs more than
    everything else a small request does. A changed policy file is thus in force two seconds late.
    """

    def __init__(self, conf: Any, policy_file: str | None = None) -> None:
        self._lock = threading.Lock()
        self._decided: dict[tuple[str, str], bool] = {}
        self._since = 0.0
        self._enforcer = policy.Enforcer(conf, policy_file=policy_file)
        self._enforcer.suppress_deprecation_warnings = True
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.register_defaults(defaults())
        self._enforcer.load_rules()

    def is_registered(self, rule: str) -> bool:
        """Whether a rule of that name is a default or in the operator's file."""
        return rule in self._enforcer.registered_rules or rule in self._enforcer.rules

    def in_force(self) -> dict[str, str]:
        """Every rule by name, as text: the operator's where the policy file has one, else the default."""
        texts = {name: str(default.check_str) for name, default in self._enforcer.registered_rules.items()}
        return texts | {name: str(rule.check_str) for name, rule in self._enforcer.file_rules.items()}

    def allows(self, context: RequestContext, rule: str) -> bool:
        """Whether the caller passes the rule for the project of the request; an unregistered rule lets pass."""
        credentials = context.credentials
        key = (rule, repr(credentials))
        with self._lock:
            now = time.monotonic()
            if now - self._since > _REMEMBERED_SECONDS or len(self._decided) > _REMEMBERED:
                self._decided.clear()
                self._since = now
            found = self._decided.get(key)
        if found is None:
            found = self._enforce(rule, context.project_id, credentials)
            with self._lock:
                self._decided[key] = found
        return found

    def _enforce(self, rule: str, project_id: str, credentials: dict[str, Any]) -> bool:
        if not self.is_registered(rule):
            return True
        target = {"project_id": project_id, "tenant": project_id}
        try:
            return bool(self._enforcer.enforce(rule, target, credentials))
        except policy.InvalidScope:
            return False

    def is_admin(self, credentials: dict[str, Any]) -> bool:
        """Whether the caller is the cloud's administrator, who may name any project in the path."""
        return bool(self._enforcer.enforce("context_is_admin", {}, credentials))
