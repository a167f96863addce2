"""One case run at one place: what a client sees after each step, with ids, addresses and times masked, as plain data.

`test_against_heat.py` runs each case at Kamado and at a real Heat that work on the same cloud, and compares the two records. A case
is data (`cases/*.yaml`): steps that are requests; the word RUN in it becomes a name of its own at each place, so that both
can be at work at the same time. The trap: whatever is compared has to be the same for two runs at one place, too.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3
from tests.template.tables import orderly

SECONDS = 300
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MASKS = (
    (re.compile(r"req-<id>"), "<request>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hex>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hex>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "<time>"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){15}[0-9a-f]{2}\b"), "<fingerprint>"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "<mac>"),
    *([(re.compile(r"((?:RUN|<short>|<drawn \d+>)[\w.-]*?-)[a-z0-9]{12}\b"), r"\1<short>")] * 4),
    (re.compile(r"\bhost-\d+-\d+-\d+-\d+\b"), "<host>"),
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "<url>"),
)
_DRAWN = re.compile(r"[a-z0-9]{12}")
_CHILD = re.compile(r"CHILD\((\w+)\)")
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])(?!/)")
_LISTS = frozenset(("resources", "unchanged", "updated", "replaced", "added", "deleted", "outputs"))
_PROSE = frozenset(("description", "Description"))
PLACE = re.compile(r" \((at [^()]+|[^()]+, line \d+, column \d+)\)$")
_IN_CLOUD: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "OS::Neutron::Net": ("network", ("/v2.0/networks/{id}",)),
    "OS::Neutron::Subnet": ("network", ("/v2.0/subnets/{id}",)),
    "OS::Neutron::Port": ("network", ("/v2.0/ports/{id}",)),
    "OS::Neutron::Router": ("network", ("/v2.0/routers/{id}", "/v2.0/ports?device_id={id}&fields=device_owner")),
    "OS::Neutron::FloatingIP": ("network", ("/v2.0/floatingips/{id}",)),
    "OS::Neutron::SecurityGroup": ("network", ("/v2.0/security-groups/{id}",)),
    "OS::Neutron::SecurityGroupRule": ("network", ("/v2.0/security-group-rules/{id}",)),
    "OS::Nova::Server": ("compute", ("/servers/{id}", "/servers/{id}/os-interface")),
    "OS::Nova::KeyPair": ("compute", ("/os-keypairs/{id}",)),
    "OS::Nova::Flavor": ("compute", ("/flavors/{id}", "/flavors/{id}/os-extra_specs")),
    "OS::Nova::ServerGroup": ("compute", ("/os-server-groups/{id}",)),
    "OS::Cinder::Volume": ("volumev3", ("/volumes/{id}",)),
    "OS::Glance::WebImage": ("image", ("/v2/images/{id}",)),
    "OS::Keystone::Project": ("identity", ("/projects/{id}",)),
    "OS::Keystone::User": ("identity", ("/users/{id}", "/role_assignments?user.id={id}")),
    "OS::Keystone::Role": ("identity", ("/roles/{id}",)),
}
_VOLATILE = frozenset(
    ("links", "id", "stack_owner", "user_project_id", "parent", "creation_time", "updated_time", "deletion_time")
)
_VOLATILE_IN_CLOUD = frozenset(
    (
        *("revision_number", "created_at", "updated_at", "created", "updated", "OS-SRV-USG:launched_at", "links"),
        *("OS-EXT-SRV-ATTR:instance_name", "OS-EXT-SRV-ATTR:reservation_id", "segments", "provider:segmentation_id"),
        *("progress", "file", "schema", "self", "host", "hostId", "metadata_proxy", "adminPass", "public_key"),
        *("fingerprint", "private_key", "standard_attr_id", "OS-DCF:diskConfig", "binding:vif_details"),
    )
)


@dataclass(frozen=True)
class Account:
    """A user's session, and where the stacks of that user are served when it is not where the catalog says."""

    session: session.Session
    api: str
    signals: int | None = None
    """The port of its CloudFormation API when that is not the one in signed addresses."""

    @classmethod
    def make(
        cls, auth_url: str, user: str, password: str, project: str, api: str | None, signals: int | None = None
    ) -> Account:
        """Log in. ``api``: base address up to and with `/v1`; None: the catalog's."""
        keystone = session.Session(
            v3.Password(
                auth_url,
                username=user,
                password=password,
                project_name=project,
                user_domain_id="default",
                project_domain_id="default",
            )
        )
        if api is None:
            url = str(keystone.get_endpoint(service_type="orchestration", interface="public")).rstrip("/")
        else:
            url = f"{api}/{keystone.get_project_id()}"
        return cls(keystone, url, signals)

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """One request to the stacks' API. A new connection each time: some servers drop kept ones."""
        headers = {"X-Auth-Token": self.session.get_token(), "Accept": "application/json", "Connection": "close"}
        data = None if body is None else body if isinstance(body, str) else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        url = path if path.startswith("http") else self.api + path
        answer = None
        for _ in range(4):
            try:
                answer = requests.request(method, url, data=data, headers=headers, allow_redirects=False, timeout=120)
            except requests.ConnectionError:
                time.sleep(0.5)
                continue
            if (
                answer.status_code != 500 or "RemoteError" not in answer.text
            ):  # often a service that dropped Heat's call
                return answer
        assert answer is not None, f"{method} {url}: no answer"
        return answer

    def get(self, path: str) -> Any:
        """A body, redirects followed; None when it is not there."""
        answer = self.call("GET", path)
        if answer.status_code in (301, 302):
            answer = self.call("GET", answer.headers["Location"])
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Run:
    """A case at one place. ``name`` stands for RUN; ``ids`` collects what is masked by which word."""

    account: Account
    name: str
    ids: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    literal: str = ""

    def case(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """Run all steps; the record, by step."""
        text = json.dumps(case["steps"]).replace("RUN", self.name)
        self.literal = text
        record: dict[str, Any] = {}
        try:
            for number, step in enumerate(json.loads(text)):
                ((kind, what),) = step.items()
                record[f"{number + 1} {kind}"] = getattr(self, f"do_{kind.replace(' ', '_')}")(what or {})
        finally:
            left = self._tidy()
        record["left in the cloud"] = left
        return json.loads(self.mask(json.dumps(record)))

    def do_create(self, what: Mapping[str, Any]) -> Any:
        """POST /stacks, which has to be accepted, and wait."""
        body = {"stack_name": self.name, "disable_rollback": True, "timeout_mins": 10, **what}
        answer = self.account.call("POST", "/stacks", body)
        assert answer.status_code == 201, f"{self.account.api}: {answer.text}"
        return self._asked(answer)

    def do_refused(self, what: Mapping[str, Any]) -> Any:
        """POST a stack that should not come to be; when it does, only its end is looked at, and it is deleted."""
        answer = self.account.call("POST", "/stacks", {"stack_name": self.name, "disable_rollback": True, **what})
        seen: dict[str, Any] = {"answer": self._answer(answer)}
        self._undo(answer, seen)
        return seen

    def _undo(self, answer: requests.Response, seen: dict[str, Any]) -> None:
        if answer.status_code != 201:
            return
        path = str(answer.json()["stack"]["links"][0]["href"])
        self.ids[path.rsplit("/", 1)[-1]] = "stack"
        stack = self._settled(path)
        seen["status"] = stack and (stack["stack_status"], stack["stack_status_reason"])
        self.account.call("DELETE", path)
        self._settled(path, "DELETE")
        self._name_is_free(path)

    def do_update(self, what: Mapping[str, Any], method: str = "PUT") -> Any:
        """PUT the stack and wait; ``id`` is put into the path as clients do after the redirect."""
        body = {"disable_rollback": True, "timeout_mins": 10, **what}
        return self._asked(self.account.call(method, self._path(), body))

    def do_patch(self, what: Mapping[str, Any]) -> Any:
        """PATCH the stack and wait."""
        return self._asked(self.account.call("PATCH", self._path(), dict(what)))

    def do_action(self, what: Mapping[str, Any]) -> Any:
        """POST an action and wait."""
        return self._asked(self.account.call("POST", f"{self._path()}/actions", dict(what)))

    def do_delete(self, what: Mapping[str, Any]) -> Any:
        """DELETE the stack and wait until it is gone or has failed."""
        path = self._path()
        answer = self.account.call("DELETE", path)
        stack = self._settled(path, "DELETE")
        if stack is None:
            self._name_is_free(path)
        return {"answer": self._answer(answer), "stack": stack, "cloud": self._cloud()}

    def do_begin(self, what: Mapping[str, Any]) -> Any:
        """A request like create that is not waited for; ``after`` seconds later the next step comes."""
        after = float(what.pop("after", 2)) if isinstance(what, dict) else 2.0
        body = {"stack_name": self.name, "disable_rollback": True, **what}
        answer = self.account.call("POST", "/stacks", body)
        time.sleep(after)
        return {"answer": self._answer(answer)}

    def do_request(self, what: Mapping[str, Any]) -> Any:
        """Any request; STACK in the path becomes /stacks/NAME/ID, CHILD(name) the same of the stack that the resource is."""
        path = str(what["path"])
        if "STACK" in path:
            path = path.replace("STACK", self._path())
        path = _CHILD.sub(lambda found: self._child(found[1]), path)
        answer = self.account.call(str(what.get("method", "GET")), path, what.get("body"))
        seen: dict[str, Any] = {"answer": self._answer(answer)}
        if what.get("method") == "POST" and path == "/stacks":
            self._undo(answer, seen)
        return {"status": answer.status_code} if "status" in what else seen

    def do_signed(self, what: Mapping[str, Any]) -> Any:
        """POST (or ``method``) to the signed address that the output ``output`` is; then wait until the resource ``group`` has so many
        ``members``.
        """
        shown = self.account.get(f"{self._path()}/outputs/{what['output']}")["output"]["output_value"]
        parts = urlsplit(shown)
        ours = self.account.signals is not None and "/AUTH_" not in parts.path  # else it leads to the object store
        port = self.account.signals if ours else parts.port
        url = urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))
        method = str(what.get("method", "POST"))
        seen: dict[str, Any] = {"status": self._sent(method, url, what.get("body", {}), parts.netloc)}
        if "group" in what:
            seen["members"] = self._grown(what["group"], what["members"])
        return seen | self._at_rest(self._path())

    def _sent(self, method: str, url: str, body: Any, host: str) -> int:
        headers = {"Host": host, "Connection": "close"}
        for _ in range(4):
            try:
                return requests.request(method, url, json=body, headers=headers, timeout=120).status_code
            except requests.ConnectionError:
                time.sleep(0.5)
        raise AssertionError(f"{url}: no answer")

    def _grown(self, group: str, members: int) -> int:
        """How many members there are that are made, once there are so many or after a minute."""
        end = time.monotonic() + 60
        while True:
            rows = self.account.get(f"{self._path()}/resources?nested_depth=2")["resources"]
            inside = [row["resource_status"] for row in rows if row.get("parent_resource") == group]
            child = self.account.get(self._child(group))["stack"]["stack_status"]
            still = not child.endswith("_IN_PROGRESS")
            if (still and len(inside) == members) or time.monotonic() > end:
                time.sleep(4)  # Heat is busy with a signal for a while after its work shows
                return len(inside)
            time.sleep(0.3)

    def do_gone(self, name: str) -> Any:
        """Delete what the resource ``name`` is in the cloud, behind the stack's back."""
        for (physical, kind), known in self.seen.items():
            if known == name and self.last.get(name) == physical:
                service, paths = _IN_CLOUD[kind]
                path = paths[0].format(id=physical)
                self._cloud_call("DELETE", service, path)
                end = time.monotonic() + 60
                while self._cloud_call("GET", service, path).status_code != 404 and time.monotonic() < end:
                    time.sleep(0.3)

    def do_port_on(self, name: str) -> Any:
        """Make a port on the network that ``name`` is, as a stranger would."""
        body = {"port": {"network_id": self.last[name], "name": f"{self.name}-stranger"}}
        found = self._cloud_call("POST", "network", "/v2.0/ports", body).json()["port"]["id"]
        self.seen[(found, "OS::Neutron::Port")] = "stranger"
        self.ids[found] = "stranger"

    def _cloud_call(self, method: str, service: str, path: str, body: Any = None) -> requests.Response:
        answer: requests.Response = self.account.session.request(
            path,
            method,
            endpoint_filter={"service_type": service, "interface": "public"},
            raise_exc=False,
            connect_retries=5,
            json=body,
        )
        return answer

    def _child(self, name: str) -> str:
        shown = self.account.get(f"{self._path()}/resources/{name}")["resource"]
        return "/stacks/" + _link(shown, "nested").split("/stacks/")[1]

    def _path(self) -> str:
        found = self.account.get(f"/stacks/{self.name}")
        return f"/stacks/{self.name}/{found['stack']['id']}" if found else f"/stacks/{self.name}/none"

    def _asked(self, answer: requests.Response) -> Any:
        seen: dict[str, Any] = {"answer": self._answer(answer)}
        if answer.status_code >= 400:
            return seen
        return seen | self._at_rest(self._path())

    def _at_rest(self, path: str) -> dict[str, Any]:
        """Everything there is to see of a stack once nothing is in progress."""
        self.ids[path.rsplit("/", 1)[-1]] = "stack"
        stack = self._settled(path)
        if stack is None:
            return {"stack": None, "cloud": self._cloud()}
        seen: dict[str, Any] = {"stack": stack}
        seen["resources"] = self._resources(path)
        seen["nested"] = self._nested(path)
        seen["events"] = self._events(path)
        seen["template"] = self.account.get(f"{path}/template")
        seen["cloud"] = self._cloud()
        return seen

    def _settled(self, path: str, only: str = "") -> Any:
        end = time.monotonic() + SECONDS
        pause = 0.1
        while time.monotonic() < end:
            found = self.account.get(path)
            if found is None:
                return None
            stack = found["stack"]
            status = stack["stack_status"]
            if not status.endswith("_IN_PROGRESS") and status.startswith(only):
                if status == "DELETE_COMPLETE":
                    return None
                return {
                    key: sorted(value, key=lambda output: str(output["output_key"])) if key == "outputs" else value
                    for key, value in stack.items()
                    if key not in _VOLATILE
                } | {"times": {key: stack.get(key) is not None for key in _VOLATILE if key.endswith("_time")}}
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        raise AssertionError(f"{path} did not end: {found}")

    def _name_is_free(self, path: str) -> None:
        """Heat says DELETE_COMPLETE of a stack some time before its name can be used again."""
        end = time.monotonic() + 60
        while self.account.get(path.rsplit("/", 1)[0]) is not None and time.monotonic() < end:
            time.sleep(0.2)

    def _resources(self, path: str) -> Any:
        record: dict[str, Any] = {}
        listed = self.account.get(f"{path}/resources")["resources"]
        for row in sorted(
            listed, key=lambda row: str(row["resource_name"])
        ):  # the first of two that share an id names it
            name, physical = row["resource_name"], row["physical_resource_id"]
            shown = self.account.get(f"{path}/resources/{name}")["resource"]
            kept = {key: value for key, value in shown.items() if key not in _VOLATILE}
            kept["physical_resource_id"] = self._identity(name, physical, row["resource_type"])
            kept["required_by"] = sorted(kept["required_by"])
            kept["attributes"] = _still(kept.get("attributes"))
            record[name] = kept
        return record

    def _nested(self, path: str) -> Any:
        """What the nested stacks have, at any depth, by the names that lead there (`g.0`), with its history."""
        rows = self.account.get(f"{path}/resources?nested_depth=5")["resources"]
        names = {_link(row, "stack"): "" for row in rows if not row.get("parent_resource")}
        for _ in range(5):
            names |= {
                nested: f"{names[_link(row, 'stack')]}{row['resource_name']}."
                for row in rows
                if (nested := _link(row, "nested")) and _link(row, "stack") in names
            }
        inside = {
            f"{names[_link(row, 'stack')]}{self._drawn(row['resource_name'])}": row
            for row in sorted(rows, key=lambda row: str(row.get("creation_time")))
            if row.get("parent_resource")
        }
        record: dict[str, Any] = {}
        for name, row in sorted(inside.items()):
            physical = self._identity(name, row["physical_resource_id"], row["resource_type"])
            kept = {key: row[key] for key in row if key not in _VOLATILE}
            record[name] = {**kept, "physical_resource_id": physical, "required_by": sorted(row["required_by"])}
        for event in self.account.get(f"{path}/events?nested_depth=5")["events"] if inside else ():
            stack = next((name for link, name in names.items() if link and _link(event, "stack") == link), None)
            name = f"{stack}{self._drawn(event['resource_name'])}"
            if stack and name in record:
                line = (event["resource_status"], event["resource_status_reason"])
                record[name].setdefault("events", []).append(line)
        return record

    def _drawn(self, name: str) -> str:
        """A name that is drawn by lot as the number of its first appearance; any other as it is."""
        if not _DRAWN.fullmatch(name):
            return name
        return self.ids.setdefault(name, f"drawn {sum(word.startswith('drawn') for word in self.ids.values()) + 1}")

    def _identity(self, name: str, physical: str | None, kind: str) -> str:
        if not physical:
            return f"{physical!r}"
        before = self.last.get(name)
        self.last[name] = physical
        self.seen.setdefault((physical, kind), name)
        if len(physical) > 20:
            self.ids.setdefault(physical, name)
        return "first" if before is None else "as before" if before == physical else "another"

    def _events(self, path: str) -> Any:
        record: dict[str, list[Any]] = {}
        named = {physical: f"<{name}>" for (physical, _), name in self.seen.items()}
        for event in self.account.get(f"{path}/events")["events"]:
            physical = event["physical_resource_id"]
            record.setdefault(event["resource_name"], []).append(
                (event["resource_status"], event["resource_status_reason"], named.get(physical, physical))
            )
        return record

    def _cloud(self) -> Any:
        """What the cloud has of everything that was ever a resource of this run."""
        record: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for (physical, kind), name in self.seen.items():
            if kind not in _IN_CLOUD:
                continue
            counts[name] = counts.get(name, 0) + 1
            service, paths = _IN_CLOUD[kind]
            for path in paths:
                answer = self._cloud_call("GET", service, path.format(id=physical))
                key = f"{name} ({counts[name]}) {path.split('/')[-1].split('?')[0].format(id='')}".strip()
                record[key] = _still(answer.json()) if answer.status_code == 200 else answer.status_code
        return record

    def _answer(self, answer: requests.Response) -> Any:
        try:
            body = answer.json()
        except ValueError:
            body = answer.text
        if isinstance(body, dict):
            for found in _dicts(body):
                if found.get("traceback"):
                    found["traceback"] = "…"
                for key in [key for key in found if key in _LISTS and isinstance(found[key], list)]:
                    found[key] = sorted(found[key], key=_named)
                for key in [key for key in found if key in _PROSE and isinstance(found[key], str)]:
                    found[key] = "…"  # in our own words
        return {
            "status": answer.status_code,
            "body": body,
            "type": answer.headers.get("Content-Type"),
            "location": answer.headers.get("Location"),
        }

    def _tidy(self) -> Any:
        """Delete what is left of this run: the stack, what the stack left behind on purpose, and a stack that could not go before."""
        self._end()
        left = self._cloud()
        for _ in range(2):
            for (physical, kind), _name in reversed(self.seen.items()):
                if kind in _IN_CLOUD:
                    service, paths = _IN_CLOUD[kind]
                    self._cloud_call("DELETE", service, paths[0].format(id=physical))
        self._end()
        return {key: value if isinstance(value, int) else "there" for key, value in left.items()}

    def _end(self) -> None:
        """Delete the stack if there is one, and wait for that."""
        found = self.account.get(f"/stacks/{self.name}")
        if found is None:
            return
        path = f"/stacks/{self.name}/{found['stack']['id']}"
        self.account.call("DELETE", path)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            now = self.account.get(path)
            if now is None or now["stack"]["stack_status"] in ("DELETE_COMPLETE", "DELETE_FAILED"):
                break
            time.sleep(0.3)

    def mask(self, text: str) -> str:
        """``text`` without what is another thing at each run."""
        text = text.replace(self.name, "RUN")
        for known, word in sorted(self.ids.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(known, f"<{word}>")
        text = _UUID.sub("<id>", text)
        for pattern, word in _MASKS:
            text = pattern.sub(word, text)
        return _ADDRESS.sub(lambda found: found[0] if found[0] in self.literal else "<ip>", text)


def differences(heat: Any, ours: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Paths (joined by ` > `) whose values are not the same, with both values; a missing one is `<nothing>`."""
    if isinstance(heat, dict) and isinstance(ours, dict):
        if _status(heat) != _status(ours):
            yield f"{where} > answer", heat["answer"], ours["answer"]
            return
        for key in [*heat, *(key for key in ours if key not in heat)]:
            here = f"{where} > {key}" if where else str(key)
            yield from differences(heat.get(key, "<nothing>"), ours.get(key, "<nothing>"), here)
    elif isinstance(heat, list) and isinstance(ours, list) and len(heat) == len(ours):
        for number, (left, right) in enumerate(zip(heat, ours, strict=True)):
            yield from differences(left, right, f"{where}[{number}]")
    elif where.endswith("error > message") and isinstance(ours, str) and orderly(PLACE.sub("", ours)) == orderly(heat):
        return  # Heat's own words, sets in whatever order, and then the place
    elif heat != ours or type(heat) is not type(ours):
        yield where, heat, ours


def _status(step: Mapping[str, Any]) -> Any:
    answer = step.get("answer")
    return answer.get("status") if isinstance(answer, dict) else None


def _link(shown: Mapping[str, Any], rel: str) -> str:
    """Where the link ``rel`` of what is shown leads, empty without one."""
    return next((str(link["href"]) for link in shown["links"] if link["rel"] == rel), "")


def _named(item: Any) -> str:
    return str(item.get("resource_name") or item) if isinstance(item, dict) else json.dumps(item)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _dicts(inner)


def _counted(key: str, value: Any) -> bool:
    """Whether it is the id of a thing that a service numbers (key pairs)."""
    return key == "id" and isinstance(value, int)


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _still(inner)
            for key, inner in value.items()
            if key not in _VOLATILE_IN_CLOUD and not _counted(key, inner)
        }
    if isinstance(value, list):
        parts = [_still(inner) for inner in value]
        return sorted(parts, key=lambda part: _UUID.sub("", json.dumps(part, sort_keys=True)))
    return value
