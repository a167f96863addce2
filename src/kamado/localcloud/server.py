"""The cloud itself: one WSGI server a service, one memory, one lock; every request passes through `_Endpoint`.

`assemble` and tests make a `LocalCloud`, `start()` it, read `auth_url`, and `stop()` it. A new service is one line in
`SERVICES`. The trap: handlers run one at a time under `state.lock` (the whole cloud's), so work that waits (a delay fault, a
slow upload) happens outside of it.
"""

import itertools
import json
import queue
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import falcon
from cheroot import wsgi as cheroot_wsgi

from kamado.localcloud import blockstorage, compute, identity, image, keymanager, messaging, network, objectstore, seed
from kamado.localcloud.clock import Clock, SystemClock
from kamado.localcloud.collection import Collection
from kamado.localcloud.crud import requests_of
from kamado.localcloud.faults import Fault, Faults
from kamado.localcloud.identity import tokens
from kamado.localcloud.service import NOBODY, Answer, Call, Refusal, Route, Service
from kamado.localcloud.state import Obj, State
from kamado.localcloud.traffic import Served

SERVICES: tuple[Service, ...] = (
    identity.SERVICE,
    image.SERVICE,
    network.SERVICE,
    blockstorage.SERVICE,
    compute.SERVICE,
    objectstore.SERVICE,
    messaging.SERVICE,
    keymanager.SERVICE,
)

