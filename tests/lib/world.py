"""A sandbox and a daemon in a temporary folder, for tests: start, stop, kill, ask. Loopback only; ends only what it started."""
import glob
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("TRIAGED_BIN_DIR", os.path.join(TOP, "build", "asan", "src"))
SHARED = os.environ.get("TRIAGED_SHARED", os.path.join(TOP, "..", "shared"))

# The sandbox's well-known values (docs/sandbox.md).
SECRET = "whsec_tests_only_0123456789abcdef"
FULL_KEY = "sbx-test-full-key-00"
READONLY_KEY = "sbx-test-read-key-00"
USER_KEY = "sbx-test-user-key-00"
SERVICE_USER = "triaged@lumenparcel.example"

# What a sanitizer writes to stderr, whatever the program then ends with.
REPORT = re.compile(r"^(?:WARNING: ThreadSanitizer|.*ERROR: (?:AddressSanitizer|LeakSanitizer)|\S+:\d+:\d+: runtime error:|"
                    r"SUMMARY: \w+Sanitizer)", re.M)


def no_reports(text, where):
    """Fails with the report when a sanitizer wrote one."""
    found = REPORT.search(text)
    if found:
        raise AssertionError("a sanitizer's report in %s:\n%s" % (where, text[found.start():found.start() + 6000]))


def shared(*parts):
    """A file below ../shared; a missing one is a failure, never a skip."""
    path = os.path.join(SHARED, *parts)
    if not os.path.exists(path):
        raise AssertionError("%s is missing: the tests read PagerDuty's data from ../shared beside the checkout" % path)
    return path


def wait_for(what, seconds=20, every=0.02):
    """Calls what() until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("did not happen within %s s: %s" % (seconds, getattr(what, "__doc__", None) or what))
        time.sleep(every)


def sign(body, secret=SECRET):
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def free_port():
    """A port that was free a moment ago: for daemons that come back under the same address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def request(conn, method, path, body=None, headers=None):
    """(status, parsed JSON or text, headers)."""
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    conn.request(method, path, body=data, headers=headers or {})
    answer = conn.getresponse()
    raw = answer.read()
    try:
        value = json.loads(raw) if raw else None
    except ValueError:
        value = raw.decode(errors="replace")
    return answer.status, value, answer.headers


class Process:
    """One child process with its log in the folder."""

    def __init__(self, folder, name):
        self.folder, self.name, self.proc = folder, name, None
        self.log = os.path.join(folder, name + ".log")

    def spawn(self, argv, env=None):
        if self.alive():
            raise AssertionError("%s runs already: stop it first, or nobody will" % self.name)
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                         env=dict(os.environ, **(env or {})), cwd=self.folder)

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def stop(self, seconds=20):
        """SIGTERM; the exit code."""
        if self.proc is None:
            self.no_reports()
            return 0
        if self.alive():
            self.proc.send_signal(signal.SIGTERM)
        try:
            code = self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            code = -signal.SIGKILL
        self.proc = None
        self.no_reports()
        return code

    def kill(self):
        if self.alive():
            self.proc.kill()
        if self.proc:
            self.proc.wait()
        self.proc = None
        self.no_reports()

    def no_reports(self):
        """Every log of the folder is read, so that no way of ending hides what a sanitizer found."""
        for path in glob.glob(os.path.join(self.folder, "*.log")):
            with open(path, errors="replace") as f:
                no_reports(f.read(), path)

    def tail(self, n=40):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-n:])


