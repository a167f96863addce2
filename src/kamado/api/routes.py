"""Every URL of the REST API: verb, path, handler, policy rule. The only place that says which URL does what.

Read by `app`. A rule of None: the handler asks for its rules itself. The trap: literal parts win over named ones, so
`/stacks/detail` is never a stack called detail.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamado.api import events, plans, resources, service, snapshots, software, stacks, types
from kamado.api.call import Handler

P = "/v1/{tenant_id}"
STACKS = f"{P}/stacks"
STACK = f"{STACKS}/{{stack_name}}/{{stack_id}}"
RESOURCE = f"{STACK}/resources/{{resource_name}}"
CONFIGS = f"{P}/software_configs"
CONFIG = f"{CONFIGS}/{{config_id}}"
DEPLOYMENTS = f"{P}/software_deployments"
DEPLOYMENT = f"{DEPLOYMENTS}/{{deployment_id}}"
SNAPSHOT = f"{STACK}/snapshots/{{snapshot_id}}"


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one path. ``success`` is the usual status; ``asks`` are rules that the handler asks for by itself."""

    verb: str
    path: str
    handler: Handler
    rule: str | None
    success: int = 200
    asks: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """All rules that guard it."""
        return self.asks if self.rule is None else (self.rule, *self.asks)


_ACTIONS = (*stacks.ACTIONS, *stacks.WAYS_OUT)
_PLANNED = ("stacks:preview_update", "stacks:preview_update_patch", *(rule for _, rule in plans.ACTIONS.values()))
_LOOKUP_PARTS = ("resources", "events", "template", "actions", "environment", "files")

ROUTES: tuple[Route, ...] = (
    Route("POST", f"{P}/validate", stacks.validate_template, "stacks:validate_template"),
    Route("GET", f"{P}/resource_types", types.list_types, "stacks:list_resource_types"),
    Route("GET", f"{P}/resource_types/{{type_name}}", types.get_type, "stacks:resource_schema"),
    Route("GET", f"{P}/resource_types/{{type_name}}/template", types.generate_template, "stacks:generate_template"),
    Route("GET", f"{P}/template_versions", types.list_versions, "stacks:list_template_versions"),
    Route(
        "GET",
        f"{P}/template_versions/{{template_version}}/functions",
        types.list_functions,
        "stacks:list_template_functions",
    ),
    Route("GET", STACKS, stacks.list_stacks, "stacks:index", asks=("stacks:global_index",)),
    Route("POST", STACKS, stacks.create_stack, "stacks:create", 201),
    Route("POST", f"{STACKS}/preview", stacks.preview_stack, "stacks:preview"),
    Route("POST", f"{STACKS}/plan", plans.plan_create, "stacks:preview"),
    Route("GET", f"{STACKS}/detail", stacks.detail_stacks, "stacks:detail"),
    *(
        Route(verb, f"{STACKS}/{{stack_name}}", stacks.lookup_stack, "stacks:lookup", 302)
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    *(
        Route(verb, f"{P}/arn/{{arn}}", stacks.lookup_arn, "stacks:lookup", 302)
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    *(
        Route(verb, f"{STACKS}/{{stack_name}}/{part}", stacks.lookup_stack, "stacks:lookup", 302)
        for part in _LOOKUP_PARTS
        for verb in ("GET", "POST")
        if verb == "GET" or part not in ("environment", "files")
    ),
    Route("GET", STACK, stacks.get_stack, "stacks:show"),
    Route("PUT", STACK, stacks.update_stack, "stacks:update", 202),
    Route("PATCH", STACK, stacks.patch_stack, None, 202, asks=("stacks:update_patch", "stacks:update_no_change")),
    Route("DELETE", STACK, stacks.delete_stack, "stacks:delete", 204),
    Route("GET", f"{STACK}/template", stacks.get_template, "stacks:template"),
    Route("GET", f"{STACK}/environment", stacks.get_environment, "stacks:environment"),
    Route("GET", f"{STACK}/files", stacks.get_files, "stacks:files"),
    Route("PUT", f"{STACK}/preview", stacks.preview_update, "stacks:preview_update"),
    Route("PATCH", f"{STACK}/preview", stacks.preview_update_patch, "stacks:preview_update_patch"),
    Route("POST", f"{STACK}/plan", plans.plan_change, None, asks=_PLANNED),
    Route("GET", f"{STACK}/outputs", stacks.list_outputs, "stacks:list_outputs"),
    Route("GET", f"{STACK}/outputs/{{output_key}}", stacks.get_output, "stacks:show_output"),
    Route("GET", f"{STACK}/export", stacks.export_stack, "stacks:export"),
    Route("DELETE", f"{STACK}/abandon", stacks.abandon_stack, "stacks:abandon"),
    Route("POST", f"{STACK}/snapshots", snapshots.create_snapshot, "stacks:snapshot"),
    Route("GET", f"{STACK}/snapshots", snapshots.list_snapshots, "stacks:list_snapshots"),
    Route("GET", SNAPSHOT, snapshots.get_snapshot, "stacks:show_snapshot"),
    Route("DELETE", SNAPSHOT, snapshots.delete_snapshot, "stacks:delete_snapshot", 204),
    Route("POST", f"{SNAPSHOT}/restore", snapshots.restore_snapshot, "stacks:restore_snapshot", 202),
    Route("POST", f"{STACK}/actions", stacks.act_on_stack, None, asks=tuple(f"actions:{name}" for name in _ACTIONS)),
    Route("GET", f"{STACK}/resources", resources.list_resources, "resource:index"),
    Route("GET", RESOURCE, resources.get_resource, "resource:show"),
    Route("PATCH", RESOURCE, resources.mark_unhealthy, "resource:mark_unhealthy"),
    Route("POST", f"{RESOURCE}/signal", resources.signal, "resource:signal"),
    Route("GET", f"{RESOURCE}/metadata", resources.get_metadata, "resource:metadata"),
    Route("GET", f"{STACK}/events", events.list_events, "events:index"),
    Route("GET", f"{STACK}/timeline", events.get_timeline, "events:index"),
    Route("GET", f"{RESOURCE}/events", events.list_events, "events:index"),
    Route("GET", f"{RESOURCE}/events/{{event_id}}", events.get_event, "events:show"),
    Route("GET", f"{P}/build_info", service.get_build_info, "build_info:build_info"),
    Route("GET", CONFIGS, software.list_configs, "software_configs:index", asks=("software_configs:global_index",)),
    Route("POST", CONFIGS, software.create_config, "software_configs:create"),
    Route("GET", CONFIG, software.get_config, "software_configs:show"),
    Route("DELETE", CONFIG, software.delete_config, "software_configs:delete", 204),
    Route("GET", DEPLOYMENTS, software.list_deployments, "software_deployments:index"),
    Route("POST", DEPLOYMENTS, software.create_deployment, "software_deployments:create"),
    Route(
        "GET", f"{DEPLOYMENTS}/metadata/{{server_id}}", software.get_server_metadata, "software_deployments:metadata"
    ),
    Route("GET", DEPLOYMENT, software.get_deployment, "software_deployments:show"),
    Route("PUT", DEPLOYMENT, software.update_deployment, "software_deployments:update"),
    Route("DELETE", DEPLOYMENT, software.delete_deployment, "software_deployments:delete", 204),
    Route("GET", f"{P}/services", service.list_services, "service:index"),
)
