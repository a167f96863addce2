"""POST /v3/ec2tokens: a signed request of the EC2 kind becomes a token, when the signature is right.

Called through `identity.SERVICE`, by whoever serves such requests (the CloudFormation API, signals) with a service's token: like
the real Keystone of today it refuses callers that are neither administrator nor service. The trap: what is signed differs by
version (HMAC of the parameters for 0, 1 and 2; the AWS4 chain over a canonical request for 4), and clients disagree on
whether the port belongs to the host, so both are tried.
"""

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from kamado.localcloud.identity.auth import denied, scope_token, token_answer, usable
from kamado.localcloud.identity.credentials import KEPT, ec2_id
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj


def _mac(key: bytes, message: str, digest: str = "sha256") -> bytes:
    return hmac.new(key, message.encode(), digest).digest()


def _escaped(value: Any) -> str:
    return quote(str(value), safe="-_.~")


def _canonical_query(params: Mapping[str, Any]) -> str:
    return "&".join(f"{_escaped(k)}={_escaped(params[k])}" for k in sorted(params))


def _version_0(secret: bytes, request: Obj) -> str:
    params = request["params"]
    signed = str(params.get("Action", "")) + str(params.get("Timestamp", ""))
    return b64encode(_mac(secret, signed, "sha1")).decode()


def _version_1(secret: bytes, request: Obj) -> str:
    params = request["params"]
    signed = "".join(k + str(params[k]) for k in sorted(params, key=str.lower))
    return b64encode(_mac(secret, signed, "sha1")).decode()


def _version_2(secret: bytes, request: Obj) -> str:
    params = {k: v for k, v in request["params"].items() if k != "Signature"}
    digest = "sha1" if params.get("SignatureMethod") == "HmacSHA1" else "sha256"
    signed = "\n".join((request["verb"], request["host"], request["path"], _canonical_query(params)))
    return b64encode(_mac(secret, signed, digest)).decode()


def _version_4(secret: bytes, request: Obj) -> str:
    headers = {k.lower(): v for k, v in (request.get("headers") or {}).items()}
    params = request["params"]
    authorization = str(headers.get("authorization", ""))
    found = re.search(r"Credential=([^,\s]+)", authorization)
    credential = found.group(1) if found else str(params.get("X-Amz-Credential", ""))
    found = re.search(r"SignedHeaders=([^,\s]+)", authorization)
    names = (found.group(1) if found else str(params.get("X-Amz-SignedHeaders", ""))).split(";")
    scope = credential.split("/")[1:]
    if len(scope) != 4:
        return ""
    if "host" in headers:
        headers["host"] = request["host"]
    query = {} if request["verb"] == "POST" else {k: v for k, v in params.items() if k != "X-Amz-Signature"}
    lines = (
        request["verb"],
        request["path"],
        _canonical_query(query),
        "".join(f"{name}:{' '.join(str(headers.get(name, '')).split())}\n" for name in names),
        ";".join(names),
        request.get("body_hash") or hashlib.sha256(b"").hexdigest(),
    )
    when = str(headers.get("x-amz-date") or params.get("X-Amz-Date", ""))
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = b"AWS4" + secret
    for part in scope:
        key = _mac(key, part)
    return _mac(key, "\n".join(("AWS4-HMAC-SHA256", when, "/".join(scope), hashed))).hex()


VERSIONS: Mapping[str, Callable[[bytes, Obj], str]] = {
    "0": _version_0,
    "1": _version_1,
    "2": _version_2,
    "4": _version_4,
}


def _version(request: Obj) -> str:
    headers = {k.lower(): str(v) for k, v in (request.get("headers") or {}).items()}
    params = request["params"]
    if headers.get("authorization", "").startswith("AWS4") or params.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256":
        return "4"
    return str(params.get("SignatureVersion", "0"))


def signed_right(secret: str, request: Obj) -> bool:
    """Whether `request["signature"]` is what the secret gives for the request's verb, host, path, params and headers."""
    sign = VERSIONS.get(_version(request))
    given = str(request.get("signature") or "")
    if sign is None or not given:
        return False
    hosts = dict.fromkeys([request["host"], request["host"].partition(":")[0]])
    return any(hmac.compare_digest(sign(secret.encode(), {**request, "host": h}), given) for h in hosts)


def create_token(call: Call) -> Answer:
    """POST /v3/ec2tokens."""
    if not (call.who.is_admin or "service" in call.who.roles):
        raise call.service.dialect.forbidden("ec2tokens_validate")
    body = call.json if isinstance(call.json, dict) else {}
    given = body.get("credentials") or body.get("ec2Credentials")
    if not isinstance(given, dict) or not given.get("access"):
        raise denied(call)
    credential = call.state.get(KEPT, ec2_id(str(given["access"])))
    if credential is None or credential["type"] != "ec2":
        raise Refusal(404, "EC2 access key not found.")
    blob = json.loads(credential["blob"]) if isinstance(credential["blob"], str) else credential["blob"]
    request: Obj = {"verb": "", "host": "", "path": "", **given, "params": given.get("params") or {}}
    if not signed_right(str(blob.get("secret", "")), request):
        raise Refusal(401, "EC2 signature not supplied." if not given.get("signature") else "Invalid EC2 signature.")
    user = usable(call, call.state.get("identity.users", credential["user_id"]))
    scope = {"project": {"id": credential["project_id"]}}
    if blob.get("trust_id"):
        scope = {"OS-TRUST:trust": {"id": blob["trust_id"]}}
        trust = call.state.get("identity.trusts", blob["trust_id"]) or {}
        user = usable(call, call.state.get("identity.users", trust.get("trustee_user_id", "")))
    return token_answer(call, scope_token(call, {"user": user}, scope, {"methods": ["ec2credential"]}), 200)


ROUTES = (Route("POST", "/v3/ec2tokens", create_token),)
