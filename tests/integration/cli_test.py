"""triagectl as people and scripts use it: the real binaries, a sandbox, no account."""
import json
import os
import pty
import re
import select
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

from tests.lib.world import BIN, FULL_KEY, READONLY_KEY, SECRET, TOP, USER_KEY, World, shared, wait_for

CTL = os.path.join(BIN, "cli", "triagectl")
MODEL_KEY = "sk-tests-only-0123456789"
DONE, FAILED, USAGE, NOT_FOUND, REFUSED = range(5)


def ctl(*args, config=None, token=None, env=None, stdin=subprocess.DEVNULL):
    """(exit code, standard output, standard error). HOME is a folder without a token."""
    e = {k: v for k, v in os.environ.items() if not k.startswith("TRIAGED_")}
    e["HOME"] = "/nonexistent"
    if token:
        e["TRIAGED_TOKEN_FILE"] = token
    e.update(env or {})
    argv = [CTL] + (["--config", config] if config else []) + [str(a) for a in args]
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=stdin, env=e, text=True, timeout=60)
    assert p.returncode in range(5), (argv, p.returncode, p.stderr)
    assert "Sanitizer" not in p.stderr, p.stderr
    return p.returncode, p.stdout, p.stderr


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="triaged-cli-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name, text=None, mode=0o600):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
                f.write(text)
        return path


