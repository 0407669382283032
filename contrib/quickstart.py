#!/usr/bin/env python3
"""The second half of contrib/quickstart: plays the sandbox and the daemon. Python's standard library only; loopback only."""
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(TOP, "build", "release", "src")
CTL = os.path.join(BIN, "cli", "triagectl")
STORM = 12

CONFIG = """# Written by contrib/quickstart; etc/triaged.yaml explains every setting.
state_dir: {dir}/state
rules_dir: {top}/rules
policy_file: {top}/etc/policy.yaml
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
triage:
  refresh_s: 2
gate:
  quiet_ms: 2000
  resend_gap_ms: 4000
  confirm_wait_ms: 50
"""


class Failed(Exception):
    pass


class Show:
    """Everything this script started, and the folder it lives in."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="triaged-quickstart-")
        self.children = []
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

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


def start(show):
    show.write("webhook-secret", secrets.token_hex(24))
    show.write("pagerduty-token", secrets.token_hex(10))
    with open(os.path.join(show.dir, "pagerduty-token")) as f:
        show.write("sandbox-tokens", json.dumps({"full": f.read()}))
    port_file = os.path.join(show.dir, "sandbox.port")
    oracle = os.path.join(show.dir, "oracle.ndjson")
    show.spawn("sandbox", [os.path.join(BIN, "sandbox", "triaged-sandbox"), "--port", "0", "--port-file", port_file, "--oracle", oracle,
                           "--token-file", os.path.join(show.dir, "sandbox-tokens"), "--scenario", "quickstart"])
    sandbox = Sandbox(show.port_of("sandbox", port_file))
    sandbox.oracle = oracle
    config = show.write("triaged.yaml", CONFIG.format(dir=show.dir, top=TOP, base_url="http://127.0.0.1:%d" % sandbox.port))
    show.spawn("triaged", [os.path.join(BIN, "daemon", "triaged"), "--config", config])
    port = show.port_of("triaged", os.path.join(show.dir, "state", "port"))
    d = Daemon(show, config)
    wait_for(lambda: os.path.exists(os.path.join(show.dir, "state", "control.sock")), 20, "the control socket")
    add_person(d, "Ines Duarte", "ines.duarte@lumenparcel.example", "PUINESD", "admin")
    with open(os.path.join(show.dir, "webhook-secret")) as f:
        sandbox.call("webhook", {"url": "http://127.0.0.1:%d/webhooks/pagerduty" % port, "secret": f.read()})
    wait_for(lambda: subprocess.run([CTL, "kill-switch", "release", "--yes"], env=d.environment(), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode == 0, 20,
             "the kill switch to be released")
    d.ctl("policy", "standing", "add", "--days", "1", "--yes")
    return sandbox, d


def storm(sandbox, d):
    sandbox.call("storm", {"count": STORM, "seed": 1})
    seen = {}

    def all_there():
        for row in d.json("incidents")["items"]:
            if row.get("judged_at") and row["id"] not in seen:
                seen[row["id"]] = row
                print("  #%-5s %-28.28s %-8s %s" % (row.get("number") or "?", row.get("service") or "?", row.get("severity") or "-",
                                                    row["title"]))
        return len(seen) >= STORM

    wait_for(all_there, 40, "all incidents to be judged")
    return list(seen)


def notes_settle(sandbox):
    """Until the standing note is on every incident and nothing more is written for a moment."""
    last, since = -1, time.monotonic()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        n = len(sandbox.effects())
        if n != last:
            last, since = n, time.monotonic()
        elif n > 0 and time.monotonic() - since > 3:
            return
        time.sleep(0.1)


# ---- --check ------------------------------------------------------------------------------------------------------


def fresh_proposal(d, incident, verb, *args):
    out = json.loads(d.ctl("propose", incident, verb, *args, "--why", "quickstart check", "--json"))
    return d.proposal(out["id"])


def approve(d, p):
    d.ctl("approve", str(p["id"]), "--digest", p["digest"], "--yes")


def check_approved(sandbox, d, incident):
    p = fresh_proposal(d, incident, "escalate", "level=2")
    approve(d, p)
    d.wait_state(p["id"], "done")
    hits = [e for e in sandbox.effects() if e["incident_id"] == incident and e["kind"] == "escalate"]
    if len(hits) != 1:
        raise Failed("one escalation was approved, the oracle has %d" % len(hits))
    return p["id"], "done"


def check_rejected(sandbox, d, incident):
    p = fresh_proposal(d, incident, "add_note", "content=This must never be written")
    d.ctl("reject", str(p["id"]), "--digest", p["digest"], "--reason", "not needed", "--yes")
    d.wait_state(p["id"], "rejected")
    if any("must never be written" in json.dumps(e) for e in sandbox.effects()):
        raise Failed("a rejected note was written")
    return p["id"], "rejected"


def check_stale(sandbox, d, incident):
    """Approved while the kill switch holds execution back; the incident moves meanwhile."""
    d.ctl("kill-switch", "engage", "--reason", "quickstart check")
    p = fresh_proposal(d, incident, "escalate", "level=2")
    approve(d, p)
    sandbox.act(incident, "bo.lindqvist@lumenparcel.example", "resolve")
    d.wait_state(p["id"], "stale")
    d.ctl("kill-switch", "release", "--yes")
    if any(e["incident_id"] == incident and e["kind"] == "escalate" for e in sandbox.effects()):
        raise Failed("a stale escalation was carried out")
    return p["id"], "stale"


def check_overtaken(sandbox, d, incident):
    p = fresh_proposal(d, incident, "escalate", "level=2")
    sandbox.act(incident, "carmen.ortega@lumenparcel.example", "escalate", level=2)
    d.wait_state(p["id"], "overtaken")
    return p["id"], "overtaken"


def check(sandbox, d, incidents):
    status = {i: d.api("GET", "/incidents/" + i) for i in incidents}
    # Escalations to a level need high urgency: the storm has both.
    high = [i for i in incidents if json.dumps(status[i]).find('"urgency": "low"') < 0]
    if len(high) < 4:
        raise Failed("the storm has fewer than four urgent incidents")
    for act, incident in zip((check_approved, check_rejected, check_stale, check_overtaken), high):
        pid, state = act(sandbox, d, incident)
        print("  proposal %d: %s, as it should be" % (pid, state))
    notes_settle(sandbox)
    agree(sandbox, d)


def agree(sandbox, d):
    """The oracle's effects are exactly the ones that the gate calls done, each once."""
    done = {}
    for state in ("done", "executing", "approved", "unsure", "failed"):
        for p in d.api("GET", "/proposals?state=%s&limit=200" % state)["items"]:
            if state in ("executing", "approved", "unsure"):
                raise Failed("proposal %d is still %s" % (p["id"], state))
            if state == "done":
                for action in d.proposal(p["id"])["actions"]:
                    done[(p["id"], action["ord"])] = action["verb"]
    effects = sandbox.effects()
    if len(effects) != len(done):
        raise Failed("the gate calls %d actions done, the oracle has %d effects:\n%s" % (
            len(done), len(effects), "\n".join("%s %s" % (e["kind"], e["incident_id"]) for e in effects)))
    print("  %d actions done, %d effects in the oracle" % (len(done), len(effects)))
    print("  " + d.ctl("audit", "verify").strip().replace("\n", "\n  "))


