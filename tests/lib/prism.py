"""Prism's validating proxy, a recording proxy, and what Prism does not see: PagerDuty's own OpenAPI judges our calls."""
import http.client
import http.server
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

from tests.lib.world import TOP, Process, free_port, shared, wait_for

http.client._MAXLINE = 1 << 20  # sl-violations is one long header line
PROGRAM = os.path.join(TOP, "build", "npm", "node_modules", ".bin", "prism")
SPEC = ("pagerduty", "rest-openapi.prism.json")
ACCEPT = "application/vnd.pagerduty+json;version=2"
EMAIL = re.compile(r"^[^@\s<>\",;]+@[^@\s<>\",;]+\.[^@\s<>\",;]+$")


def numberless(place):
    """log_entries.3.type -> log_entries[].type, also inside a message."""
    return re.sub(r"(?<=[a-z])\.\d+(?=[. ]|$)", "[]", place)


class Prism(Process):
    """prism proxy on a port of its own, in front of upstream."""

    def __init__(self, folder, upstream):
        super().__init__(folder, "prism")
        self.upstream, self.port = upstream, free_port()

    def start(self):
        if not os.path.exists(PROGRAM):
            raise AssertionError("%s is missing: tests/run integration installs it from tests/npm" % PROGRAM)
        self.spawn([PROGRAM, "proxy", "-h", "127.0.0.1", "-p", str(self.port), shared(*SPEC), self.upstream])

        def listening():
            """Prism listens"""
            if not self.alive():
                raise AssertionError("prism ended at start:\n" + self.tail())
            with open(self.log, errors="replace") as f:
                return "Prism is listening" in f.read()

        wait_for(listening, 60, every=0.1)
        return self

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def logged(self):
        """(side, place, message) of each violation line of its log; the place has no side and no numbers."""
        with open(self.log, errors="replace") as f:
            text = re.sub(r"\x1b\[[0-9;]*m", "", f.read())
        return [(side, numberless(place), numberless(message))
                for side, place, message in re.findall(r"Violation: (request|response)[.]?(\S*) (.*)", text)]


class Call:
    """One request as it left the daemon, and what came back."""

    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path, self.query = parts.path, urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        self.status = self.answer = self.at = None
        self.violations, self.too_many = [], False

    def __str__(self):
        return "%s %s" % (self.method, self.path)


