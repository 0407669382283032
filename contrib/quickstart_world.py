"""The stand-in world of contrib/quickstart: a sandbox, a daemon and their folder. Python's standard library only; loopback only."""
import fcntl
import http.client
import json
import os
import pty
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(TOP, "build", "release", "src")
CTL = os.path.join(BIN, "cli", "triagectl")
DAYS = 120  # of past that the sandbox has

CONFIG = """# Written by contrib/quickstart; etc/triaged.yaml explains every setting.
state_dir: {dir}/state
rules_dir: {top}/rules
policy_file: {top}/etc/policy.yaml
sources_file: {dir}/sources.yaml
runbooks_dir: {top}/runbooks
intake:
  port: 0
  webhooks:
    - name: ""
      secret_files: [{dir}/webhook-secret]
pagerduty:
  base_url: {base_url}
  token_file: {dir}/pagerduty-token
  from_email: triaged@lumenparcel.example
  allow_private_addresses: true
  per_minute: 12000            # the sandbox has no limit here; PagerDuty's is 960, the default
model:                         # a stand-in that fills in the form by fixed rules; it has read nothing but the question
  base_url: {base_url}/v1
  dialect: openai_chat
  name: sandbox-stand-in
  auth: none
  allow_private_addresses: true
triage:
  refresh_s: 2
gate:
  quiet_ms: 2000
  resend_gap_ms: 4000
  confirm_wait_ms: 50
"""

# One row each of what etc/sources.yaml has; the hosts are the sandbox's own Prometheus, Loki, GitHub and status page.
SOURCES = """# Written by contrib/quickstart; etc/sources.yaml and docs/sources.md explain every member.
hosts:
  - {{name: prometheus, base_url: "{base_url}/_outside/prometheus", allow_private_addresses: true, probe: /api/v1/alerts}}
  - {{name: loki, base_url: "{base_url}/_outside/loki", allow_private_addresses: true, probe: "/loki/api/v1/query_range?query=%7Bservice%3D%22payments%22%7D"}}
  - {{name: github, base_url: "{base_url}/_outside/github", allow_private_addresses: true, probe: /repos/lumenparcel/payments/commits}}
  - {{name: status-page, base_url: "{base_url}/_outside/status", allow_private_addresses: true, probe: /api/v2/summary.json}}
sources:
  - name: metric-of-the-alert
    host: prometheus
    title: What the alert measured (highest value)
    when:
      alerts.details.metric: {{exists: true}}
    url: /api/v1/query_range
    params:
      query: '{{{{__name__="{{alerts.details.metric|quote}}",service="{{service.name|quote}}"}}}}'
      start: '{{from}}'
      end: '{{until}}'
      step: '{{step}}'
    extract:
      json: data.result[*]
      values: max
      line: '{{metric.instance}}: up to {{values}}'
      max: 2
  - name: error-lines
    host: loki
    title: Newest error lines
    url: /loki/api/v1/query_range
    params:
      query: '{{{{service="{{service.name|quote}}"}}}} |= "error"'
      start: '{{from_ns}}'
      end: '{{until_ns}}'
      limit: 3
    window: {{before: 10m, after: 5m}}
    extract:
      json: data.result[*].values[*]
      line: '{{[1]}}'
      max: 3
  - name: deployments
    host: github
    title: Latest deployments to production
    url: /repos/lumenparcel/{{service.id}}/deployments
    params: {{environment: production, per_page: 3}}
    extract:
      json: '[*]'
      line: '{{created_at}} {{ref}} by {{creator.login}}: {{description}}'
      max: 3
  - name: status-page
    host: status-page
    title: What our own status page says
    url: /api/v2/summary.json
    extract:
      json: components[status!=operational]
      line: '{{name}}: {{status}}'
      max: 3
"""


class Failed(Exception):
    pass


class Show:
    """Everything this script started, and the folder it lives in."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="triaged-quickstart-")
        self.children = []
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))

    def bold(self, text):
        return "\033[1m%s\033[0m" % text if self.colour else text

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
        return path

    def spawn(self, name, argv):
        with open(os.path.join(self.dir, name + ".log"), "ab") as log:
            child = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.children.append((name, child))
        return child

    def log_tail(self, name):
        with open(os.path.join(self.dir, name + ".log"), errors="replace") as f:
            return "".join(f.readlines()[-15:])

    def port_of(self, name, path):
        def there():
            for who, child in self.children:
                if who == name and child.poll() is not None:
                    raise Failed("%s ended at start:\n%s" % (name, self.log_tail(name)))
            return os.path.exists(path)

        wait_for(there, 20, "%s to listen" % name)
        with open(path) as f:
            return int(f.read())

    def close(self):
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for _, child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_for(what, seconds, name):
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("waited %d s for %s" % (seconds, name))
        time.sleep(0.05)


class Sandbox:
    def __init__(self, port):
        self.port = port

    def call(self, path, body=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        conn.request("GET" if body is None else "POST", "/_sandbox/" + path, None if body is None else json.dumps(body))
        answer = conn.getresponse()
        raw = answer.read()
        conn.close()
        if answer.status >= 300:
            raise Failed("the sandbox said %d to %s: %s" % (answer.status, path, raw[:300]))
        return json.loads(raw)

    def act(self, incident, who, action, **args):
        return self.call("incidents/%s/act" % incident, dict(args, **{"as": who, "action": action}))

    def effects(self):
        with open(self.oracle) as f:
            lines = [json.loads(line) for line in f]
        return [line for line in lines if line.get("source") == "api"]


def read_all(fd):
    """Of a terminal's other side: its end is an error there."""
    parts = []
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            part = b""
        if not part:
            return b"".join(parts).decode(errors="replace").replace("\r\n", "\n")
        parts.append(part)


