"""An API server on loopback: paths, versions, patches, subresources, dry runs, and the faults a test asks for."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.kubernetes import controllers
from tests.fakes.kubernetes.cluster import KINDS, Cluster, Json, Key, Refused
from tests.fakes.kubernetes.patches import BadPatch, TestFailed, json_patch, merge_patch, strategic_patch

PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>[a-z]+))?"
)
PATCHES = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_patch,
}
ALWAYS_FORBIDDEN: set[str] = set()  # by every server that is made from now on
VERBS = {"GET": "get", "PATCH": "patch", "POST": "create"}


@dataclass
class Fault:
    """What goes wrong, `times` times, with requests of a method whose path contains a text.

    Attributes:
        dry_runs: whether it happens to dry runs as well.
        what: a status to answer with instead; `lost` does what is asked and never answers; `dropped` does not do it;
            `hangs` neither answers nor ends; `after` does it and answers 500.
    """

    method: str
    path: str
    what: int | str
    times: int = 1
    dry_runs: bool = True


@dataclass
class Served:
    """A cluster and how it is reached.

    Attributes:
        token: without it every request is answered 401; empty: none is asked for.
        forbidden: verbs on resources, as `patch deployments/scale`, that are answered 403.
        used: the verbs that were asked for, with group and resource.
        writes: method and path of what changed something.
        dry_runs: whether every admission webhook knows dry runs.
        before_patch, after_list, before_eviction: what another hand does just before the next patch, once the next list
            was read, or before the next pod is evicted; once.
    """

    cluster: Cluster = field(default_factory=lambda: Cluster(controllers=list(controllers.ALL)))
    url: str = ""
    token: str = "canary-token"
    faults: list[Fault] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=lambda: set(ALWAYS_FORBIDDEN))
    no_status: set[str] = field(default_factory=set)
    used: set[tuple[str, str, str]] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    before_patch: Callable[[], object] | None = None
    after_list: Callable[[], object] | None = None
    before_eviction: Callable[[], object] | None = None
    dry_runs: bool = True
    ended: threading.Event = field(default_factory=threading.Event)
    handler: type[BaseHTTPRequestHandler] = BaseHTTPRequestHandler

    def fault(self, method: str, path: str) -> int | str | None:
        """What goes wrong with this request."""
        for each in self.faults:
            spared = not each.dry_runs and "dryRun=" in path
            if each.times > 0 and each.method == method and each.path in path and not spared:
                each.times -= 1
                return each.what
        return None

    def answer(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, Json]:
        """Do what is asked."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            raise Refused(401, "Unauthorized")
        if method == "GET" and (listed := discovery(parts.path)) is not None:
            return 200, listed
        if (found := PATH.fullmatch(parts.path)) is None:
            raise Refused(404, "the server could not find the requested resource")
        way = found.groupdict()
        self._allowed(method, way)
        with self.cluster.lock:
            if method == "GET" and way["name"] is None:
                listed = self._list(way, query)
                self._once("after_list")
                return 200, listed
            key: Key = (way["core"] or way["group"], way["plural"], way["namespace"] or "", way["name"])
            if method != "GET" and not query.get("dryRun"):
                self._once("before_eviction" if way["part"] == "eviction" else "before_patch")
            if key not in self.cluster.objects:
                raise Refused(404, f'{way["plural"]} "{way["name"]}" not found')
            if method == "GET":
                return 200, self._view(self.cluster.objects[key], way["part"])
            return self._change(method, key, way["part"], headers["content-type"], json.loads(body), query)

    def _change(
        self, method: str, key: Key, part: str | None, form: str, body: Any, query: dict[str, str]
    ) -> tuple[int, Json]:
        dry_run = "dryRun" in query
        if dry_run and not self.dry_runs:
            raise Refused(400, 'admission webhook "policy" does not support dry run')
        if method == "POST" and part == "eviction":
            status, made = 201, self._evict(key, body)
        else:
            status, made = 200, self._patch(key, part, form, body, dry_run)
        if not dry_run:
            version, plural, namespace, name = key
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            inside = f"/namespaces/{namespace}" if namespace else ""
            self.writes.append(f"{method} {root}{inside}/{plural}/{name}" + (f"/{part}" if part else ""))
        return status, made

    def _once(self, what: str) -> None:
        another_hand = getattr(self, what)
        if another_hand is not None:
            setattr(self, what, None)
            another_hand()

    def _allowed(self, method: str, way: dict[str, Any]) -> None:
        resource = "/".join(filter(None, [way["plural"], way["part"]]))
        verb = "list" if method == "GET" and way["name"] is None else VERBS[method]
        self.used.add((verb, "" if way["core"] else way["group"].partition("/")[0], resource))
        if f"{verb} {resource}" in self.forbidden:
            raise Refused(403, f'{resource} is forbidden: User "burnline" cannot {verb} resource "{resource}"')

    def _list(self, way: dict[str, Any], query: dict[str, str]) -> Json:
        found = [
            each
            for (version, plural, namespace, _), each in sorted(self.cluster.objects.items())
            if (version, plural) == (way["core"] or way["group"], way["plural"])
            and way["namespace"] in (None, namespace)
            and _selected(each, query)
        ]
        start = int(query.get("continue", 0))
        end = start + min(self.cluster.pages, int(query.get("limit", 500)))
        more = {"continue": str(end)} if end < len(found) else {}
        kind = next(kind for kind, (_, plural) in KINDS.items() if plural == way["plural"])
        listed = {"kind": f"{kind}List", "apiVersion": way["core"] or way["group"]}
        return {**listed, "metadata": more, "items": [self._view(each, None) for each in found[start:end]]}

    def _view(self, found: Json, part: str | None) -> Json:
        if part != "scale":
            return {"apiVersion": KINDS[found["kind"]][0], **copy.deepcopy(found)}
        meta = {name: found["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
        replicas = {"replicas": found["spec"].get("replicas", 1)}
        return {
            "kind": "Scale",
            "metadata": meta,
            "spec": replicas,
            "status": {"replicas": found["status"]["replicas"]},
        }

    def _evict(self, key: Key, body: Json) -> Json:
        pod = self.cluster.objects[key]
        wanted = body.get("deleteOptions", {}).get("preconditions", {}).get("uid", pod["metadata"]["uid"])
        if wanted != pod["metadata"]["uid"]:
            raise Refused(409, "the UID in the precondition does not match")
        self.cluster.evict(pod)
        return {"kind": "Status", "status": "Success"}

    def _patch(self, key: Key, part: str | None, form: str, body: Any, dry_run: bool) -> Json:
        if part == "status" and key[1] in self.no_status:
            raise Refused(404, "the server could not find the requested resource")
        if form.startswith("application/strategic") and "." in key[0]:
            raise Refused(415, "the body of the request was in an unknown format")
        old = self.cluster.objects[key]
        view = self._view(old, part)
        new = _patched(form, view, body)
        if part == "scale":
            new = {**copy.deepcopy(old), "spec": {**old["spec"], "replicas": new["spec"]["replicas"]}}
        elif part == "status":
            new = {**copy.deepcopy(old), "status": new.get("status", {})}
        elif key[1] not in self.no_status and "status" in old:
            new["status"] = copy.deepcopy(old["status"])
        if not dry_run:
            self.cluster.put(new)
        return new


def discovery(path: str) -> Json | None:
    """What there is, as kubectl asks for it first."""
    by_version: dict[str, list[tuple[str, str]]] = {}
    for kind, (version, plural) in KINDS.items():
        by_version.setdefault(version, []).append((kind, plural))
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": each, "version": each.partition("/")[2]} for each in by_version if "/" in each]
        groups = [
            {"name": each["groupVersion"].partition("/")[0], "versions": [each], "preferredVersion": each}
            for each in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in by_version:
        return None
    verbs = ["get", "list", "patch"]
    resources = [
        {"name": plural, "singularName": kind.lower(), "namespaced": kind != "Node", "kind": kind, "verbs": verbs}
        for kind, plural in by_version[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _patched(form: str, view: Json, body: Any) -> Json:
    stated = body.get("metadata", {}).get("resourceVersion") if isinstance(body, dict) else None
    if stated not in (None, view["metadata"]["resourceVersion"]):
        raise Refused(409, "the object has been modified; please apply your changes to the latest version")
    try:
        made: Json = PATCHES[form](view, body)
    except (TestFailed, BadPatch) as error:
        raise Refused(422, f"the server rejected our request due to an error in our request: {error}") from error
    if isinstance(made["spec"].get("template"), dict) and not made["spec"]["template"].get("spec", {}).get(
        "containers"
    ):
        raise Refused(422, "spec.template.spec.containers: Required value")
    return made


def _selected(each: Json, query: dict[str, str]) -> bool:
    labels = each["metadata"].get("labels", {})
    for term in filter(None, re.split(r",(?![^(]*\))", query.get("labelSelector", ""))):
        if " in (" in term:
            name, _, values = term.partition(" in (")
            if labels.get(name) not in values.rstrip(")").split(","):
                return False
        elif labels.get(term.partition("=")[0]) != term.partition("=")[2]:
            return False
    name, _, value = query.get("fieldSelector", "").partition("=")
    return not name or (name == "spec.nodeName" and each["spec"].get("nodeName") == value)


@contextmanager
def serving() -> Iterator[Served]:
    """A cluster for the length of a test."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = served.fault(self.command, self.path)
            if fault == "hangs":
                served.ended.wait(10)
            if fault in ("hangs", "dropped"):
                return
            try:
                if isinstance(fault, int):
                    raise Refused(fault, "as the test asked")
                status, answer = served.answer(self.command, self.path, headers, body)
            except Refused as error:
                status, answer = error.status, {"kind": "Status", "status": "Failure", "message": str(error)}
            if fault == "lost":
                return
            self._send(500 if fault == "after" else status, json.dumps(answer).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is part of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    served.handler = Handler
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