class WithoutADaemon(Folder):
    def test_wrong_use_says_what_to_do_and_exits_2(self):
        """Each row is something a tired person types."""
        rows = [
            (["aprove", "3"], "did you mean 'approve'?"),
            (["audit", "verfy"], "did you mean 'audit verify'?"),
            (["audit"], "'audit' needs one more word"),
            (["jobs", "rety"], "did you mean 'jobs retry'?"),
            (["approve", "3", "--resaon", "x"], "did you mean '--reason'?"),
            (["approve"], "an argument is missing: triagectl approve PROPOSAL"),
            (["approve", "three"], "a proposal is a number, not 'three'"),
            (["approve", "3", "--reason"], "--reason needs a value"),
            (["status", "--json=1"], "--json is a switch"),
            (["status", "now"], "'now' is one argument too many"),
            (["reject", "3"], "--reason"),
            (["settle", "3", "--reason", "x"], "--happened or --did-not"),
            (["settle", "3", "--happened", "--did-not", "--reason", "x"], "--happened or --did-not"),
            (["show", "../users"], "its number (4187) or its PagerDuty id"),
            (["evidence", "4187", "four"], "like E3"),
            (["incidents", "--limit", "0"], "--limit must be a whole number from 1 to 200"),
            (["incidents", "--limit", "99999999999999999999"], "--limit must be a whole number"),
            (["kill-switch", "engage"], "say why"),
            (["audit", "verify", "--from", "17"], "SEQ:HASH"),
            (["audit", "verify", "--file", "a", "--store", "b"], "not both"),
            (["user", "add", "Bo", "bo"], "no e-mail address"),
            (["user", "add", "Bo", "bo@example.com", "--role", "root"], "viewer (looks), responder (decides), admin"),
            (["user", "token", "new", "1"], "--out FILE, or --mine"),
            (["init"], "nobody to ask here: give --yes"),
            (["help", "nothing-like-it"], "'triagectl help' lists them"),
        ]
        for args, words in rows:
            with self.subTest(args=args):
                code, out, err = ctl(*args, config=self.path("none.yaml"))
                self.assertEqual((code, out), (USAGE, ""), err)
                self.assertIn(words, err)
                self.assertTrue(err.startswith("triagectl: "), err)

    def test_every_command_has_a_page_of_help(self):
        code, out, _ = ctl("help")
        self.assertEqual(code, DONE)
        names = re.findall(r"^  ([a-z][a-z-]*(?: [a-z]+)*) ", out.split("Flags of every command")[0], re.M)
        self.assertGreater(len(names), 40)
        for name in names:
            with self.subTest(command=name):
                code, page, _ = ctl("help", *name.split())
                self.assertEqual(code, DONE)
                self.assertIn("triagectl " + name, page)
                self.assertEqual(ctl(*name.split(), "--help")[:2], (DONE, page))

    def test_errors_are_json_too(self):
        code, out, err = ctl("--json", "status", config=self.path("none.yaml"))
        self.assertEqual(code, FAILED)
        self.assertIn("none.yaml", json.loads(out)["detail"])
        self.assertIn("triagectl init", err)

    def test_the_completion_is_the_one_that_is_shipped(self):
        shipped = os.path.join(TOP, "contrib", "completion", "triagectl.bash")
        code, out, _ = ctl("completion", "bash")
        self.assertEqual(code, DONE)
        with open(shipped) as f:
            self.assertEqual(f.read(), out, "run: triagectl completion bash > contrib/completion/triagectl.bash")
        done = subprocess.run(["shellcheck", "-s", "bash", shipped], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def complete(self, *words):
        script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _triagectl; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, os.path.join(TOP, "contrib", "completion", "triagectl.bash"),
                               "triagectl"] + list(words), stdout=subprocess.PIPE, text=True, check=True, cwd=self.folder)
        return done.stdout.split()

    def test_the_completion_offers_commands_and_flags(self):
        self.assertEqual(self.complete("appr"), ["approve"])
        self.assertEqual(self.complete("audit", ""), ["list", "show", "verify", "export"])
        self.assertEqual(self.complete("--config", "x.yaml", "policy", "standing", "re"), ["revoke"])
        self.assertIn("--digest", self.complete("approve", "7", "--d"))

    def test_a_bad_rule_file_is_named_with_its_line(self):
        os.mkdir(self.path("rules"))
        self.path("rules/10-a.yaml", "rules:\n  - name: a\n    when: {incident.titel: {contains: disk}}\n    then: {severity: SEV-1}\n",
                  0o644)
        code, out, err = ctl("rules", "check", self.path("rules"))
        self.assertEqual((code, out), (FAILED, ""))
        self.assertIn("10-a.yaml:3", err)
        self.assertIn("incident.title", err)
        self.assertEqual(ctl("rules", "check", self.path("nowhere"))[0], NOT_FOUND)

    def test_the_shipped_rules_and_policy_compile(self):
        code, out, err = ctl("rules", "check", os.path.join(TOP, "rules"))
        self.assertEqual(code, DONE, err)
        self.assertIn("rules compile", out)
        code, out, _ = ctl("rules", "check", os.path.join(TOP, "rules"), "--json")
        self.assertTrue(json.loads(out)["ok"])
        self.assertEqual(ctl("policy", "check", os.path.join(TOP, "etc", "policy.yaml"))[0], DONE)

    def test_rules_try_explains_which_rule_matched(self):
        body = shared("pagerduty", "webhooks", "incident.triggered.json")
        code, out, err = ctl("rules", "try", body, "--rules", os.path.join(TOP, "rules"))
        self.assertEqual(code, DONE, err)
        self.assertIn("Verdict", out)
        self.assertRegex(out, r"it is unknown \(not checked\)")
        code, out, _ = ctl("rules", "try", body, "--rules", os.path.join(TOP, "rules"), "--json")
        self.assertEqual(set(json.loads(out)), {"verdict", "explain", "facts"})
        code, _, err = ctl("rules", "try", self.path("no.json", "{"), "--rules", os.path.join(TOP, "rules"))
        self.assertEqual(code, FAILED)
        self.assertIn("no.json", err)
        self.assertEqual(ctl("rules", "try", self.path("absent.json"), "--rules", os.path.join(TOP, "rules"))[0], NOT_FOUND)

    def test_policy_try_says_whom_it_needs(self):
        facts = self.path("facts.json", json.dumps({"action": {"verb": "resolve"}, "incident": {"priority": "P1"}}))
        policy = os.path.join(TOP, "etc", "policy.yaml")
        code, out, err = ctl("policy", "try", facts, "--policy", policy)
        self.assertEqual(code, DONE, err)
        self.assertIn("one admin or more", out)
        self.assertEqual(json.loads(ctl("policy", "try", facts, "--policy", policy, "--json")[1])["answer"]["rule"], "resolve-p1")
        bad = self.path("bad.yaml", "rules:\n  - name: x\n    need: anyone\n")
        code, _, err = ctl("policy", "check", bad)
        self.assertEqual(code, FAILED)
        self.assertIn("bad.yaml:3", err)
        self.assertEqual(ctl("policy", "check", self.path("absent.yaml"))[0], NOT_FOUND)

    def test_the_kill_switch_engages_with_the_daemon_down(self):
        state = self.path("state")
        os.mkdir(state, 0o700)
        config = self.path("triaged.yaml", "state_dir: state\n")
        self.assertIn("released", ctl("kill-switch", config=config)[1])
        code, out, err = ctl("kill-switch", "engage", "--reason", "it pages \x1b[31meverybody", config=config)
        self.assertEqual(code, DONE, err)
        self.assertIn("not running", err)
        with open(os.path.join(state, "kill-switch")) as f:
            text = f.read()
        self.assertIn("it pages", text)
        self.assertNotIn("\x1b", text)
        self.assertIn("engaged", ctl("kill-switch", "status", config=config)[1])
        code, _, err = ctl("kill-switch", "engage", "--reason", "x", config=self.path("absent.yaml"))
        self.assertEqual(code, FAILED)
        self.assertIn("NOT engaged", err)

    def test_a_token_file_that_others_may_read_is_refused(self):
        """INV-7: and its text is in no message."""
        config = self.path("triaged.yaml", "state_dir: state\n")
        for name, text, mode, words in [("open", "trg_SECRETTEXT", 0o644, "open"), ("empty", "", 0o600, "empty"),
                                        ("lines", "trg_SECRETTEXT\r\nX: y", 0o600, "one token")]:
            with self.subTest(name=name):
                code, out, err = ctl("status", config=config, token=self.path(name, text, mode))
                self.assertIn(code, (FAILED, REFUSED))
                self.assertIn(words, err)
                self.assertNotIn("SECRETTEXT", out + err)
        self.assertIn("absent", ctl("status", config=config, token=self.path("absent"))[2])

    def test_a_token_does_not_travel_in_the_clear(self):
        code, _, err = ctl("--url", "http://triaged.example.com", "status", token=self.path("t", "trg_x"))
        self.assertEqual(code, FAILED)
        self.assertIn("https://", err)

    def init(self, *flags, env=None):
        return ctl("init", "--yes", "--dir", self.path("etc"), "--state-dir", self.path("state"), *flags, env=env)

    def test_init_writes_what_loads(self):
        key = self.path("key", FULL_KEY + "\n", 0o644)
        code, out, err = self.init("--token-file", key, "--base-url", "http://127.0.0.1:9", "--allow-private", "--port", "0",
                                   "--from", "triaged@lumenparcel.example", "--time-zone", "Europe/Oslo",
                                   env={"TRIAGED_WEBHOOK_SECRET": SECRET})
        self.assertEqual(code, DONE, err)
        self.assertIn("https://YOUR-HOST/webhooks/pagerduty", out)
        self.assertNotIn(FULL_KEY, out + err)
        self.assertNotIn(SECRET, out + err)
        for name, text in (("pagerduty-token", FULL_KEY), ("webhook-secret", SECRET)):
            path = self.path("etc/" + name)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path) as f:
                self.assertEqual(f.read(), text)
        for name in os.listdir(os.path.join(TOP, "rules")):
            with open(os.path.join(TOP, "rules", name)) as a, open(self.path("etc/rules/" + name)) as b:
                self.assertEqual(a.read(), b.read())
        for name in os.listdir(os.path.join(TOP, "runbooks")):
            with open(os.path.join(TOP, "runbooks", name)) as a, open(self.path("etc/runbooks/" + name)) as b:
                self.assertEqual(a.read(), b.read())
        # Every line of sources.yaml is there, and none of it is in force: its hosts are nobody's.
        with open(os.path.join(TOP, "etc", "sources.yaml")) as a, open(self.path("etc/sources.yaml")) as b:
            shipped, written = a.read().split("\n"), b.read().split("\n")
        self.assertEqual(written, [x if not x or x.startswith("#") else "# " + x for x in shipped])
        with open(self.path("etc/triaged.yaml")) as f:
            text = f.read()
        self.assertIn("\n# model:\n#   base_url: ", text, "without a model its section stays a comment")
        for line in ("  port: 0 ", "  time_zone: Europe/Oslo ", "  from_email: triaged@lumenparcel.example ",
                     "  allow_private_addresses: true ", "  base_url: http://127.0.0.1:9 "):
            self.assertIn(line, text)
        daemon = subprocess.run([os.path.join(BIN, "daemon", "triaged"), "--check", "--config", self.path("etc/triaged.yaml")],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(daemon.returncode, 0, daemon.stdout)
        self.assertRegex(daemon.stdout, r"\d+ rules, \d+ policy rules, 0 sources, 4 runbooks, prompt \S+, no model")

    def test_init_takes_a_model(self):
        rows = [  # flags, lines that are in force, lines that are not
            (["--model-url", "https://api.openai.com/v1", "--model-name", "gpt-4.1-mini", "--model-key-file", self.path("key", "sk-tests\n")],
             ["dialect: openai_chat", "name: gpt-4.1-mini", "key_file: model-key"], ["auth:", "allow_private"]),
            (["--model-url", "https://api.anthropic.com", "--model-name", "claude-sonnet-4-5"], ["dialect: anthropic"], ["auth:", "key_file:"]),
            (["--model-url", "http://127.0.0.1:11434", "--model-name", "llama3.1"],
             ["dialect: ollama", "auth: none", "allow_private_addresses: true"], ["key_file:"]),
            (["--model-url", "http://127.0.0.1:8000/v1", "--model-name", "m", "--model-dialect", "openai_chat"],
             ["dialect: openai_chat", "auth: none"], ["key_file:"]),
        ]
        for flags, there, absent in rows:
            with self.subTest(flags=flags):
                code, out, err = self.init("--force", *flags)
                self.assertEqual(code, DONE, err)
                self.assertNotIn("sk-tests", out + err)
                with open(self.path("etc/triaged.yaml")) as f:
                    section = f.read().split("\nmodel:\n")[1].split("\n\n")[0]
                live = [x.strip() for x in section.split("\n") if not x.startswith("#")]
                for line in ["base_url: " + flags[1]] + there:
                    self.assertTrue([x for x in live if re.match(re.escape(line) + r"( |$)", x)], (line, live))
                for key in absent:
                    self.assertFalse([x for x in live if x.startswith(key)], (key, live))
                self.assertEqual("If the model wants a key" in out, "anthropic" in flags[1])
                checked = subprocess.run([os.path.join(BIN, "daemon", "triaged"), "--check", "--config", self.path("etc/triaged.yaml")],
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(checked.returncode, 0, checked.stdout)
                self.assertIn(", a model", checked.stdout)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("etc/model-key")).st_mode), 0o600)
        for flags, words in [(["--model-name", "x"], "go with --model-url"), (["--model-url", "https://x"], "needs --model-name"),
                             (["--model-url", "https://x", "--model-name", "y", "--model-dialect", "z"], "'z' is none of openai_chat")]:
            with self.subTest(flags=flags):
                code, _, err = self.init("--force", *flags)
                self.assertEqual(code, USAGE)
                self.assertIn(words, err)

    def test_a_mistake_in_any_file_is_found_before_the_start(self):
        """`triaged --check` says what, where, and what to do, in one line."""
        self.assertEqual(self.init()[0], DONE)
        model = "model: {dialect: anthropic, name: m, base_url: '%s'}\n"
        runbook = "---\ntitle: x\n%s\n---\n# x\n"
        rows = [  # file below etc/ (None: lines added to triaged.yaml), text, what is said
            (None, model % "http://10.0.0.5/v1", "base URL of the model: plain http is only for a loopback address; use https://"),
            (None, model % "https://x/v1?a=1", "base URL of the model: a query does not belong there"),
            (None, (model % "https://x").replace("name: m", "name: m, schema_mode: nested"), "the dialect anthropic knows only strict"),
            (None, (model % "https://x").replace("name: m", "name: m, key_file: nokey"), "nokey: No such file or directory; put the secret into it"),
            (None, "prompts_dir: nowhere\n", "nowhere/triage.md is missing"),
            (None, "send: {default: {kinds: [alerts]}}\n", 'send.default.kinds: there is no kind of evidence "alerts"'),
            (None, "redaction: {off: [phon]}\n", 'there is no class "phon"'),
            ("sources.yaml", "hosts:\n\t- name: x\n", r"sources.yaml:2: found a character .* a tab \(indent with spaces\)"),
            ("sources.yaml", "hosts:\n  - {name: h, base_url: 'http://10.0.0.1'}\n", "sources.yaml:2: plain http is only for a loopback"),
            ("runbooks/x.md", runbook % "sevices: [a]", "x.md:3: sevices: unknown key 'sevices'"),
            ("runbooks/x.md", "---\ntitle: x\n", "x.md:1: the front matter has no closing ---"),
        ]
        with open(self.path("etc/triaged.yaml")) as f:
            plain = f.read()
        for name, text, words in rows:
            with self.subTest(text=text):
                path = self.path("etc/" + (name or "triaged.yaml"))
                with open(path, "w") as f:
                    f.write(text if name else plain + text)
                done = subprocess.run([os.path.join(BIN, "daemon", "triaged"), "--check", "--config", self.path("etc/triaged.yaml")],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertRegex(done.stdout, words)
                self.assertEqual(done.stdout.count("\n"), 1, done.stdout)
                if name:
                    os.unlink(path)
                else:
                    with open(path, "w") as f:
                        f.write(plain)

    def test_init_leaves_work_alone(self):
        self.assertEqual(self.init()[0], DONE)
        for name in ("policy.yaml", "sources.yaml", "runbooks/disk-full.md"):
            with open(self.path("etc/" + name), "a") as f:
                f.write("# ours\n")
        code, _, err = self.init()
        self.assertEqual(code, FAILED)
        self.assertIn("--force", err)
        code, _, err = self.init("--force")
        self.assertEqual(code, DONE, err)
        for name in ("policy.yaml", "sources.yaml", "runbooks/disk-full.md"):
            with open(self.path("etc/" + name)) as f:
                self.assertTrue(f.read().endswith("# ours\n"), name)

    def test_init_without_secrets_says_where_they_go(self):
        code, out, _ = self.init()
        self.assertEqual(code, DONE)
        self.assertIn("pagerduty-token", out)
        self.assertIn("webhook-secret", out)
        self.assertEqual(ctl("rules", "check", config=self.path("etc/triaged.yaml"))[0], DONE)
        code, out, _ = self.init("--force", "--json")
        self.assertEqual(json.loads(out)["webhook_path"], "/webhooks/pagerduty")

    def test_init_refuses_what_does_not_load(self):
        for flags, words in [(["--time-zone", "Mars/Olympus"], "time_zone"), (["--from", "nobody"], "from_email"),
                             (["--base-url", "ftp://x"], "base_url"), (["--bind", "everywhere"], "bind")]:
            with self.subTest(flags=flags):
                code, _, err = self.init("--force", *flags)
                self.assertEqual(code, FAILED)
                self.assertRegex(err, r"triaged\.yaml:\d+")

    def test_init_asks_on_a_terminal(self):
        answers = {"API (EU": "", "API key": FULL_KEY, "Webhook secret": SECRET, "subscription": "", "E-mail": "", "Folder": "",
                   "Address to": "", "Port": "nonsense", "a port is": "8099", "Time zone": "Europe/Oslo",
                   "Address of a model": "https://api.openai.com/v1", "Its dialect": "gpt", "a dialect is": "", "The model's name": "gpt-4.1-mini",
                   "Its key": MODEL_KEY}
        code, text = on_terminal(["init", "--dir", self.path("etc"), "--state-dir", self.path("state")], answers)
        self.assertEqual(code, DONE, text)
        for secret in (FULL_KEY, SECRET, MODEL_KEY):
            self.assertNotIn(secret, text)
        with open(self.path("etc/triaged.yaml")) as f:
            text = f.read()
        for line in ("\n  port: 8099", "\nmodel:\n  base_url: https://api.openai.com/v1", "\n  dialect: openai_chat", "\n  key_file: model-key"):
            self.assertIn(line, text)

    def test_doctor_works_without_a_daemon_and_says_what_is_wrong(self):
        self.init("--base-url", "http://127.0.0.1:9", "--allow-private", env={"TRIAGED_PAGERDUTY_TOKEN": FULL_KEY})
        code, out, err = ctl("doctor", "--json", config=self.path("etc/triaged.yaml"))
        self.assertEqual(code, FAILED, err)
        rows = {r["check"]: r for r in json.loads(out)["checks"]}
        self.assertEqual([rows[n]["level"] for n in ("configuration", "rules", "webhook secret", "daemon", "PagerDuty")],
                         ["ok", "ok", "FAIL", "FAIL", "FAIL"])
        self.assertIn("the first start engages it", rows["kill switch"]["what"])
        for r in rows.values():
            self.assertTrue(r["level"] == "ok" or r["todo"], r)
        self.assertEqual(ctl("doctor", config=self.path("none.yaml"))[0], FAILED)


def on_terminal(args, answers, config=None, token=None, seconds=30):
    """Runs triagectl on a pseudo terminal and answers each question once its words are there. (exit code, all text)."""
    pid, fd = pty.fork()
    if pid == 0:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TRIAGED_")}
        env.update(HOME="/nonexistent", TERM="xterm", NO_COLOR="1")
        if token:
            env["TRIAGED_TOKEN_FILE"] = token
        os.execve(CTL, [CTL] + (["--config", config] if config else []) + [str(a) for a in args], env)
    text, fresh, left = "", "", dict(answers)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(fd, 4096).decode(errors="replace")
        except OSError:
            break
        if not part:
            break
        text, fresh = text + part, fresh + part
        for words in list(left):
            if words in fresh:
                os.write(fd, (left.pop(words) + "\n").encode())
                fresh = ""
                break
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


class Live(unittest.TestCase):
    """One world for all: people, an open incident, tokens in files."""

    @classmethod
    def setUpClass(cls):
        cls.w = World()
        cls.addClassCleanup(cls.w.close)
        cls.w.start(release=False)
        d = cls.w.daemon
        cls.config = d.config
        cls.tokens = {n: d.write("token-" + n, getattr(cls.w, n)) for n in ("admin", "asha", "bo", "viewer")}
        made = cls.w.sandbox.trigger(service="PSPARDB", title="Parcel Database connections at 97 %")
        cls.number, cls.incident = made["number"], made["id"]
        wait_for(lambda: d.ok("GET", "/incidents/" + cls.incident)["assessment"] if d.api("GET", "/incidents/" + cls.incident)[0] == 200
                 else None)

    def ctl(self, *args, as_=None, **kw):
        return ctl(*args, config=self.config, token=self.tokens[as_] if as_ else None, **kw)

    def ok(self, *args, as_=None):
        code, out, err = self.ctl(*args, as_=as_)
        self.assertEqual(code, DONE, (args, out, err))
        return out

    def json(self, *args, as_=None):
        return json.loads(self.ok("--json", *args, as_=as_))

    def release(self):
        def released():
            """the kill switch is released"""
            return self.ctl("kill-switch", "release", "--yes", as_="admin")[0] == DONE
        wait_for(released)

    def propose(self, *words, as_="asha"):
        return self.json("propose", self.number, *words, as_=as_)["id"]

    def digest(self, pid):
        return self.json("explain", pid)["digest"]

    def state(self, pid):
        return self.json("explain", pid)["state"]

    def test_reading_needs_no_token_and_is_json_everywhere(self):
        for args in (["status"], ["incidents"], ["incidents", "--all", "--limit", "5"], ["show", self.number], ["show", self.incident],
                     ["evidence", self.number, "E1"], ["evidence", self.incident, 1], ["proposals"], ["proposals", "--all"],
                     ["proposals", "--state", "done"], ["alarms"], ["verbs"], ["jobs"], ["quarantine"], ["kill-switch"],
                     ["audit", "list"], ["audit", "list", "--after", "2"], ["audit", "show", 1], ["audit", "verify"], ["rules", "list"],
                     ["policy", "standing", "list"], ["user", "list"], ["version"]):
            with self.subTest(args=args):
                self.json(*args)
                self.assertTrue(self.ok(*args))

    def test_the_card_has_what_is_known_and_what_is_not(self):
        out = self.ok("show", "#%d" % self.number, "--timeline")
        for words in ("Parcel Database connections at 97 %", "triggered, since", "times seen", "cleared itself", "median", "last fix",
                      "on call", "level 1: Asha Verma", "next page", "database-words", "NOT CHECKED", "E1", "Timeline", "Proposals"):
            self.assertIn(words, out)

    def test_hostile_text_does_not_reach_the_terminal(self):
        made = self.w.sandbox.trigger(service="PSLABEL", title="bad \u202e\x1b]0;owned\x07 title")
        wait_for(lambda: self.w.daemon.api("GET", "/incidents/" + made["id"])[0] == 200)
        for args in (["incidents"], ["show", made["id"]]):
            out = self.ok(*args)
            self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f\x7f\u202e]")

    def test_not_found_and_refused_have_their_exit_codes(self):
        rows = [(NOT_FOUND, None, ["show", "QNOBODYKNOWS"]), (NOT_FOUND, None, ["explain", 999999]), (NOT_FOUND, None, ["audit", "show", 999999]),
                (NOT_FOUND, None, ["evidence", self.number, "E999"]), (NOT_FOUND, None, ["user", "role", "nobody@example.com", "admin"]),
                (REFUSED, None, ["approve", 1]), (REFUSED, None, ["propose", self.number, "resolve"]),
                (REFUSED, None, ["kill-switch", "release", "--yes"]), (REFUSED, "viewer", ["propose", self.number, "add_note", "content=x"]),
                (REFUSED, "asha", ["user", "add", "X", "x@example.com"]), (REFUSED, "asha", ["kill-switch", "release", "--yes"]),
                (REFUSED, "asha", ["proposals", "--state", "nonsense"]),
                (USAGE, "asha", ["propose", self.number, "escalte"]), (USAGE, "asha", ["propose", self.number, "escalate", "level=two"]),
                (USAGE, "asha", ["propose", self.number, "escalate", "lvl=2"]), (USAGE, "asha", ["propose", self.number, "add_note", "content"])]
        for want, who, args in rows:
            with self.subTest(args=args):
                code, out, err = self.ctl(*args, as_=who)
                self.assertEqual(code, want, (out, err))
                self.assertGreater(len(err), 20)
                code, out, _ = self.ctl("--json", *args, as_=who)
                self.assertEqual(code, want)
                self.assertIn("detail", json.loads(out))

    def test_an_administrator_speaks_without_the_token_by_local(self):
        args = ["user", "add", "Local Person", "local.person@lumenparcel.example", "--role", "viewer"]
        self.assertEqual(self.ctl(*args, as_="asha")[0], REFUSED)
        self.assertIn("person", self.ok("--local", *args, as_="asha"))

    def test_people_and_tokens(self):
        """INV-7: the token is in its file and nowhere else."""
        self.ok("user", "add", "Carmen Ortega", "carmen.ortega@lumenparcel.example", "--pagerduty", "PUCARMO")
        out_file = os.path.join(self.w.folder, "carmen.token")
        out = self.ok("user", "token", "new", "carmen.ortega@lumenparcel.example", "--out", out_file, "--label", "laptop")
        self.assertEqual(stat.S_IMODE(os.stat(out_file).st_mode), 0o600)
        with open(out_file) as f:
            token = f.read().strip()
        self.assertTrue(token.startswith("trg_"))
        self.assertNotIn(token, out)
        tid = int(re.search(r"Token (\d+)", out).group(1))
        self.assertEqual(ctl("status", config=self.config, token=out_file)[0], DONE)
        self.assertEqual(self.ctl("user", "token", "new", "Carmen Ortega", "--out", out_file)[0], FAILED)  # it is there already
        self.ok("user", "disable", "carmen.ortega@lumenparcel.example")
        self.assertEqual(ctl("status", config=self.config, token=out_file)[0], REFUSED)
        self.ok("user", "enable", "Carmen Ortega")
        self.ok("user", "role", "Carmen Ortega", "viewer")
        self.assertEqual(ctl("propose", self.number, "add_note", "content=x", config=self.config, token=out_file)[0], REFUSED)
        self.ok("user", "token", "revoke", tid)
        self.assertEqual(ctl("status", config=self.config, token=out_file)[0], REFUSED)
        self.assertNotIn(token, out)
        other = os.path.join(self.w.folder, "second.token")
        answer = json.loads(self.ok("--json", "user", "token", "new", "Carmen Ortega", "--out", other))
        self.assertEqual(set(answer), {"id", "file"})

    def test_deciding_from_proposal_to_proof(self):
        """INV-3 as people meet it: edit, approve what was shown, see it done, undo."""
        self.release()
        pid = self.propose("add_note", "content=Restarted broker 2", "--why", "tests")
        old = self.digest(pid)
        self.assertIn("Revision 2", self.ok("edit", pid, "content=Restarted broker 3", as_="asha"))
        code, _, err = self.ctl("approve", pid, "--yes", "--digest", old, as_="asha")
        self.assertEqual(code, REFUSED, err)
        self.assertEqual(self.w.sandbox.effects(self.incident), [])
        self.assertEqual(self.ctl("approve", pid, as_="asha")[0], USAGE)  # no terminal, so nobody to ask
        self.assertEqual(self.ctl("approve", pid, "--yes", as_="asha")[0], USAGE)  # a script must say what it saw
        code, text = on_terminal(["approve", pid], {"[y/N]": "n"}, self.config, self.tokens["asha"])
        self.assertEqual(code, FAILED, text)
        code, text = on_terminal(["approve", pid], {"[y/N]": "y"}, self.config, self.tokens["asha"])
        self.assertEqual(code, DONE, text)
        self.assertIn("Restarted broker 3", text)
        self.assertIn("risk", text)
        self.assertIn(self.digest(pid), text)
        wait_for(lambda: self.state(pid) == "done")
        self.assertIn("Restarted broker 3", self.w.sandbox.effects(self.incident)[-1]["content"])
        out = self.ok("explain", pid)
        for words in ("Evidence and rule", "Revision 1", "Revision 2", "policy", "Asha Verma", "approve", "Executions",
                      "From asha.verma@lumenparcel.example", "Calls to PagerDuty"):
            self.assertIn(words, out)
        undo = self.json("undo", pid, as_="asha")["id"]
        self.json("approve", undo, "--yes", "--digest", self.digest(undo), as_="asha")
        wait_for(lambda: self.state(undo) == "done")
        self.assertIn("withdrawn", self.w.sandbox.effects(self.incident)[-1]["content"])
        self.assertIn("carried out", self.ok("doctor"))

    def test_a_rejection_keeps_its_reason(self):
        pid = self.propose("add_note", "content=first", "--then", "resolve", "resolution=done by hand", as_="bo")
        self.assertEqual(len(self.json("explain", pid)["actions"]), 2)
        self.ok("reject", pid, "--reason", "not yet, still burning", "--yes", "--digest", self.digest(pid), as_="asha")
        self.assertIn("not yet, still burning", self.ok("proposals", "--all", "--incident", self.number))
        code, _, err = self.ctl("reject", pid, "--reason", "again", "--yes", "--digest", self.digest(pid), as_="bo")
        self.assertEqual(code, REFUSED)
        self.assertIn("Asha Verma", err)

    def test_the_kill_switch_is_on_the_card(self):
        self.ok("kill-switch", "engage", "--reason", "tests look at it")
        self.addCleanup(self.release)
        self.assertIn("tests look at it", self.ok("kill-switch"))
        pid = self.propose("add_note", "content=with the switch engaged", as_="bo")
        code, text = on_terminal(["approve", pid], {"[y/N]": "n"}, self.config, self.tokens["bo"])
        self.assertIn("approving does nothing until it is released", text)
        out = self.ok("reject", pid, "--reason", "tests", "--yes", "--digest", self.digest(pid), as_="bo")
        self.assertIn("Rejected", out)

    def test_verify_finds_a_changed_copy(self):
        """INV-8"""
        copy = os.path.join(self.w.folder, "copy.db")
        src, dst = self.w.daemon.store(), sqlite3.connect(copy)
        src.backup(dst)
        src.close()
        head = self.json("audit", "verify")
        self.assertTrue(head["ok"])
        self.assertEqual(self.ctl("audit", "verify", "--store", copy)[0], DONE)
        dst.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'nobody' WHERE seq = 3;")
        dst.commit()
        dst.close()
        code, _, err = self.ctl("audit", "verify", "--store", copy)
        self.assertEqual(code, FAILED)
        self.assertIn("row 3", err)
        export = os.path.join(self.w.folder, "audit.jsonl")
        self.ok("audit", "export", "--jsonl", export)
        self.assertEqual(self.ctl("audit", "verify", "--file", export)[0], DONE)
        with open(export) as f:
            lines = f.readlines()
        first = json.loads(lines[0])
        self.assertEqual(self.ctl("audit", "verify", "--file", export, "--from", "1:" + first["hash"])[0], DONE)
        self.assertEqual(self.ctl("audit", "verify", "--file", export, "--from", "1:" + "0" * 64)[0], FAILED)
        with open(export, "w") as f:
            f.writelines(lines[:2] + lines[3:])
        code, out, _ = self.ctl("--json", "audit", "verify", "--file", export)
        self.assertEqual((code, json.loads(out)["ok"]), (FAILED, False))
        self.assertEqual(self.ctl("audit", "verify", "--store", copy + "-absent")[0], NOT_FOUND)

    def checks(self, key):
        """doctor's rows with another key in the configuration's place."""
        path = self.w.daemon.write("other-key", key)
        config = os.path.join(self.w.folder, "doctor.yaml")
        with open(self.config) as f, open(config, "w") as g:
            g.write(f.read().replace(os.path.join(self.w.folder, "pagerduty-token"), path))
        before = len(self.w.sandbox.oracle())
        code, out, err = ctl("doctor", "--json", config=config)
        self.assertEqual(len(self.w.sandbox.oracle()), before, "a look changed something")
        self.assertNotIn(key, out + err)
        return code, {r["check"]: r for r in json.loads(out)["checks"]}

    def test_doctor_tells_keys_apart_without_writing(self):
        code, full = self.checks(FULL_KEY)
        self.assertEqual(code, DONE, full)
        self.assertIn("account's key", full["PagerDuty key"]["what"])
        for name in ("configuration", "rules", "policy", "state folder", "disk", "daemon", "From", "webhook", "webhook events", "clock", "links"):
            self.assertEqual(full[name]["level"], "ok", full[name])
        code, ro = self.checks(READONLY_KEY)
        self.assertEqual(code, DONE, ro)
        code, user = self.checks(USER_KEY)
        self.assertIn("Asha Verma", user["PagerDuty key"]["what"])
        code, wrong = self.checks("sbx-nobodys-key-0000")
        self.assertEqual(code, FAILED)
        self.assertIn("refuses", wrong["PagerDuty key"]["what"])

    def test_doctor_sees_a_subscription_that_pagerduty_gave_up(self):
        sub = self.w.sandbox.rest("GET", "/webhook_subscriptions")[1]["webhook_subscriptions"][0]
        self.w.sandbox.rest("PUT", "/webhook_subscriptions/" + sub["id"],
                            {"webhook_subscription": {"type": "webhook_subscription", "active": False}})
        self.addCleanup(self.w.sandbox.rest, "PUT", "/webhook_subscriptions/" + sub["id"],
                        {"webhook_subscription": {"type": "webhook_subscription", "active": True}})
        code, rows = self.checks(FULL_KEY)
        self.assertEqual((code, rows["webhook"]["level"]), (FAILED, "FAIL"))
        # and a red row keeps the switch engaged
        code, _, err = self.ctl("kill-switch", "release", "--yes", as_="admin")
        self.assertEqual(code, REFUSED)
        self.assertIn("a check is red", err)
        code, out, _ = self.ctl("--json", "kill-switch", "release", "--yes", as_="admin")
        self.assertEqual(code, REFUSED)
        self.assertIn("a check is red", json.loads(out)["detail"])

    def test_over_tcp_with_a_token(self):
        url = "http://127.0.0.1:%d" % self.w.daemon.port
        self.assertEqual(ctl("--url", url, "status", "--json", token=self.tokens["viewer"])[0], DONE)
        code, _, err = ctl("--url", url, "status")
        self.assertEqual(code, REFUSED)
        self.assertIn("TRIAGED_TOKEN_FILE", err)