class Sandbox(Process):
    def __init__(self, folder, scenario="quickstart", seed=1):
        super().__init__(folder, "sandbox")
        self.scenario, self.seed = scenario, seed
        self.oracle_path = os.path.join(folder, "oracle.ndjson")
        self.port = None

    def start(self):
        port_file = os.path.join(self.folder, "sandbox.port")
        tokens = os.path.join(self.folder, "sandbox.tokens")
        with open(tokens, "w") as f:
            json.dump({"full": FULL_KEY, "read_only": READONLY_KEY, "user": USER_KEY}, f)
        if os.path.exists(port_file):
            os.remove(port_file)
        self.spawn([os.path.join(BIN, "sandbox", "triaged-sandbox"), "--port", str(self.port or 0), "--port-file", port_file,
                    "--oracle", self.oracle_path, "--token-file", tokens, "--scenario", self.scenario,
                    "--seed", str(self.seed)])

        def ready():
            """the sandbox listens"""
            if not self.alive():
                raise AssertionError("the sandbox ended at start:\n" + self.tail())
            return os.path.exists(port_file)

        wait_for(ready)
        with open(port_file) as f:
            self.port = int(f.read())
        return self

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def call(self, method, path, body=None, headers=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return request(conn, method, path, body, headers)
        finally:
            conn.close()

    def control(self, path, body=None):
        """POST (or GET without a body) to /_sandbox/...; the answer must be a success."""
        status, value, _ = self.call("GET" if body is None else "POST", "/_sandbox/" + path, body)
        assert 200 <= status < 300, (path, status, value)
        return value

    def rest(self, method, path, body=None, key=FULL_KEY, sender=SERVICE_USER):
        headers = {"Authorization": "Token token=" + key, "Accept": "application/vnd.pagerduty+json;version=2",
                   "Content-Type": "application/json"}
        if sender and method != "GET":
            headers["From"] = sender
        return self.call(method, path, body, headers)

    def trigger(self, **kw):
        return self.control("incidents", kw)

    def act(self, incident, who, action, **kw):
        return self.control("incidents/%s/act" % incident, dict(kw, **{"as": who, "action": action}))

    def oracle(self):
        with open(self.oracle_path) as f:
            return [json.loads(line) for line in f if line.strip()]

    def effects(self, incident=None, source="api"):
        return [line for line in self.oracle() if line.get("source") == source and
                (incident is None or line.get("incident_id") == incident)]


CONFIG = """
state_dir: {folder}/state
mode: propose
rules_dir: {rules}
policy_file: {folder}/policy.yaml
intake:
  port: {port}
  webhooks:
{webhooks}
pagerduty:
  base_url: {base_url}
  token_file: {folder}/pagerduty-token
  from_email: triaged@lumenparcel.example
  per_minute: {per_minute}
  allow_private_addresses: true
  timeout_ms: {timeout_ms}
  cache_oncall_s: 0
  cache_history_s: 1
triage:
  refresh_s: {refresh_s}
gate:
  expires_s: {expires_s}
  quiet_ms: {quiet_ms}
  resend_gap_ms: {resend_gap_ms}
  send_limit_ms: {send_limit_ms}
  start_limit_ms: {start_limit_ms}
  confirm_wait_ms: 20
  unsure_after_ms: {unsure_after_ms}
log:
  level: debug
  format: json
{extra}
"""


class Daemon(Process):
    """A triaged with protocol times at a hundredth, so that tests of the waiting run in seconds."""

    def __init__(self, folder, base_url, name="triaged", **settings):
        super().__init__(folder, name)
        self.config = os.path.join(folder, name + ".yaml")
        self.settings = dict(folder=folder, port=0, per_minute=960, base_url=base_url, rules=os.path.join(TOP, "rules"), timeout_ms=5000,
                             refresh_s=1, start_limit_ms=2000, expires_s=900,
                             quiet_ms=300, resend_gap_ms=600, send_limit_ms=1000, unsure_after_ms=20000, extra="",
                             webhooks='    - name: ""\n      secret_files: [%s/webhook-secret]' % folder)
        self.settings.update(settings)
        self.port = None
        self.env = {}
        self.token = None
        self.write("webhook-secret", SECRET)
        self.write("pagerduty-token", settings.get("key", FULL_KEY))
        if not os.path.exists(os.path.join(folder, "policy.yaml")):
            self.write("policy.yaml", settings.get("policy", "rules: []\n"))
        self.configure()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
        return path

    def configure(self, **settings):
        self.settings.update(settings)
        with open(self.config, "w") as f:
            f.write(CONFIG.format(**self.settings))

    @property
    def state(self):
        return os.path.join(self.folder, "state")

    def start(self, wait=True, **env):
        port_file = os.path.join(self.state, "port")
        if os.path.exists(port_file):
            os.remove(port_file)
        self.spawn([os.path.join(BIN, "daemon", "triaged"), "--config", self.config], dict(self.env, **env))
        if wait:
            self.wait_ready(port_file)
        return self

    def wait_ready(self, port_file=None):
        port_file = port_file or os.path.join(self.state, "port")

        def ready():
            """the daemon is ready"""
            if not self.alive():
                raise AssertionError("triaged ended at start:\n" + self.tail())
            if not os.path.exists(port_file):
                return False
            with open(port_file) as f:
                self.port = int(f.read())
            return self.get("/readyz")[0] == 200

        wait_for(ready, every=0.005)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(self, path):
        conn = self.connect()
        try:
            return request(conn, "GET", path)
        finally:
            conn.close()

    def webhook(self, body, secret=SECRET, path="/webhooks/pagerduty", headers=None, signature=None):
        """Posts raw bytes; signature None signs with secret, "" sends no header."""
        h = {"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V3.0", "X-Webhook-Id": "11111111-2222"}
        if signature is None:
            signature = sign(body, secret)
        if signature:
            h["X-PagerDuty-Signature"] = signature
        h.update(headers or {})
        conn = self.connect()
        try:
            return request(conn, "POST", path, body, h)
        finally:
            conn.close()

    @property
    def webhook_url(self):
        return "http://127.0.0.1:%d/webhooks/pagerduty" % self.port

    def api(self, method, path, body=None, token=None, control=True):
        """/api/v1 over the control socket (or TCP), with a person's token if there is one."""
        headers = {"Content-Type": "application/json"}
        token = token or self.token
        if token:
            headers["Authorization"] = "Bearer " + token
        conn = UnixConnection(os.path.join(self.state, "control.sock")) if control else self.connect()
        try:
            return request(conn, method, "/api/v1" + path, body, headers)
        finally:
            conn.close()

    def ok(self, method, path, body=None, token=None):
        status, value, _ = self.api(method, path, body, token)
        assert 200 <= status < 300, (method, path, status, value)
        return value

    def add_person(self, name, email, pd_user_id, role="responder", **kw):
        """Adds a person and returns a token of theirs."""
        headers = {"Content-Type": "application/json"}
        conn = UnixConnection(os.path.join(self.state, "control.sock"))
        status, person, _ = request(conn, "POST", "/api/v1/users", dict(kw, name=name, email=email, role=role, **(
            {"pd_user_id": pd_user_id} if pd_user_id else {})), headers)
        assert status == 201, (status, person)
        status, token, _ = request(conn, "POST", "/api/v1/users/%d/tokens" % person["id"], {"label": "tests"}, headers)
        assert status == 201, (status, token)
        conn.close()
        return token["token"]

    def release(self, token):
        """Releases the kill switch once the store check has passed."""
        def released():
            """the kill switch is released"""
            return self.api("PUT", "/kill-switch", {"engaged": False, "reason": "tests"}, token)[0] == 200

        wait_for(released)

    def proposals(self, **query):
        q = "&".join("%s=%s" % kv for kv in query.items())
        return self.ok("GET", "/proposals" + ("?" + q if q else ""))["items"]

    def proposal(self, pid):
        return self.ok("GET", "/proposals/%d" % pid)

    def decide(self, pid, verdict="approve", token=None, digest=None, reason="tests"):
        digest = digest or self.proposal(pid)["digest"]
        return self.api("POST", "/proposals/%d/decision" % pid, {"digest": digest, "verdict": verdict, "reason": reason}, token)

    def wait_state(self, pid, *states, seconds=20):
        def reached():
            p = self.proposal(pid)
            return p if p["state"] in states else None

        reached.__doc__ = "proposal %d reaches %s" % (pid, " or ".join(states))
        try:
            return wait_for(reached, seconds)
        except AssertionError as e:
            raise AssertionError("%s; it is %s: %s" % (e, self.proposal(pid)["state"], self.proposal(pid).get("reason"))) from e

    def store(self):
        import sqlite3
        return sqlite3.connect("file:%s?mode=ro" % os.path.join(self.state, "store.db"), uri=True)

    def rows(self, sql, *args):
        db = self.store()
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()


class World:
    """A folder with a sandbox and a daemon that hear each other."""

    def __init__(self, scenario="quickstart", seed=1, through=None, **settings):
        self.folder = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(self.folder, 0o700)
        self.sandbox = Sandbox(self.folder, scenario, seed).start()
        self.daemon = Daemon(self.folder, through or self.sandbox.url, **settings)

    def start(self, people=True, release=True, webhooks=True, **env):
        self.daemon.start(**env)
        if webhooks:
            self.hook()
        if people:
            self.people()
            if release:
                self.daemon.release(self.admin)
        return self

    def model(self, **settings):
        """The sandbox's model endpoint in the daemon's configuration; for start() or the next reload. Waiting times at a hundredth."""
        model = dict(base_url=self.sandbox.url + "/v1", dialect="openai_chat", name="sandbox-1", auth="none", canary=False,
                     allow_private_addresses=True, timeout_ms=2000, deadline_ms=10000, breaker_open_s=1)
        model.update(settings)
        self.daemon.configure(extra="model: " + json.dumps(model))
        return self

    def hook(self, **kw):
        self.sandbox.control("webhook", dict({"url": self.daemon.webhook_url, "secret": SECRET}, **kw))

    def people(self):
        add = self.daemon.add_person
        self.admin = add("Ines Duarte", "ines.duarte@lumenparcel.example", "PUINESD", "admin")
        self.asha = add("Asha Verma", "asha.verma@lumenparcel.example", "PUASHAV")
        self.bo = add("Bo Lindqvist", "bo.lindqvist@lumenparcel.example", "PUBOLIN")
        self.viewer = add("Greta Holm", "greta.holm@lumenparcel.example", "PUGRETH", "viewer")
        self.daemon.token = self.admin

    def close(self):
        try:
            return self.daemon.stop(), self.sandbox.stop()
        finally:
            self.sandbox.kill()  # when the daemon's end raised
            if not os.environ.get("TRIAGED_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)