THREADS = 10
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class LocalCloud:
    """A little OpenStack on loopback; also a context manager.

    `identity_port` 0 takes a free port; `ports` may fix those of other services by name (`{"network": 9696}`).
    `orchestration_url` and `cloudformation_url` are what the catalog says of Kamado itself (`%(project_id)s` is filled in).
    `keep_path`: an SQLite file that the cloud survives in, across kills of the process; None keeps nothing.
    `token_seconds`: how long a token lives. `threads`: workers of each service.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        identity_port: int = 5000,
        orchestration_url: str | None = None,
        cloudformation_url: str | None = None,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        keep_path: str | Path | None = None,
        services: Sequence[Service] = SERVICES,
        ports: Mapping[str, int] | None = None,
        token_seconds: float = 86400.0,
        region: str = "RegionOne",
        threads: int = THREADS,
    ) -> None:
        self.host, self.region, self.token_seconds = host, region, token_seconds
        self.clock: Clock = clock or SystemClock()
        self.faults = faults or Faults()
        self.log: deque[Served] = deque(maxlen=100_000)
        """The latest requests, in the order in which they came."""
        self.state = State(keep_path)
        self.services = tuple(services)
        self.external = {"orchestration": orchestration_url, "cloudformation": cloudformation_url}
        self._ports = {"identity": identity_port, **(ports or {})}
        self._collections = {c.table: c for service in self.services for c in service.collections}
        self._by_name = {service.name: service for service in self.services}
        self._threads = threads
        self._servers: list[tuple[cheroot_wsgi.Server, threading.Thread]] = []
        self.urls: dict[str, str] = {}

    # for callers

    def start(self) -> Self:
        """Serve. OSError when a port is taken. A kept cloud is found again, a new one is seeded."""
        with self.state.lock:  # requests wait until the cloud is complete
            try:
                self._listen()
            except OSError:
                self.stop()
                raise
            self.state.on_settled = self._settled
            if not self.state.was_kept:
                seed.seed(self)
            identity.announce(self)
            self.state.settle(self.clock.now())
            self.state.commit()
        return self

    def stop(self) -> None:
        """Stop serving and close the kept file; a stopped cloud is not started again."""
        stopping = [threading.Thread(target=server.stop, daemon=True) for server, _ in self._servers]
        for thread in stopping:
            thread.start()
        for server, _ in self._servers:
            _wake(server)
        for thread in stopping:
            thread.join(timeout=10)
        for _, thread in self._servers:
            thread.join(timeout=10)
        self._servers.clear()
        self.state.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def auth_url(self) -> str:
        """Keystone's v3 address, as for OS_AUTH_URL."""
        return self.urls["identity"] + "/v3"

    @property
    def endpoints(self) -> dict[str, str]:
        """Catalog type → address (with `%(project_id)s` where the real service has it)."""
        own = {e.type: self.urls[s.name] + e.path for s in self.services for e in s.catalog if s.name in self.urls}
        return own | {kind: url for kind, url in self.external.items() if url}

    # for services

    def collection(self, table: str) -> Collection:
        """The declaration of a table (`network.ports`)."""
        return self._collections[table]

    def service(self, name: str) -> Service:
        """The declaration of a service (`network`): for one service that acts in another with `replace(call, service=…)`."""
        return self._by_name[name]

    def quota(self, service: str, project_id: str, resource: str) -> int:
        """A project's limit; -1 is none."""
        own = self.state.get("local.quotas", f"{service}/{project_id}") or {}
        limit = own.get(resource, self._by_name[service].quotas.get(resource, -1))
        return int(limit)

    def set_quota(self, service: str, project_id: str, limits: Mapping[str, int] | None) -> None:
        """Set some of a project's limits (kept with the state); None puts all back to the default."""
        key = f"{service}/{project_id}"
        if limits is None:
            self.state.remove("local.quotas", key)
        else:
            self.state.put("local.quotas", {**(self.state.get("local.quotas", key) or {}), **limits}, key)

    def call(self, service: str, who: Any = NOBODY, **params: str) -> Call:
        """A call that nobody made: for seeds and for one service acting in another (under `state.lock`)."""
        home = self._by_name[service]
        request_id = f"req-{uuid.uuid4()}"
        return Call(
            self, home, "", "", params, {}, {}, b"", who, self.clock.now(), request_id, self.urls.get(service, "")
        )

    def _settled(self, table: str, obj: Obj) -> None:
        service = self._by_name.get(table.partition(".")[0])
        if service and service.settled:
            service.settled(self, table, obj)

    def _listen(self) -> None:
        """Serve all services. They get ready side by side: each waits a moment for its threads. OSError when a port is taken."""
        with ThreadPoolExecutor(len(self.services)) as pool:
            waiting = [
                pool.submit(self._serving, service, application(self, service), self._wanted(service))
                for service in self.services
            ]
        for service, listening in zip(self.services, waiting, strict=True):
            port = listening.result()
            self.state.put("local.ports", {"port": port}, service.name)
            self.urls[service.name] = f"http://{self.host}:{port}"

    def _wanted(self, service: Service) -> list[int]:
        """The ports to try in turn: the one it is to have, or that it had before, or any."""
        port = self._ports.get(service.name, 0)
        kept = self.state.get("local.ports", service.name)
        fresh = [0] * 3  # a port that was free when asked may be taken a moment later
        return [port] if port else [kept["port"], *fresh] if kept else fresh

    def _serving(self, service: Service, app: Any, ports: list[int]) -> int:
        """Serve on the first of the ports that is free, which is the answer; OSError when none is."""
        for place, wanted in enumerate(ports):
            last = place == len(ports) - 1
            try:
                port = _free_port(self.host, wanted)
            except OSError:
                if last:
                    raise
                continue
            server = cheroot_wsgi.Server(
                (self.host, port),
                app,
                numthreads=self._threads,
                request_queue_size=256,
                timeout=60,
                shutdown_timeout=1,
            )
            server.gateway = _Gateway
            server.keep_alive_conn_limit = 10_000  # an engine and a test's clients keep more than the default ten
            ready: queue.SimpleQueue[OSError | None] = queue.SimpleQueue()
            serving = threading.Thread(target=_serve, args=(server, ready), name=f"local-{service.name}", daemon=True)
            serving.start()
            failure = ready.get(timeout=10)
            if failure is None:
                self._servers.append((server, serving))
                return port
            if last:
                raise failure
        raise OSError("no port to listen on")


