"""Runs a connector's component in Python: description, connection test, and a whole snapshot.

    python snapshot.py PLUGIN.wasm SETTINGS.json SUMMARY.json

Wasmtime runs the component; everything below plays the host. How the package maps values: a
record has its fields, hyphens included, as attributes; an option is None or the value; an enum is
a string; a variant is a `Variant`, or its bare payload where Python's types tell the cases apart.
"""

import base64
import json
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record, Variant


def record(fields):
    value = Record()
    vars(value).update(fields)
    return value


def send(method, origin, path, body, headers):
    """One request, without redirects: status, headers and body of the answer."""
    parts = urlsplit(origin)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class Credential:
    """The secret and the token: they stay on this side."""

    def __init__(self, oauth, secrets):
        self.oauth, self.secrets, self.token, self.roles, self.ends = vars(oauth), secrets, "", [], 0.0

    def ready(self):
        left = int(self.ends - time.time())
        return self.grant(left) if left > 60 else self.renew()

    def grant(self, left):
        return Variant("ok", record({"roles": self.roles, "expires-in": left}))

    def renew(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": self.oauth["client-id"],
            "client_secret": self.secrets[self.oauth["proof"].payload],
            "scope": self.oauth["scope"] or "",
        }
        endpoint, headers = self.oauth["token-endpoint"], {"content-type": "application/x-www-form-urlencoded"}
        try:
            status, _, body = send("POST", endpoint, urlsplit(endpoint).path, urlencode(form), headers)
            answer = json.loads(body)
        except (OSError, HTTPException, ValueError) as error:
            return Variant("err", record({"status": 0, "error": "unreachable", "description": str(error)}))
        if status != 200:
            told = {"error": answer.get("error", "malformed"), "description": answer.get("error_description", "")}
            return Variant("err", record({"status": status, **told}))
        self.token, self.ends = answer["access_token"], time.time() + answer["expires_in"]
        claims = self.token.split(".")[1]
        self.roles = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("roles", [])
        return self.grant(answer["expires_in"])


def way_out(credential, service):
    """Starts a proxy to the service on loopback, and gives its origin.

    The package sends the component's requests by itself and has no place to add a header. So they
    go here, get `Authorization`, and go on to this one origin. The service writes links to itself
    into its answers, and the plugin follows none to another origin: they are rewritten. Cursors
    hold such links too, so a host that keeps cursors keeps the port as well.
    """

    class Proxy(BaseHTTPRequestHandler):
        def forward(self):
            own = ("host", "connection", "accept-encoding", "authorization", "x-connector-cost")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
            headers["authorization"] = f"Bearer {credential.token}"
            body = self.rfile.read(int(self.headers.get("content-length", 0))) or None
            try:
                status, headers, body = send(self.command, service, self.path, body, headers)
            except (OSError, HTTPException) as error:
                return self.send_error(502, explain=str(error))
            body = body.replace(service.encode(), origin.encode())
            with suppress(ConnectionError):  # the component may have gone away
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = forward
        log_message = lambda *_: None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    origin = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return origin


class Directory:
    """Begins empty, so what is proven complete removes nothing, and nobody is hidden for later."""

    def __init__(self):
        self.users, self.groups, self.members = set(), set(), {}

    def apply(self, change):
        match change.tag, change.payload:
            case "user", user:
                self.users.add(user.id)
            case "group", group:
                self.groups.add(group.id)
            case "user-removed", user:
                self.users.discard(user.id)
                self.members = {key: kind for key, kind in self.members.items() if key[1] != user.id}
            case "group-removed", group:
                self.groups.discard(group)
                self.members = {key: kind for key, kind in self.members.items() if key[0] != group}
            case "members-added", joined:
                self.members.update({(joined.group, member.id): member.kind for member in joined.members})
            case "members-removed", left:
                for member in left.members:
                    self.members.pop((left.group, member), None)
            case "members-unavailable", group:
                print(f"members of {group.group}: {group.reason}", file=sys.stderr)