class ReadOnlyKey(unittest.TestCase):
    def test_everything_but_executing_works_and_doctor_says_so(self):
        w = World(key=READONLY_KEY)
        self.addCleanup(w.close)
        w.start()
        token = w.daemon.write("token", w.asha)
        made = w.sandbox.trigger(service="PSPARDB", title="Parcel Database connections at 97 %")
        wait_for(lambda: "level 1: Asha Verma" in ctl("show", made["id"], config=w.daemon.config)[1])
        code, out, err = ctl("--json", "propose", made["id"], "add_note", "content=x", config=w.daemon.config, token=token)
        self.assertEqual(code, DONE, err)
        pid = json.loads(out)["id"]
        digest = w.daemon.proposal(pid)["digest"]
        code, out, _ = ctl("approve", pid, "--yes", "--digest", digest, config=w.daemon.config, token=token)
        self.assertEqual(code, FAILED, "the decision was taken, the effect failed: the exit code says so")
        self.assertIn("failed: ", out)
        w.daemon.wait_state(pid, "failed")
        code, out, _ = ctl("doctor", config=w.daemon.config)
        self.assertEqual(code, DONE, out)
        self.assertRegex(out, r"warn +may write +no, it seems: proposal %d failed" % pid)
        self.assertIn("a read-only key is enough for everything but executing", out)
        self.assertEqual(w.sandbox.effects(made["id"]), [])


if __name__ == "__main__":
    unittest.main()