def _free_port(host: str, wanted: int) -> int:
    """The port, or with 0 a free one; OSError when it is taken.

    The server then binds it by number: only so does it allow the next process to take the same port at once.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(wanted != 0))
        try:
            probe.bind((host, wanted))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{wanted}: {error.strerror}") from None
        return int(probe.getsockname()[1])


def _serve(server: cheroot_wsgi.Server, ready: "queue.SimpleQueue[OSError | None]") -> None:
    """Bind and serve. In a daemon thread as a whole: the workers inherit that, so none of them keeps a dying process alive."""
    try:
        server.prepare()
    except OSError as error:
        ready.put(error)
        return
    ready.put(None)
    server.serve()


def _wake(server: cheroot_wsgi.Server) -> None:
    """Knock, so that a server that is waiting for connections sees at once that it was stopped."""
    try:
        socket.create_connection(server.bind_addr, timeout=1).close()
    except OSError:
        return  # it has stopped already


class _Gateway(cheroot_wsgi.Gateway_10):
    """Hands the connection to the application, which may have to cut it."""

    def get_environ(self) -> Any:
        """The WSGI environment, and the connection in it."""
        environ: Any = super().get_environ()  # type: ignore[no-untyped-call]
        environ["local.request"] = self.req
        return environ


def application(cloud: LocalCloud, service: Service) -> "falcon.App[Any, Any]":
    """One service as a WSGI application."""
    app = falcon.App(media_type="application/json")
    app.req_options.strip_url_path_trailing_slash = True
    table: dict[str, dict[str, tuple[Route, tuple[str, ...]]]] = {}
    routes = itertools.chain(service.routes, *(requests_of(c) for c in service.collections))
    for route in routes:
        template, names = _positional(route.path)
        table.setdefault(template, {}).setdefault(route.method, (route, names))
    for template, methods in table.items():
        app.add_route(template, _Endpoint(cloud, service, methods))
    app.add_sink(_Endpoint(cloud, service, {}).sink, prefix="/")
    return app


def _positional(path: str) -> tuple[str, tuple[str, ...]]:
    """Falcon wants one name for one place, whatever follows it; ours are named after what they hold (`{name:path}`: all that follows)."""
    parts, names = [], []
    for part in path.split("/"):
        if part.startswith("{") and part.endswith("}"):
            name, colon, converter = part[1:-1].partition(":")
            names.append(name)
            part = f"{{p{len(names)}{colon}{converter}}}"
        parts.append(part)
    return "/".join(parts) or "/", tuple(names)


class _Endpoint:
    """All methods on one path: faults, token, body, the handler in its transaction, the answer."""

    def __init__(
        self, cloud: LocalCloud, service: Service, methods: Mapping[str, tuple[Route, tuple[str, ...]]]
    ) -> None:
        self._cloud, self._service, self._methods = cloud, service, methods
        for method in METHODS:
            setattr(self, f"on_{method.lower()}", self._respond)

    def sink(self, req: falcon.Request, resp: falcon.Response, **params: str) -> None:
        """Paths that no route has."""
        self._respond(req, resp)

    def _respond(self, req: falcon.Request, resp: falcon.Response, **params: str) -> None:
        raw = _body(req)  # read even when refused: else the connection could not be used again
        served = Served(self._service.name, req.method, req.relative_uri, time.monotonic())
        self._cloud.log.append(served)
        try:
            self._serve(req, resp, params, raw, served)
        finally:
            served.ended = time.monotonic()

    def _serve(
        self, req: falcon.Request, resp: falcon.Response, params: Mapping[str, str], raw: bytes, served: Served
    ) -> None:
        cloud, service = self._cloud, self._service
        method, path = req.method, req.path
        request_id = f"req-{uuid.uuid4()}"
        fault = None if path.startswith("/_local/") else cloud.faults.hit(service.name, method, path)
        if fault and fault.seconds > 0:
            time.sleep(fault.seconds)
        if fault and fault.action == "drop":
            _cut(req)
            return
        if fault and fault.action == "answer":
            answer = _faulty(service, fault)
        else:
            found = self._methods.get(method) or (self._methods.get("GET") if method == "HEAD" else None)
            route, names = found or (None, ())
            values = dict(zip(names, params.values(), strict=True)) if route else {}
            url = f"{req.scheme}://{req.netloc}{path}"
            query = parse_qs(req.query_string, keep_blank_values=True) if req.query_string else {}
            call = Call(cloud, service, method, path, values, query, req.env, raw, NOBODY, 0.0, request_id, url)
            answer = self._work(call, route)
            served.project_id = call.who.project_id or ""
        served.status = answer.status
        if fault and fault.action == "lose":
            _cut(req)
            return
        if fault and fault.action == "lose_answer":
            answer = _faulty(service, fault)
        _write(resp, answer, request_id)

    def _work(self, call: Call, route: Route | None) -> Answer:
        cloud, service = self._cloud, self._service
        state = cloud.state
        with state.lock:
            call.now = cloud.clock.now()
            try:
                state.settle(call.now)
                state.commit()
                answer = self._handle(call, route)
                state.commit()
            except Refusal as refusal:
                state.rollback()
                answer = _refused(service, refusal)
            except BaseException:
                state.rollback()
                raise
        return service.after(call, answer) if service.after else answer

    def _handle(self, call: Call, route: Route | None) -> Answer:
        service = self._service
        public = route.public if route else service.name == "identity"
        token = call.header("X-Auth-Token")
        who = tokens.identify(self._cloud, token, call.now) if token else None
        if who is None and not public:
            raise service.dialect.unauthorized(self._cloud.urls["identity"])
        call.who = who or NOBODY
        if route is None:
            if self._methods:
                raise service.dialect.no_method(call.method, sorted(self._methods))
            raise service.dialect.no_route(call.path)
        if route.body == "json" and call.raw:
            try:
                call.json = json.loads(call.raw)
            except ValueError:
                raise service.dialect.malformed() from None
        if service.before:
            service.before(call)
        result = route.handler(call)
        if isinstance(result, Answer):
            return result
        return Answer(204) if result is None else Answer(200, result)


def _body(req: falcon.Request) -> bytes:
    if req.get_header("Transfer-Encoding", default="").lower() == "chunked":
        chunked: bytes = req.env["wsgi.input"].read()
        return chunked
    length = req.content_length
    return req.bounded_stream.read(length) if length else b""


def _cut(req: falcon.Request) -> None:
    """End the connection as a crash would: the client sees it closed with no answer."""
    request = req.env["local.request"]
    request.close_connection = True
    try:
        request.conn.socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was gone already


def _faulty(service: Service, fault: Fault) -> Answer:
    body = fault.body
    return _refused(service, Refusal(fault.status, fault.message, body=body, headers=fault.headers))


def _refused(service: Service, refusal: Refusal) -> Answer:
    if refusal.body is None:
        return service.dialect.render(refusal)
    if isinstance(refusal.body, str):
        media = "text/html; charset=utf-8"
        return Answer(refusal.status, None, refusal.headers, refusal.body.encode(), media)
    return Answer(refusal.status, refusal.body, refusal.headers)


_dumps: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def _write(resp: falcon.Response, answer: Answer, request_id: str) -> None:
    resp.status = answer.status
    for name, value in answer.headers.items():
        resp.set_header(name, value)
    if not answer.headers or "x-openstack-request-id" not in answer.headers:
        resp.set_header("x-openstack-request-id", request_id)
    if answer.raw is not None:
        resp.data, resp.content_type = answer.raw, answer.media
    elif answer.body is not None:
        resp.data, resp.content_type = _dumps(answer.body).encode(), answer.media
    elif answer.status != 204:
        resp.data = b""
