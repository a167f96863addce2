"""Temporary URLs: whoever knows one may do one thing to one object (or to those with one prefix) until a time.

Checked for each request. A URL is signed with a key of the account or of the container. The trap: a request that carries
``temp_url_sig`` or ``temp_url_expires`` is refused when they do not fit, whatever token it has.
"""

import base64
import hmac
from datetime import UTC, datetime
from urllib.parse import quote

from kamado.localcloud.objectstore.holders import account_of, container_of
from kamado.localcloud.objectstore.places import HTML, Place
from kamado.localcloud.service import Answer, Call, Refusal

DIGESTS = ("sha1", "sha256", "sha512")
_BY_LENGTH = {40: "sha1", 64: "sha256", 128: "sha512"}
_ALSO = {"HEAD": ("HEAD", "GET", "PUT", "POST")}
_TIMES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
_NOT_SENT = ("X-Object-Manifest", "X-Symlink-Target")


def _invalid(call: Call) -> Refusal:
    body = "" if call.method == "HEAD" else "401 Unauthorized: Temp URL invalid\n"
    return Refusal(401, body, headers={"WWW-Authenticate": 'Swift realm="unknown"'})


def check(call: Call, place: Place) -> None:
    """Notes that the request is signed (``signed``, and until when); 401 when the signature is not right. Nothing when there is none."""
    if "temp_url_sig" not in call.query and "temp_url_expires" not in call.query:
        return
    signature, expires = call.arg("temp_url_sig").replace(" ", "+"), _seconds(call.arg("temp_url_expires"))
    if not signature or expires is None or expires < call.now or not place.name:
        raise _invalid(call)
    path = place.path
    if "temp_url_prefix" in call.query:
        prefix = call.arg("temp_url_prefix")
        if not place.name.startswith(prefix):
            raise _invalid(call)
        path = f"prefix:{Place(place.account, place.container).path}/{prefix}"
    digest, mac = _read(signature)
    if not any(
        hmac.compare_digest(mac, hmac.new(key.encode(), f"{method}\n{expires}\n{path}".encode(), digest).digest())
        for key in _keys(call, place)
        for method in _ALSO.get(call.method, (call.method,))
        if digest
    ):
        raise _invalid(call)
    for header in _NOT_SENT:
        if call.method in ("PUT", "POST") and call.header(header):
            raise Refusal(400, f"The header '{header}' is not allowed in this tempurl")
    call.notes["signed"] = expires


def _keys(call: Call, place: Place) -> list[str]:
    container = container_of(call, place) or {"meta": {}}
    holders = (account_of(call, place.account), container)
    return [key for each in holders for name in ("", "-2") if (key := each["meta"].get(f"Temp-Url-Key{name}"))]


def _read(signature: str) -> tuple[str, bytes]:
    """The digest and what it gave; an empty digest for what is no signature."""
    digest, colon, text = signature.partition(":")
    try:
        if colon:
            padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
            return (digest, base64.b64decode(padded)) if digest in DIGESTS else ("", b"")
        return _BY_LENGTH.get(len(signature), ""), bytes.fromhex(signature)
    except ValueError:
        return "", b""


def _seconds(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    for form in _TIMES:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None


def dressed(call: Call, place: Place, answer: Answer) -> Answer:
    """The answer to a signed request: a file name, when it stops being good, and no metadata that is not public."""
    expires = call.notes.get("signed")
    if not expires or answer.status >= 400 or call.method not in ("GET", "HEAD"):
        return answer
    headers = {
        name: value
        for name, value in answer.headers.items()
        if not name.startswith("X-Object-Meta-") or name.startswith("X-Object-Meta-Public-")
    }
    named = quote(call.arg("filename") or place.name.rstrip("/").rpartition("/")[2])
    file = f"filename=\"{named}\"; filename*=UTF-8''{named}"
    if "inline" in call.query:
        headers["Content-Disposition"] = f"inline; {file}" if call.arg("filename") else "inline"
    else:
        headers["Content-Disposition"] = f"attachment; {file}"
    # A date of HTTP ends with the year 9999.
    until = datetime.fromtimestamp(min(expires, 253402300799), UTC)
    headers["Expires"] = until.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return Answer(answer.status, answer.body, headers, answer.raw, answer.media or HTML)