# ---- interactive --------------------------------------------------------------------------------------------------


def tell(show, d):
    items = d.proposals()
    print()
    print(show.bold("%d proposals wait for a person." % len(items)))
    print(d.ctl("proposals"))
    print("In another terminal:")
    print("  export TRIAGED_CONFIG=%s TRIAGED_TOKEN_FILE=%s" % (d.config, d.token_file))
    print("  alias triagectl=%s" % CTL)
    first = items[0] if items else None
    incident = d.json("incidents")["items"][0]
    print("  triagectl show %s             # what is known, what was not checked, who is on call, what comes next" % incident["number"])
    if first:
        print("  triagectl approve %-4s          # shows the exact effect, asks, then it happens once" % first["id"])
        print("  triagectl explain %-4s          # evidence, rule, policy, decisions, calls" % first["id"])
    print("  triagectl audit verify          # the log proves itself")
    print("  triagectl help")
    print()
    print(show.bold("Ctrl-C ends everything and leaves nothing behind."), flush=True)


def follow(d):
    """New states of proposals as they come, until Ctrl-C."""
    after = 0
    while True:
        rows = d.api("GET", "/audit?after=%d&limit=200" % after)
        for row in rows["items"]:
            after = row["seq"]
            if row["verb"].startswith(("proposal.", "decision.", "execution.done")) and after > follow.quiet_until:
                print("  %s %-22s %s by %s" % (row["at"], row["verb"], row["subject"], row["actor"]), flush=True)
        if not rows["items"]:
            follow.quiet_until = max(follow.quiet_until, 0)
            time.sleep(0.5)


follow.quiet_until = 0


def main():
    checking = "--check" in sys.argv[1:]
    show = Show()
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, the terminal is closed

    def on_signal(_sig, _frame):
        for sig in ends:
            signal.signal(sig, signal.SIG_IGN)  # a second Ctrl-C must not cut the cleaning up short
        raise KeyboardInterrupt

    for sig in ends:  # a shell starts a background job with SIGINT ignored
        signal.signal(sig, on_signal)
    code = 0
    try:
        begun = time.monotonic()
        sandbox, d = start(show)
        print("sandbox and daemon are up after %.1f s; a storm of %d incidents begins" % (time.monotonic() - begun, STORM))
        incidents = storm(sandbox, d)
        notes_settle(sandbox)
        if checking:
            check(sandbox, d, incidents)
            print("quickstart --check: all is well")
        else:
            tell(show, d)
            follow.quiet_until = d.api("GET", "/audit?newest=1&limit=1")["items"][0]["seq"]
            follow(d)
    except KeyboardInterrupt:
        code = 130 if checking else 0
    except Failed as e:
        print("quickstart: %s" % e, file=sys.stderr)
        for name in ("triaged", "sandbox"):
            if os.path.exists(os.path.join(show.dir, name + ".log")):
                print("---- end of the %s log\n%s" % (name, show.log_tail(name)), file=sys.stderr)
        code = 1
    finally:
        show.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
