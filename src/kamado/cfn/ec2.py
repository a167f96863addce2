"""Who signed a request, as EC2's clients sign them: Keystone has the keys, so it is asked.

Called by `app` for each request. The trap: the signature covers what the client saw as host and path, so both are handed on as they
came, the path unquoted, as it is when it was signed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from falcon import Request

from kamado.cfn.errors import CfnError
from kamado.cloud.failures import CloudError


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose keys signed a request, and the project that they are for. ``trace``: the ``traceparent`` of the request, for whoever traces."""

    user_id: str
    project_id: str
    roles: tuple[str, ...]
    trace: str = ""


class Identity(Protocol):
    """Keystone, as the service user sees it."""

    def post(self, path: str, **options: Any) -> Any:
        """One call; raises CloudError."""


_WORDS = (
    ("access key not found", "InvalidClientTokenId", "The certificate or AWS Key ID provided does not exist"),
    ("signature", "SignatureDoesNotMatch", "Signature provided does not match"),
)
"""What Keystone says → code and words of the refusal."""


def signer(req: Request, identity: Identity, body: bytes, form: Mapping[str, str] | None = None) -> Signer:
    """Who signed a request; ``form``: parameters that it has in its body. Raises CfnError."""
    params = parameters(req, form)
    authorization = req.get_header("Authorization") or ""
    signature = params.pop("Signature", None) or params.get("X-Amz-Signature") or _part(authorization, "Signature")
    if not signature:
        raise CfnError(400, "IncompleteSignature", "The request signature does not conform to AWS standards")
    access = (
        params.get("AWSAccessKeyId")
        or params.get("X-Amz-Credential", "").partition("/")[0]
        or _part(authorization, "Credential").partition("/")[0]
    )
    if not access:
        raise CfnError(403, "MissingAuthenticationToken", "Does not contain a valid AWS Access Key or certificate")
    given = {
        "access": access,
        "signature": signature,
        "host": req.get_header("Host") or req.netloc,
        "verb": req.method,
        "path": req.path,
        "params": params,
        "headers": dict(req.headers),
        "body_hash": hashlib.sha256(body).hexdigest(),
    }
    try:
        token = identity.post("/v3/ec2tokens", json={"ec2Credentials": given})["token"]
    except CloudError as error:
        raise _refused(error) from error
    roles = tuple(role["name"] for role in token.get("roles", ()))
    project_id = str((token.get("project") or {}).get("id", ""))
    return Signer(str(token["user"]["id"]), project_id, roles, req.env.get("kamado.traceparent", ""))


def parameters(req: Request, form: Mapping[str, str] | None = None) -> dict[str, str]:
    """The parameters of a request, those of its address and of a form in its body; of several of one name the last."""
    found = {name: value[-1] if isinstance(value, list) else value for name, value in req.params.items()}
    return found | dict(form or {})


def _part(header: str, name: str) -> str:
    found = re.search(rf"\b{name}=([^,\s]+)", header)
    return found.group(1) if found else ""


def _refused(error: CloudError) -> CfnError:
    if error.status not in (401, 403, 404):
        return CfnError(503, "ServiceUnavailable", "The identity service does not answer")
    said = error.message.lower()
    for words, code, message in _WORDS:
        if words in said:
            return CfnError(403, code, message)
    return CfnError(403, "AccessDenied", "User is not authorized to perform action")