class Recorder:
    """A proxy that keeps every request; upstream gets the same bytes."""

    def __init__(self, host, port):
        self.calls, self.errors, self.lock = [], [], threading.Lock()
        self.before = lambda call: None  # called before a request goes on; may take its time
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(self.command, self.path, self.headers, body)
                with outer.lock:
                    outer.calls.append(call)
                outer.before(call)
                call.at = time.monotonic()
                conn = http.client.HTTPConnection(host, port, timeout=60)
                try:
                    conn.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        if name.lower() != "connection":
                            conn.putheader(name, value)
                    conn.putheader("Connection", "close")
                    conn.endheaders(body or None)
                    answer = conn.getresponse()
                    raw = answer.read()
                except (OSError, http.client.HTTPException) as e:
                    outer.errors.append("%s: %r" % (call, e))
                    self.close_connection = True
                    return
                finally:
                    conn.close()
                call.answer, call.status = raw, answer.status
                try:
                    call.violations = json.loads(answer.headers.get("sl-violations") or "[]")
                except ValueError:  # "Too many violations!": then only Prism's log has them
                    call.too_many = True
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding", "sl-violations", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = forward

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                outer.errors.append(repr(sys.exc_info()[1]))

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Spec:
    """PagerDuty's OpenAPI, read without Prism."""

    def __init__(self):
        with open(shared(*SPEC)) as f:
            self.doc = json.load(f)
        self.paths = []
        for path, item in self.doc["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", re.sub(r"([.+])", r"\\\1", path)) + "$")
            self.paths.append((path.count("{"), pattern, path, item))
        self.paths.sort(key=lambda x: x[0])  # /users/me before /users/{id}

    def at(self, value):
        while isinstance(value, dict) and "$ref" in value:
            found = self.doc
            for part in value["$ref"].lstrip("#/").split("/"):
                part = urllib.parse.unquote(part).replace("~1", "/").replace("~0", "~")
                found = found[int(part) if isinstance(found, list) else part]
            value = found
        return value

    def operation(self, call):
        """(template, operation, {query name: schema}) or None."""
        for _, pattern, path, item in self.paths:
            if pattern.match(call.path) and call.method.lower() in item:
                op = item[call.method.lower()]
                params = [self.at(p) for p in item.get("parameters", []) + op.get("parameters", [])]
                return path, op, {p["name"]: self.at(p.get("schema", {})) for p in params if p["in"] == "query"}
        return None

    def name(self, call):
        found = self.operation(call)
        return "%s %s" % (call.method, found[0] if found else call.path)

    def members(self, schema, seen=0):
        """Members that a schema names, over allOf and every branch; None when it lets anything in."""
        schema = self.at(schema)
        if seen > 20:
            return {}
        names = {k: [v] for k, v in schema.get("properties", {}).items()}
        free = "properties" not in schema
        for word in ("allOf", "oneOf", "anyOf"):
            for branch in schema.get(word, []):
                more = self.members(branch, seen + 1)
                if more is None:
                    continue
                free = False
                for k, v in more.items():
                    names.setdefault(k, []).extend(v)
        return None if free else names

    def unknown(self, schemas, value, where=""):
        """Paths of members of value that none of the schemas names."""
        if isinstance(value, list):
            items = [self.at(s).get("items", {}) for s in schemas]
            for i, v in enumerate(value):
                yield from self.unknown(items, v, "%s[%d]" % (where, i))
        if not isinstance(value, dict):
            return
        known, free = {}, False
        for s in schemas:
            m = self.members(s)
            free = free or m is None
            for k, v in (m or {}).items():
                known.setdefault(k, []).extend(v)
        for k, v in value.items():
            if k in known:
                yield from self.unknown(known[k], v, "%s.%s" % (where, k))
            elif not free:
                yield "%s.%s" % (where, k)

    def broken(self, call):
        """What of a request breaks PagerDuty's rules where Prism does not look, as text."""
        found = self.operation(call)
        if not found:
            return ["%s is no operation of PagerDuty" % call]
        path, op, query = found
        return (["%s %s: %s" % (call.method, path, text) for text in
                 list(self.query_broken(call, path, query)) + list(self.headers_broken(call)) + list(self.body_broken(call, op))])

    def query_broken(self, call, path, query):
        numbers = {}
        for name, value in call.query:
            if name not in query:
                yield "no parameter '%s'" % name
                continue
            schema = query[name]
            wanted = schema
            if name.endswith("[]") and schema.get("type") == "array":
                wanted = self.at(schema.get("items", {}))
            if "enum" in wanted and value not in [str(x) for x in wanted["enum"]]:
                yield "%s=%s is not one of %s" % (name, value, wanted["enum"])
            if not name.endswith("[]") and sum(n == name for n, _ in call.query) > 1:
                yield "%s twice" % name
            if name in ("limit", "offset"):
                numbers[name] = int(value)
            if name in ("since", "until") and not re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", value):
                yield "%s=%s is no time" % (name, value)
        most = 999 if path.endswith("/past_incidents") else 100
        if numbers.get("limit", 1) > most or numbers.get("limit", 1) < 1:
            yield "limit %d" % numbers["limit"]
        if numbers.get("offset", 0) + numbers.get("limit", 25) > 10000:
            yield "offset and limit over 10000"

    def headers_broken(self, call):
        if call.headers.get_all("Accept") != [ACCEPT]:
            yield "Accept is %s" % call.headers.get_all("Accept")
        if not re.match(r"^(Token token=|Bearer )[\w.+/=-]+$", call.headers.get("Authorization") or ""):
            yield "Authorization is not PagerDuty's form"
        types = call.headers.get_all("Content-Type")
        # PagerDuty's pages say to send it always; then it is exact too.
        if types not in ([["application/json"]] if call.body else [None, ["application/json"]]):
            yield "Content-Type is %s" % types
        if call.method != "GET" and not EMAIL.match(call.headers.get("From") or ""):
            yield "From is no bare address"
        if call.headers.get("Expect"):
            yield "Expect: 100-continue"

    def body_broken(self, call, op):
        if not call.body:
            if "requestBody" in op:
                yield "no body"
            return
        if "requestBody" not in op:
            yield "a body"
            return
        schema = self.at(op["requestBody"])["content"]["application/json"]["schema"]
        for where in self.unknown([schema], json.loads(call.body)):
            yield "unknown member %s" % where.lstrip(".")