class Plugin:
    """The component, and a fresh instance for each call, as the contract allows."""

    def __init__(self, file):
        self.engine, self.credential, self.directory = Engine(), None, Directory()
        self.component = Component.from_file(self.engine, file)
        self.linker = Linker(self.engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()
        seen = {"users": lambda: len(self.directory.users), "groups": lambda: len(self.directory.groups)}
        held = lambda id: id in self.directory.users or id in self.directory.groups
        imports = {  # every function gets the store first
            "log": {"write": lambda _, level, message: print(f"{level}: {message}", file=sys.stderr)},
            "credentials": {"ready": lambda _: self.credential.ready(), "renew": lambda _: self.credential.renew()},
            "budget": {"settle": lambda _, estimated, actual: None},
            "directory": {"holds": lambda _, ids: [held(id) for id in ids], "seen": lambda _, stream: seen[stream]()},
        }
        with self.linker.root() as root:
            for interface, functions in imports.items():
                with root.add_instance(f"connector:plugin/{interface}@2.0.0") as instance:
                    for name, function in functions.items():
                        instance.add_func(name, function)

    def call(self, hook, *arguments):
        store = Store(self.engine)
        store.set_limits(memory_size=64 << 20)
        store.set_wasi(WasiConfig())  # no environment, no folders
        store.set_wasi_http()
        instance = self.linker.instantiate(store, self.component)
        hooks = instance.get_export_index(store, "connector:plugin/hooks@2.0.0")
        return instance.get_func(store, instance.get_export_index(store, hook, hooks))(store, *arguments)

    def patiently(self, hook, *arguments):
        """Faults tell who must act. Two kinds are the host's: wait and try again."""
        for wait in (0.25, 0.5, 1, 2, 4, 8, None):
            result = self.call(hook, *arguments)
            if result.tag == "ok":
                return result.payload
            kind, message = result.payload.kind, result.payload.message
            if wait is None or kind.tag not in ("transient", "throttled"):
                sys.exit(f"{result.payload.code}: {message}")
            print(f"{message} Again in a moment.", file=sys.stderr)
            time.sleep(max(wait, (kind.payload or 0) / 1000))


def main(plugin_file, settings_file, summary_file):
    plugin = Plugin(plugin_file)
    description = plugin.call("describe")
    values = json.loads(Path(settings_file).read_text())
    secret_keys = [setting.key for setting in description.settings if setting.kind.tag == "secret"]
    secrets = {key: values.pop(key) for key in secret_keys if key in values}
    settings = record({"values": json.dumps(values), "secrets": list(secrets)})
    connection = plugin.call("connect", settings)
    if isinstance(connection, list):
        sys.exit("\n".join(f"{problem.path}: {problem.message}" for problem in connection))
    plugin.credential = Credential(connection.authentication, secrets)
    # All that is known of the source here: which setting leads its requests through the proxy.
    values["graphEndpoint"] = way_out(plugin.credential, connection.authentication.audience[0])
    settings.values = json.dumps(values)

    request = record({"settings": settings, "map": description.maps[0], "links": [], "mode": "snapshot", "cursor": []})
    checks = plugin.call("check", request)
    if isinstance(checks, Record):
        sys.exit(f"{checks.code}: {checks.message}")
    queue, known, cursor = [], set(), {}

    def add(partitions):
        for partition in partitions:
            if partition.key not in known:
                known.add(partition.key)
                queue.append(partition)
        queue.sort(key=lambda partition: partition.stage)

    add(plugin.patiently("plan", request).partitions)
    while queue:
        partition, checkpoint, more = queue.pop(0), None, True
        while more:
            page = plugin.patiently("read", request, partition, checkpoint)
            for change in page.changes:
                plugin.directory.apply(change)
            cursor.update({part.key: part.value for part in page.cursor})
            add(page.partitions)
            checkpoint, more = page.checkpoint, page.checkpoint is not None
    members = plugin.directory.members.items()
    summary = {
        "name": description.name,
        "version": description.version,
        "checks": [{"item": line.item, "outcome": line.outcome, "seen": line.seen} for line in checks],
        "users": list(plugin.directory.users),
        "groups": list(plugin.directory.groups),
        "memberships": [{"group": group, "member": member, "kind": kind} for (group, member), kind in members],
        "cursor": list(cursor),
    }
    Path(summary_file).write_text(json.dumps(summary))


if __name__ == "__main__":
    main(*sys.argv[1:])
