"""The caller, from the headers that keystonemiddleware vouches for.

Called once per request by `app`. The trap: these headers are only to be trusted behind auth_token, which removes
whatever the client sent under the same names.
"""

from __future__ import annotations

from typing import Any, Protocol

from falcon import Request

from kamado.api.errors import ProjectMismatch
from kamado.orchestrator.context import RequestContext

REQUEST_ID = "openstack.request_id"
"""Key of the WSGI environment: the id that the answer and all that is logged of a request carry."""


class AdminRule(Protocol):
    """The one question asked of the policy before there is a context."""

    def is_admin(self, credentials: dict[str, Any]) -> bool:
        """Whether the caller may name any project in the path."""


def caller(req: Request, path_project: str | None, rules: AdminRule) -> RequestContext:
    """Who asks, about which project.

    :raises ProjectMismatch: the path names a project that is not the token's, and the caller is no administrator.
    """
    env = req.env
    get = env.get
    roles = tuple(role for role in get("HTTP_X_ROLES", "").split(",") if role)
    project = get("HTTP_X_PROJECT_ID", "")
    admin_project = get("HTTP_X_IS_ADMIN_PROJECT", "True").lower() != "false"
    token_info = get("keystone.token_info") or {}
    body = token_info.get("token") or {}
    trust = body.get("OS-TRUST:trust") or {}
    is_admin = "admin" in roles and rules.is_admin(
        {
            "roles": list(roles),
            "is_admin_project": admin_project,
            "project_id": project,
            "user_id": get("HTTP_X_USER_ID"),
        }
    )
    wanted = path_project or project
    if wanted != project and not is_admin:
        raise ProjectMismatch
    return RequestContext(
        project_id=project,
        user_id=get("HTTP_X_USER_ID", ""),
        username=get("HTTP_X_USER_NAME", ""),
        roles=roles,
        token=get("HTTP_X_AUTH_TOKEN", ""),
        token_info=token_info,
        is_admin=is_admin,
        is_admin_project=admin_project,
        request_id=get(REQUEST_ID, ""),
        trace=get("kamado.traceparent", ""),
        user_domain_id=get("HTTP_X_USER_DOMAIN_ID", ""),
        project_domain_id=get("HTTP_X_PROJECT_DOMAIN_ID", ""),
        project_name=get("HTTP_X_PROJECT_NAME", ""),
        region=get("HTTP_X_REGION_NAME"),
        trust_id=trust.get("id"),
        trustor_user_id=(trust.get("trustor_user") or {}).get("id"),
        application_credential="application_credential" in body,
        password=get("HTTP_X_AUTH_KEY", ""),
    )