class Daemon:
    """triagectl with the right configuration and a person's token."""

    def __init__(self, show, config):
        self.show, self.config = show, config
        self.token_file = os.path.join(show.dir, "token")

    def environment(self):
        """Never the caller's own token: that one belongs to another installation."""
        env = dict(os.environ, TRIAGED_CONFIG=self.config, HOME=self.show.dir, NO_COLOR="1")
        env.pop("TRIAGED_TOKEN_FILE", None)
        if os.path.exists(self.token_file):
            env["TRIAGED_TOKEN_FILE"] = self.token_file
        return env

    def page(self, *args):
        """What triagectl prints; where we have a terminal, as it prints there: in its width and colours."""
        if not sys.stdout.isatty():
            return self.ctl(*args)
        env = self.environment()
        if self.show.colour:
            env.pop("NO_COLOR")
        mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, self.show.width, 0, 0))
        with subprocess.Popen([CTL] + list(args), env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE) as child:
            os.close(theirs)
            text = read_all(mine)
            why = child.stderr.read().decode(errors="replace")
        os.close(mine)
        if child.returncode != 0:
            raise Failed("triagectl %s: exit %d\n%s%s" % (" ".join(args), child.returncode, text, why))
        return text

    def ctl(self, *args, ok=(0,)):
        done = subprocess.run([CTL] + list(args), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True)
        if done.returncode not in ok:
            raise Failed("triagectl %s: exit %d\n%s%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def proposals(self):
        return self.json("proposals")["items"]

    def proposal(self, pid):
        return self.api("GET", "/proposals/%d" % pid)

    def api(self, method, path):
        conn = http.client.HTTPConnection("localhost", timeout=20)
        conn.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        conn.sock.connect(os.path.join(self.show.dir, "state", "control.sock"))
        conn.request(method, "/api/v1" + path)
        answer = json.loads(conn.getresponse().read())
        conn.close()
        return answer

    def wait_state(self, pid, *states):
        return wait_for(lambda: (lambda p: p if p["state"] in states else None)(self.proposal(pid)), 30,
                        "proposal %d to become %s" % (pid, " or ".join(states)))


def add_person(d, name, email, pd_user, role):
    """People are added over the control socket, which root and the daemon's user may use without a token."""
    d.ctl("user", "add", name, email, "--pagerduty", pd_user, "--role", role)
    d.ctl("user", "token", "new", email, "--label", "quickstart", "--out", d.token_file)


def read(show, name):
    with open(os.path.join(show.dir, name)) as f:
        return f.read()


def start_sandbox(show):
    show.write("webhook-secret", secrets.token_hex(24))
    show.write("pagerduty-token", secrets.token_hex(10))
    show.write("read-only-key", secrets.token_hex(10))
    show.write("sandbox-tokens", json.dumps({"full": read(show, "pagerduty-token"), "read_only": read(show, "read-only-key")}))
    port_file = os.path.join(show.dir, "sandbox.port")
    oracle = os.path.join(show.dir, "oracle.ndjson")
    show.spawn("sandbox", [os.path.join(BIN, "sandbox", "triaged-sandbox"), "--port", "0", "--port-file", port_file, "--oracle", oracle,
                           "--token-file", os.path.join(show.dir, "sandbox-tokens"), "--scenario", "quickstart"])
    sandbox = Sandbox(show.port_of("sandbox", port_file))
    sandbox.oracle = oracle
    sandbox.url = "http://127.0.0.1:%d" % sandbox.port
    sandbox.call("ratelimit", {"limit": 0})
    sandbox.call("features", {"aiops": 402})  # as on most accounts: what is not to be had is named, and not missed
    return sandbox


def start_daemon(show, sandbox):
    show.write("sources.yaml", SOURCES.format(base_url=sandbox.url))
    config = show.write("triaged.yaml", CONFIG.format(dir=show.dir, top=TOP, base_url=sandbox.url))
    show.spawn("triaged", [os.path.join(BIN, "daemon", "triaged"), "--config", config])
    port = show.port_of("triaged", os.path.join(show.dir, "state", "port"))
    d = Daemon(show, config)
    wait_for(lambda: os.path.exists(os.path.join(show.dir, "state", "control.sock")), 20, "the control socket")
    add_person(d, "Ines Duarte", "ines.duarte@lumenparcel.example", "PUINESD", "admin")
    sandbox.call("webhook", {"url": "http://127.0.0.1:%d/webhooks/pagerduty" % port, "secret": read(show, "webhook-secret")})
    wait_for(lambda: subprocess.run([CTL, "kill-switch", "release", "--yes"], env=d.environment(), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode == 0, 20,
             "the kill switch to be released")
    d.ctl("policy", "standing", "add", "--days", "1", "--yes")
    return d
