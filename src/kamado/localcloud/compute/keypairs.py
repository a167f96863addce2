"""Key pairs: made here or brought along, each the property of one user.

Requests of the service. The trap: the private key is in one answer only, the one that made it; since 2.92 Nova makes none.
"""

import base64
import hashlib
import re
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kamado.localcloud.compute.wording import extra, missing, wrong
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "compute.keypairs"
NAME = re.compile(r"^[_\- a-zA-Z0-9]+$")
NAME_292 = re.compile(r"^[_\- a-zA-Z0-9@.]+$")


def generate() -> tuple[str, str]:
    """A new RSA key: (private key as PEM, public key as OpenSSH line)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode() + " Generated-by-Nova"


def fingerprint(public_key: str) -> str:
    """MD5 of the key's data as Nova shows it; 400 when it is no OpenSSH key."""
    parts = public_key.split()
    try:
        if len(parts) < 2:
            raise ValueError
        data = base64.b64decode(parts[1], validate=True)
        serialization.load_ssh_public_key(f"{parts[0]} {parts[1]}".encode())
    except Exception:
        raise Refusal(400, "Keypair data is invalid: failed to generate fingerprint") from None
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def _certificate_print(text: str) -> str:
    from cryptography import x509  # seldom asked for, and as large as the rest of this service

    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise Refusal(
            400, "Keypair data is invalid: failed to generate X509 fingerprint. Error message: not a certificate"
        ) from None
    digest = certificate.fingerprint(hashes.SHA1()).hex()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def of_user(call: Call, user_id: str, name: str) -> Obj | None:
    """A user's key pair of that name."""
    return call.state.get(TABLE, f"{user_id}/{name}")


def _whose(call: Call, given: Any = None) -> str:
    wanted = given or (call.arg("user_id") if of(call) >= (2, 10) else "")
    if wanted and wanted != call.who.user_id and not call.who.is_admin:
        raise call.service.dialect.forbidden(
            "os_compute_api:os-keypairs:create" if given else "os_compute_api:os-keypairs:index"
        )
    return str(wanted or call.who.user_id)


def _find(call: Call) -> Obj:
    user_id, name = _whose(call), call.params["name"]
    found = of_user(call, user_id, name)
    if found is None:
        raise Refusal(404, f"Keypair {name} not found for user {user_id}")
    return found


def _shown(call: Call, obj: Obj) -> Obj:
    view = {name: obj[name] for name in ("name", "public_key", "fingerprint")}
    return view | {"type": obj["type"]} if of(call) >= (2, 2) else view


def listed(call: Call) -> Obj:
    """GET /os-keypairs: the user's own."""
    rows = sorted(call.state.find(TABLE, user_id=_whose(call)), key=lambda k: k["name"])
    return {"keypairs": [{"keypair": _shown(call, k)} for k in rows]}


def read(call: Call) -> Obj:
    """GET /os-keypairs/{name}."""
    obj = _find(call)
    rest = {
        "user_id": obj["user_id"], "created_at": obj["created_at"], "deleted": False, "deleted_at": None, "id": obj["serial"],
        "updated_at": None,
    }  # fmt: skip
    return {"keypair": {**_shown(call, obj), **rest}}


def _given(call: Call) -> Obj:
    body = call.json
    if not isinstance(body, dict) or "keypair" not in body:
        raise Refusal(400, "'keypair' is a required property")
    given: Any = body["keypair"]
    if not isinstance(given, dict):
        raise wrong("keypair", given, f"{given!r} is not of type 'object'")
    known = ["name", "public_key"]
    known += ["type"] if of(call) >= (2, 2) else []
    known += ["user_id"] if of(call) >= (2, 10) else []
    if "name" not in given:
        raise missing("keypair", given, "name")
    if of(call) >= (2, 92) and "public_key" not in given:
        raise missing("keypair", given, "public_key")
    strange = [key for key in given if key not in known]
    if strange:
        raise extra("keypair", given, strange)
    name = given["name"]
    if not isinstance(name, str):
        raise wrong("name", name, f"{name!r} is not of type 'string'")
    pattern = NAME_292 if of(call) >= (2, 92) else NAME
    if not pattern.match(name):
        shown = repr(pattern.pattern)
        raise wrong("name", name, f"{name!r} does not match {shown}" if name else f"{name!r} is too short")
    if len(name) > 255:
        raise wrong("name", name, f"{name!r} is too long")
    if given.get("type", "ssh") not in ("ssh", "x509"):
        raise wrong("type", given["type"], f"{given['type']!r} is not one of ['ssh', 'x509']")
    return given


def create(call: Call) -> Answer:
    """POST /os-keypairs."""
    given = _given(call)
    user_id = _whose(call, given.get("user_id"))
    name, kind = given["name"], given.get("type", "ssh")
    if of_user(call, user_id, name):
        raise Refusal(409, f"Key pair '{name}' already exists.")
    private, public = "", given.get("public_key")
    if public is None:
        if kind == "x509":
            raise Refusal(400, "Keypair data is invalid: this cloud makes no certificates; bring one along")
        private, public = generate()
    held = _certificate_print(public) if kind == "x509" else fingerprint(public)
    limit = call.cloud.quota("compute", call.who.project_id, "key_pairs")
    if 0 <= limit <= len(call.state.find(TABLE, user_id=user_id)):
        raise Refusal(403, "Quota exceeded, too many key pairs.")
    obj = store(call, user_id, name, public, held, kind)
    view = {"name": name, "public_key": public, "fingerprint": held, "user_id": user_id}
    if private:
        view = {"private_key": private, **view}
    if of(call) >= (2, 2):
        view["type"] = obj["type"]
    return Answer(201 if of(call) >= (2, 2) else 200, {"keypair": view})


def store(call: Call, user_id: str, name: str, public: str, held: str, kind: str = "ssh") -> Obj:
    """Keep a key pair; also for seeds."""
    obj = {
        "id": f"{user_id}/{name}", "name": name, "public_key": public.strip(), "fingerprint": held, "user_id": user_id,
        "type": kind, "created_at": call.stamp()[:-1] + ".000000", "serial": call.state.count(TABLE) + 1,
    }  # fmt: skip
    return call.state.put(TABLE, obj)


def delete(call: Call) -> Answer:
    """DELETE /os-keypairs/{name}."""
    obj = _find(call)
    call.state.remove(TABLE, obj["id"])
    return Answer(204 if of(call) >= (2, 2) else 202)
