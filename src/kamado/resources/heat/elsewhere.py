"""A service of another region or another cloud, as the ``context`` of OS::Heat::Stack describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kamado.cloud.certificates import certificate_file
from kamado.cloud.rest import Service
from kamado.cloud.session import Cloud
from kamado.plugin.errors import PermanentError

_KEPT_SECONDS = 300.0
"""How long what was found out about a credential holds."""


def service_of(here: Cloud, context: Mapping[str, Any], service_type: str) -> Service:
    """The service that a context leads to. Raises CloudError when there is none, PermanentError for a secret that is no credential."""
    region = context.get("region_name") or here.region
    secret, certificates, insecure = (context.get(key) for key in ("credential_secret_id", "ca_cert", "insecure"))
    if not (secret or certificates or insecure) and region == here.region:
        return here.service(service_type)
    verify = False if insecure else certificate_file(certificates) if certificates else None

    def make() -> Cloud:
        return here.elsewhere(region, verify, _credential(here, secret) if secret else None)

    # Kept, for each has a token of its own.
    cloud: Cloud = here.remember(("elsewhere", region, verify, secret), _KEPT_SECONDS, make)
    return cloud.service(service_type)


def _credential(here: Cloud, secret: str) -> Mapping[str, Any]:
    """The credential that the owner keeps as a secret; nothing of it is told."""
    name = secret.rstrip("/").rpartition("/")[2]
    path = f"/v1/secrets/{quote(name, safe='')}/payload"
    answer = here.service("key-manager").fetch("GET", path, headers={"Accept": "text/plain"})
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        words = f"the secret {secret} is no credential: a map with auth_type and auth, as JSON, is expected"
        raise PermanentError(words, "ValueError")
    return found
