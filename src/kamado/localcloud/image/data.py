"""The data of images: upload, download, staging, the import methods, and deactivation.

Called through `image.SERVICE`. Data of up to `KEPT_BYTES` is kept and can be downloaded; of more only size and hashes are. The
trap: `web-download` fetches nothing; what it imports is the text of the address, so that size, hashes and download agree.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping

from kamado.localcloud.image.images import DATA, TABLE, allow, changed, find, own
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

KEPT_BYTES = 32 * 1024 * 1024
STREAM = "application/octet-stream"
# how a stream begins when it is of a format that can be told
MAGIC: Mapping[str, bytes] = {"qcow2": b"QFI\xfb", "vmdk": b"KDMV", "vhdx": b"vhdxfile", "vhd": b"conectix"}


def _stream(call: Call) -> bytes:
    kind = call.header("Content-Type").partition(";")[0].strip()
    if kind != STREAM:
        text = f"The request media type {kind} is not supported by this server.\n\nInvalid content type {kind}"
        raise Refusal(415, text)
    return call.raw


def _measured(data: bytes) -> Obj:
    return {
        "size": len(data),
        "virtual_size": len(data),
        "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(data).hexdigest(),
    }


def _formatted(image: Obj, data: bytes) -> None:
    """Refuse (415) data that is plainly not of the image's format."""
    wanted = image["disk_format"]
    found = next((name for name, magic in MAGIC.items() if data.startswith(magic)), "raw")
    if wanted in MAGIC and found != wanted:
        raise Refusal(
            415,
            "The request media type application/octet-stream is not supported by this server.\n\n"
            f"Image disk_format {wanted} does not match stream data {found}",
        )


def _keep(call: Call, image_id: str, data: bytes) -> None:
    if len(data) <= KEPT_BYTES:
        call.state.put(DATA, {"id": image_id, "data": b64encode(data).decode()})


def store(call: Call, image: Obj, data: bytes, pending: str) -> Obj:
    """Give an image its data: `pending` first when builds are set to take time, then active (or killed); also for seeds."""
    build = call.cloud.faults.next_build(TABLE)
    if build.fail:
        end: Obj = {"status": "killed" if pending == "saving" else "queued"}
    else:
        _keep(call, image["id"], data)
        end = {"status": "active", **_measured(data)}
    seconds = build.seconds or 0.0
    if seconds <= 0 and build.reads <= 0:
        return changed(call, image, **end)
    changed(call, image, status=pending)
    return call.state.later(TABLE, image["id"], call.now + seconds, end, build.reads)


def upload(call: Call) -> Answer:
    """PUT /v2/images/{image_id}/file."""
    data = _stream(call)
    image = own(call, "upload_image")
    if image["status"] != "queued":
        raise Refusal(409, f"Image status transition from {image['status']} to saving is not allowed")
    _need_formats(image)
    _formatted(image, data)
    store(call, image, data, "saving")
    return Answer(204)


def _need_formats(image: Obj) -> None:
    missing = [name for name in ("container_format", "disk_format") if image[name] is None]
    if missing:
        raise Refusal(400, f"Properties {', '.join(missing)} must be set prior to saving data.")


def download(call: Call) -> Answer:
    """GET /v2/images/{image_id}/file."""
    image = find(call)
    allow(call, "download_image")
    if image["status"] == "deactivated" and not call.who.is_admin:
        raise Refusal(403, "The requested image has been deactivated. Image data download is forbidden.")
    kept = call.state.get(DATA, image["id"])
    if image["status"] != "active" or kept is None:
        return Answer(204)
    data = b64decode(kept["data"])
    return Answer(200, None, {"Content-MD5": image["checksum"]}, data, STREAM)


def stage(call: Call) -> Answer:
    """PUT /v2/images/{image_id}/stage: data that waits for the import `glance-direct`."""
    data = _stream(call)
    image = own(call, "modify_image")
    if image["status"] != "queued":
        raise Refusal(409, f"Image status transition from {image['status']} to uploading is not allowed")
    call.state.put(DATA, {"id": f"{image['id']}/staged", "data": b64encode(data).decode()})
    changed(call, image, status="uploading", size=len(data))
    return Answer(204)


def import_data(call: Call) -> Answer:
    """POST /v2/images/{image_id}/import."""
    body = call.json if isinstance(call.json, dict) else {}
    method = body.get("method")
    if not isinstance(method, dict) or "name" not in method:
        raise Refusal(400, "Import request requires a 'name' field.")
    image = own(call, "modify_image")
    importer = IMPORTERS.get(method["name"])
    if importer is None:
        raise Refusal(400, f"Unknown import method name '{method['name']}'.")
    importer(call, image, method)
    return Answer(202)


def _web_download(call: Call, image: Obj, method: Obj) -> None:
    uri = method.get("uri")
    if not isinstance(uri, str) or not uri.startswith(("http://", "https://")):
        raise Refusal(400, f"URI for web-download does not pass filtering: {uri}")
    if image["status"] != "queued":
        raise Refusal(409, "Image needs to be in 'queued' state to use 'web-download' method")
    _importable(image)
    store(call, image, uri.encode(), "importing")


def _glance_direct(call: Call, image: Obj, method: Obj) -> None:
    if image["status"] != "uploading":
        raise Refusal(409, "Image needs to be staged before 'glance-direct' method can be used")
    _importable(image)
    staged = call.state.remove(DATA, f"{image['id']}/staged") or {"data": ""}
    store(call, image, b64decode(staged["data"]), "importing")


def _copy_image(call: Call, image: Obj, method: Obj) -> None:
    if image["status"] != "active":
        raise Refusal(409, "Only images with status active can be targeted for copying")


def _importable(image: Obj) -> None:
    for name in ("container_format", "disk_format"):
        if image[name] is None:
            raise Refusal(409, f"'{name}' needs to be set before import")


IMPORTERS = {"web-download": _web_download, "glance-direct": _glance_direct, "copy-image": _copy_image}


def deactivate(call: Call) -> Answer:
    """POST /v2/images/{image_id}/actions/deactivate."""
    return _switch(call, "deactivate", ("active", "deactivated"), "deactivated")


def reactivate(call: Call) -> Answer:
    """POST /v2/images/{image_id}/actions/reactivate."""
    return _switch(call, "reactivate", ("active", "deactivated"), "active")


def _switch(call: Call, verb: str, allowed: tuple[str, ...], status: str) -> Answer:
    image = own(call, verb)
    if image["status"] not in allowed:
        raise Refusal(403, f"Not allowed to {verb} image in status '{image['status']}'")
    changed(call, image, status=status)
    return Answer(204)


_ONE = "/v2/images/{image_id}"
ROUTES = (
    Route("PUT", _ONE + "/file", upload, body="raw"),
    Route("GET", _ONE + "/file", download),
    Route("PUT", _ONE + "/stage", stage, body="raw"),
    Route("POST", _ONE + "/import", import_data),
    Route("POST", _ONE + "/actions/deactivate", deactivate, body="none"),
    Route("POST", _ONE + "/actions/reactivate", reactivate, body="none"),
)
