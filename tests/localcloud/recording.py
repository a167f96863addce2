"""Services of the local cloud beside the real ones: the same requests, and the answers that a real one gave.

A file in `recorded` is a list of exchanges. ``python -m tests.localcloud.recording objectstore`` asks the real service anew and writes its
answers (`KAMADO_REAL_AUTH_URL`: its Keystone; `KAMADO_REAL_SERVICE_URL`: the service, where the catalog lacks it); `test_recorded` plays
the requests to the local cloud and compares. In a request ``{account}`` stands for the project's id and ``{name}`` for what an earlier
answer has given under ``keep``; what differs from run to run (times, ids, tokens) is masked in answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

FOLDER = Path(__file__).parent / "recorded"
HEADERS = frozenset(
    {
        "accept-ranges",
        "content-type",
        "content-length",
        "content-disposition",
        "content-range",
        "etag",
        "x-copied-from",
        "location",
        "www-authenticate",
        "x-container-object-count",
        "x-container-bytes-used",
        "x-container-read",
        "x-container-write",
        "x-versions-location",
        "x-history-location",
        "x-delete-at",
        "expires",
        "allow",
        "retry-after",
    }
)
"""Headers of an answer that are compared, beside metadata."""
_MASKS = (
    (re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"), "<date>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b\d{10}(\.\d{5})\b"), "<stamp>"),
    (re.compile(r"\btx[0-9a-f]{21}-[0-9a-f]{10}\b"), "<trans>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r'(?<="trust_id": ")[0-9a-f]{32}\b|\b[0-9a-f]{64}\b'), "<hex>"),
)
USERS = {"demo": ("demo", "demo"), "alt": ("alt_demo", "alt_demo"), "admin": ("admin", "admin")}


class Place:
    """A cloud: where its service is, and tokens for its users."""

    def __init__(self, auth_url: str, service_type: str, passwords: dict[str, str]) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.auth_url, self.passwords, self.service_type = (
            auth_url.rstrip("/").removesuffix("/v3"),
            passwords,
            service_type,
        )
        self.tokens: dict[str, str] = {}
        self.projects: dict[str, str] = {}
        self.base = ""
        self.known: dict[str, str] = {"unique": uuid.uuid4().hex[:8], "big": "x" * 300_000}
        for who in USERS:
            self._log_in(who)

    def _log_in(self, who: str) -> None:
        name, project = USERS[who]
        user = {"name": name, "domain": {"id": "default"}, "password": self.passwords.get(who, name)}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": project, "domain": {"id": "default"}}},
            }
        }
        answer = self.http.post(f"{self.auth_url}/v3/auth/tokens", json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        self.tokens[who] = answer.headers["X-Subject-Token"]
        self.projects[who] = token["project"]["id"]
        self.known |= {f"{who}_project": token["project"]["id"], f"{who}_user": token["user"]["id"]}
        endpoints = [each["endpoints"] for each in token["catalog"] if each["type"] == self.service_type]
        urls = [each["url"] for group in endpoints for each in group if each["interface"] == "public"]
        url = os.environ.get("KAMADO_REAL_SERVICE_URL") or urls[0]
        self.base = re.match(r"https?://[^/]+", url)[0]  # type: ignore[index]

    def fill(self, value: Any) -> Any:
        """Placeholders filled in."""
        if isinstance(value, str):
            filled = re.sub(r"\{(\w+)\}", lambda found: self.known.get(found[1], found[0]), value)
            return re.sub(r"\{in(-?\d+)\}", lambda found: str(int(time.time()) + int(found[1])), filled)
        if isinstance(value, dict):
            return {self.fill(key): self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        return value

    def ask(self, step: dict[str, Any]) -> dict[str, Any]:
        """One exchange; the answer as it is recorded."""
        who = step.get("as", "demo")
        self.known |= {"account": self.projects.get(who, self.projects["demo"]), "soon": str(int(time.time()) + 600)}
        headers = self.fill(step.get("headers", {}))
        path = self.fill(step["path"])
        if who in self.tokens:
            headers = {"X-Auth-Token": self.tokens[who], **headers}
        if "signed" in step:
            path = self._signed(path, self.fill(step["signed"]))
        body: Any = self.fill(step.get("body"))
        data = json.dumps(body).encode() if "body" in step else self.fill(step.get("data", "")).encode() or None
        if "body" in step:
            headers.setdefault("Content-Type", "application/json")
        answer = self.http.request(
            step["method"], self.base + path, headers=headers, data=data, allow_redirects=False, timeout=60
        )
        for name, where in step.get("keep", {}).items():
            self.known[name] = found = self._found(answer, where)
            self.known[f"{name}_id"] = found.rpartition("/")[2]
            if found.startswith("http"):
                self.known[f"{name}_path"] = re.sub(r"^https?://[^/]+", "", found)
        return self._shown(answer)

    def _signed(self, path: str, how: dict[str, Any]) -> str:
        digest, key, expires = how.get("digest", "sha256"), how["key"], str(how.get("expires", self.known["soon"]))
        signed = how.get("path", path)
        text = "\n".join((how["method"], expires, signed))
        mac = hmac.new(key.encode(), text.encode(), getattr(hashlib, digest))
        seal = mac.hexdigest()
        if how.get("form") == "base64":
            seal = f"{digest}:{base64.urlsafe_b64encode(mac.digest()).decode()}"
        more = how.get("more", "")
        return f"{quote(path)}?temp_url_sig={quote(seal, safe='')}&temp_url_expires={quote(expires)}{more}"

    @staticmethod
    def _found(answer: requests.Response, where: str) -> str:
        value: Any = answer.json()
        for part in where.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value if isinstance(value, str) else json.dumps(value)

    def _shown(self, answer: requests.Response) -> dict[str, Any]:
        shown = {
            name.lower(): self._masked(value)
            for name, value in sorted(answer.headers.items())
            if name.lower() in HEADERS or "-meta-" in name.lower()
        }
        masked = self._masked(answer.text)
        if (
            masked != answer.text or shown.get("content-length") == "0"
        ):  # a server may leave it out where there is no body
            shown.pop("content-length", None)
        found: dict[str, Any] = {"status": answer.status_code, "headers": shown}
        if answer.text:
            try:
                found["json"] = _settled(json.loads(masked))
            except ValueError:
                found["text"] = masked
        return found

    def _masked(self, text: str) -> str:
        for name, value in self.known.items():
            if len(value) > 7 and name not in ("soon", "exp") and not name.endswith("_id"):
                text = text.replace(value, f"<{name.removeprefix('demo_').replace('account', 'project')}>")
        text = text.replace(self.base, "<base>").replace(self.auth_url, "<keystone>")
        for pattern, word in _MASKS:
            text = pattern.sub(word, text)
        return text


def _settled(value: Any) -> Any:
    """JSON without what time makes of it."""
    if isinstance(value, dict):
        return {key: "<age>" if key in ("age",) else _settled(each) for key, each in value.items()}
    return [_settled(each) for each in value] if isinstance(value, list) else value


def exchanges(name: str) -> dict[str, Any]:
    """What is recorded of a service: ``service`` (its type in the catalog) and ``exchanges``."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def record(name: str) -> None:
    """Asks the real service anew."""
    file = exchanges(name)
    place = Place(os.environ["KAMADO_REAL_AUTH_URL"], file["service"], {"alt": "demo"})
    for step in file["exchanges"]:
        step["answer"] = place.ask(step)
    (FOLDER / f"{name}.json").write_text(dump(file))


def dump(file: dict[str, Any]) -> str:
    """One exchange a line or two."""
    lines = []
    for step in file["exchanges"]:
        asked = {key: value for key, value in step.items() if key != "answer"}
        lines.append(json.dumps(asked)[:-1] + ',\n  "answer": ' + json.dumps(step.get("answer")) + "}")
    return json.dumps({"service": file["service"]})[:-1] + ', "exchanges": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    for each in sys.argv[1:]:
        record(each)
