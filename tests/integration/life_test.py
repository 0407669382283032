"""The daemon's life: start, reload, stop, a stuck disk, two at once."""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

from tests.integration.webhook_test import event
from tests.lib.world import BIN, Daemon, request, sign, wait_for


class Life(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(self.folder, 0o700)
        self.d = Daemon(self.folder, "http://127.0.0.1:9")

    def tearDown(self):
        self.d.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def events(self):
        return {r[0]: r[1] for r in self.d.rows("SELECT event_id, copies FROM event")}

    def ended(self, **env):
        """Starts and waits for the end: (exit code, log)."""
        self.d.start(wait=False, **env)
        code = self.d.proc.wait(20)
        self.d.proc = None
        return code, self.d.tail()

    def logged(self, what, seconds=10):
        def there():
            return what in self.d.tail(200)

        there.__doc__ = "the log says " + what
        wait_for(there, seconds)

    def edit(self, old, new):
        with open(self.d.config) as f:
            text = f.read()
        self.assertIn(old, text)
        with open(self.d.config, "w") as f:
            f.write(text.replace(old, new))

    # ---- start ----

    def test_what_cannot_work_stops_the_start_with_words(self):
        state = self.d.state
        for name, prepare, words in (
                ("mode", lambda: os.mkdir(state, 0o755), ["can be read by others", "chmod 700"]),
                ("a file", lambda: self.d.write("state", ""), ["is not a folder"]),
                ("a newer database", self.newer, ["newer"])):
            prepare()
            code, log = self.ended()
            self.assertEqual(code, 1, (name, log))
            for w in words:
                self.assertIn(w, log, name)
            if os.path.isdir(state):
                shutil.rmtree(state)
            else:
                os.remove(state)

    def newer(self):
        self.d.start()
        self.d.stop()
        db = sqlite3.connect(os.path.join(self.d.state, "store.db"))
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            row = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
            if row:
                db.execute("UPDATE meta SET value = '9999' WHERE key = 'schema_version'")
            db.execute("PRAGMA user_version = %d" % (version + 9999 if version else 0))
            db.commit()
        finally:
            db.close()

    def test_a_taken_port_stops_the_start_and_leaves_nothing_behind(self):
        self.d.start()
        other = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(other, 0o700)
        try:
            e = Daemon(other, "http://127.0.0.1:9")
            with open(e.config) as f:
                text = f.read().replace("port: 0", "port: %d" % self.d.port)
            with open(e.config, "w") as f:
                f.write(text)
            e.start(wait=False)
            self.assertEqual(e.proc.wait(20), 1)
            e.kill()
            self.assertIn("port %d: Address already in use" % self.d.port, e.tail())
        finally:
            shutil.rmtree(other, ignore_errors=True)
        self.assertEqual(self.d.webhook(event("EVMINE"))[0], 202)

    def test_a_second_daemon_on_the_same_folder_is_refused_and_the_first_one_named(self):
        self.d.start()
        second = Daemon(self.folder, "http://127.0.0.1:9", name="second")
        second.start(wait=False)
        self.assertEqual(second.proc.wait(20), 1)
        second.proc = None
        self.assertIn(str(self.d.proc.pid), second.tail())
        self.assertEqual(self.d.webhook(event("EVFIRST"))[0], 202)
        self.assertEqual(self.d.api("GET", "/status")[0], 200, "the first one's control socket is still its own")

    def test_check_says_what_is_wrong_and_starts_nothing(self):
        argv = [os.path.join(BIN, "daemon", "triaged"), "--check", "--config", self.d.config]
        done = subprocess.run(argv, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.edit("mode: propose", "mode: sometimes")
        done = subprocess.run(argv, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"triaged\.yaml:\d+: ")
        self.assertFalse(os.path.exists(self.d.state))

    def test_files_are_for_the_owner_only_and_the_switch_is_engaged_at_first(self):
        """H10; design section 5: engaged at first start."""
        self.d.start()
        self.assertEqual(os.stat(self.d.state).st_mode & 0o777, 0o700)
        for name in os.listdir(self.d.state):
            self.assertEqual(os.stat(os.path.join(self.d.state, name)).st_mode & 0o077, 0, name)
        self.assertTrue(self.d.ok("GET", "/kill-switch")["engaged"])

    def test_a_copied_folder_starts_with_the_switch_engaged(self):
        """Design section 5: engaged after a restore, whichever way the folder came back; an ordinary restart changes nothing."""
        self.d.start()
        token = self.d.add_person("Ines Duarte", "ines@lumenparcel.example", "PUINESD", "admin")
        self.d.release(token)
        for restore in (None, None, self.copy_back, self.forget, None):
            self.assertEqual(self.d.stop(), 0, self.d.tail())
            if restore:
                restore()
            self.d.start()
            self.assertEqual(self.d.ok("GET", "/kill-switch")["engaged"], restore is not None, restore)
            if restore:
                self.d.release(token)
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def forget(self):
        os.remove(os.path.join(self.d.state, "started"))

    def copy_back(self):
        shutil.copytree(self.d.state, self.d.state + ".backup")
        shutil.rmtree(self.d.state)
        os.rename(self.d.state + ".backup", self.d.state)

    # ---- stop ----

    def test_a_restart_keeps_everything(self):
        self.d.start()
        token = self.d.add_person("Ines Duarte", "ines@lumenparcel.example", "PUINESD", "admin")
        self.d.release(token)
        for n in range(20):
            self.assertEqual(self.d.webhook(event("EVR%d" % n))[0], 202)
        before = self.d.ok("GET", "/audit?limit=200")["items"]
        self.assertEqual(self.d.stop(), 0, self.d.tail())
        self.assertEqual(sorted(os.listdir(self.d.state)), ["redaction-key", "started", "store.db", "store.db.lock"])
        self.d.start()
        self.assertEqual(len(self.events()), 20)
        self.assertEqual(self.d.ok("GET", "/audit?limit=200")["items"][:len(before)], before)
        self.assertEqual(self.d.api("GET", "/status", token=token)[0], 200)
        self.assertFalse(self.d.ok("GET", "/kill-switch")["engaged"])
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def test_sigterm_under_load_answers_or_closes_and_nobody_hangs(self):
        """INV-1 through a stop: every 202 is on disk; every request that was handed over got an answer."""
        self.d.start()
        acked, odd, longest = [], [], [0.0]
        lock = threading.Lock()

        def sender(k):
            conn = self.d.connect()
            for i in range(100000):
                eid = "EVT%d-%d" % (k, i)
                body = event(eid)
                begun = time.monotonic()
                try:
                    status, _, _ = request(conn, "POST", "/webhooks/pagerduty", body, {"X-PagerDuty-Signature": sign(body)})
                except OSError:
                    status = None
                except Exception as e:  # http.client's: closed without an answer
                    status = None if "closed connection" in str(e) else repr(e)
                with lock:
                    longest[0] = max(longest[0], time.monotonic() - begun)
                    if status == 202:
                        acked.append(eid)
                    elif status not in (503, None):
                        odd.append(status)
                if status is None:
                    conn.close()
                    return

        threads = [threading.Thread(target=sender, args=(k,)) for k in range(12)]
        for t in threads:
            t.start()
        time.sleep(0.5)
        begun = time.monotonic()
        self.assertEqual(self.d.stop(), 0, self.d.tail())
        self.assertLess(time.monotonic() - begun, 5)
        for t in threads:
            t.join(10)
            self.assertFalse(t.is_alive())
        self.assertEqual(odd, [])
        self.assertLess(longest[0], 5)
        self.assertGreater(len(acked), 20)
        rows = self.events()
        self.assertEqual([e for e in acked if e not in rows], [])

    def test_what_was_handed_over_when_the_stop_came_is_answered(self):
        """The engine is in the middle of a pass for 2 s when SIGTERM comes, and an http thread is slow: all of 24 waiting senders get
        a status."""
        self.d.start(TRIAGED_FAULT="engine.before_commit:30:sleep=2000,"
                                   "http.before_answer:32:sleep=300,http.before_finish:31:sleep=900")
        self.until_slow()
        got = []
        threads = [threading.Thread(target=lambda n=n: got.append(self.d.webhook(event("EVW%d" % n)))) for n in range(24)]
        for t in threads:
            t.start()
        time.sleep(0.7)
        self.assertEqual(self.d.stop(), 0, self.d.tail())
        for t in threads:
            t.join(10)
        self.assertEqual(len(got), 24)
        self.assertEqual({status for status, _, _ in got} - {202, 503}, set())
        rows = self.events()
        self.assertGreaterEqual(len(rows), sum(1 for status, _, _ in got if status == 202))

    def until_slow(self):
        """Posts in the background until a pass hangs at the fault point; returns when nothing comes back any more."""
        self.slow = []

        def post():
            for n in range(60):
                begun = time.monotonic()
                status = self.d.webhook(event("EVS%d" % n))[0]
                self.slow.append((n, status, time.monotonic() - begun))
                if self.slow[-1][2] > 1:
                    return

        self.poster = threading.Thread(target=post)
        self.poster.start()

        def hangs():
            """a pass hangs"""
            n = len(self.slow)
            time.sleep(0.25)
            return len(self.slow) == n

        wait_for(hangs)
        self.addCleanup(self.poster.join)

    def test_a_stuck_engine_costs_a_503_within_5_s_and_no_event(self):
        """'Answer within 5 s always' (PagerDuty gives up then); what is sent again is stored once, and reading goes on meanwhile."""
        self.d.start(TRIAGED_FAULT="engine.before_commit:30:sleep=6000")
        self.until_slow()
        begun = time.monotonic()
        status, _, headers = self.d.webhook(event("EVLATE"))
        took = time.monotonic() - begun
        self.assertEqual(status, 503)
        self.assertLess(took, 5)
        self.assertEqual(headers["Retry-After"], "5")
        self.assertEqual(self.d.get("/healthz")[0], 200)
        self.assertEqual(self.d.api("GET", "/status")[0], 200)
        self.poster.join()
        n, status, took = self.slow[-1]
        self.assertEqual(status, 503)
        self.assertLess(took, 5)
        wait_for(lambda: self.d.webhook(event("EVPROBE"))[0] == 202)
        for eid in ("EVLATE", "EVS%d" % n):
            self.assertEqual(self.d.webhook(event(eid))[0], 202)
            self.assertEqual(self.d.rows("SELECT count(*) FROM event WHERE event_id = ?", eid)[0][0], 1)
        self.assertGreaterEqual(self.d.ok("GET", "/status")["http"]["late"], 2)
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    # ---- reload ----

    def refusals(self):
        return self.d.tail(1000).count('"event":"config.refused"')

    def test_a_good_reload_is_in_force_and_recorded(self):
        self.d.start()
        self.d.write("second-secret", "whsec_second_0123456789")
        self.edit("webhook-secret]", "webhook-secret, %s/second-secret]" % self.folder)
        self.edit("mode: propose", "mode: shadow")
        self.assertEqual(self.d.webhook(event("EVNEW"), secret="whsec_second_0123456789")[0], 503)
        self.d.proc.send_signal(signal.SIGHUP)
        self.logged("config.reloaded")
        self.assertEqual(self.d.webhook(event("EVNEW"), secret="whsec_second_0123456789")[0], 202)
        self.assertEqual(self.d.webhook(event("EVOLD"))[0], 202)
        self.assertEqual(self.d.ok("GET", "/status")["mode"], "shadow")
        self.assertIn("config.loaded", [x["verb"] for x in self.d.ok("GET", "/audit?limit=200")["items"]])
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def test_a_bad_reload_changes_nothing_and_is_an_alarm_until_a_good_one(self):
        self.d.start()
        with open(self.d.config) as f:
            good = f.read()
        hash_before = self.d.ok("GET", "/rules")["hash"]
        bad = {"unknown key": good + "\nno_such_key: 1\n", "wrong type": good.replace("expires_s: 900", "expires_s: soon"),
               "no YAML": good + "\n: : :\n\t", "no file": None, "missing secret": good.replace("webhook-secret]", "nowhere]"),
               "missing rules": good.replace("rules_dir: ", "rules_dir: /nowhere")}
        for name, text in bad.items():
            if text is None:
                os.rename(self.d.config, self.d.config + ".away")
            else:
                with open(self.d.config, "w") as f:
                    f.write(text)
            refused = self.refusals()
            self.d.proc.send_signal(signal.SIGHUP)
            wait_for(lambda refused=refused: self.refusals() > refused)
            if text is None:
                os.rename(self.d.config + ".away", self.d.config)
            self.assertTrue(self.d.alive(), name)
            self.assertEqual(self.d.webhook(event("EVB"))[0], 202, name)
            self.assertEqual(self.d.ok("GET", "/rules")["hash"], hash_before, name)
        alarms = wait_for(lambda: [a for a in self.d.ok("GET", "/alarms")["items"] if a["key"] == "config.refused"])
        self.assertIn("--check", alarms[0]["todo"])
        with open(self.d.config, "w") as f:
            f.write(good)
        self.d.proc.send_signal(signal.SIGHUP)
        self.logged("config.reloaded")
        wait_for(lambda: "config.refused" not in [a["key"] for a in self.d.ok("GET", "/alarms")["items"]])
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def test_a_setting_that_needs_a_restart_is_refused_by_name(self):
        self.d.start()
        with open(self.d.config) as f:
            good = f.read()
        rows = {"state_dir": ("state_dir: %s/state" % self.folder, "state_dir: %s/other" % self.folder),
                "intake.port": ("port: 0", "port: 18080"), "intake.bind": ("port: 0", "port: 0\n  bind: 127.0.0.2"),
                "intake.threads": ("port: 0", "port: 0\n  threads: 5"),
                "intake.connections_max": ("port: 0", "port: 0\n  connections_max: 77"),
                "pagerduty.base_url": ("127.0.0.1:9", "127.0.0.1:10"),
                "pagerduty.per_minute": ("per_minute: 960", "per_minute: 100"),
                "pagerduty.reserve_percent": ("timeout_ms: 5000", "timeout_ms: 5000\n  reserve_percent: 50")}
        for name, (old, new) in rows.items():
            self.assertIn(old, good)
            with open(self.d.config, "w") as f:
                f.write(good.replace(old, new, 1).replace("mode: propose", "mode: off"))
            self.d.proc.send_signal(signal.SIGHUP)
            self.logged(name + " cannot change while running")
            self.assertEqual(self.d.ok("GET", "/status")["mode"], "propose", "all or nothing: " + name)
        self.assertEqual(self.d.webhook(event("EVSAME"))[0], 202)
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def test_reloads_while_webhooks_come_lose_none(self):
        self.d.start()
        stop, wrong, n = threading.Event(), [], [0]

        def send():
            while not stop.is_set():
                n[0] += 1
                status = self.d.webhook(event("EVH%d" % n[0]))[0]
                if status != 202:
                    wrong.append(status)

        sender = threading.Thread(target=send)
        sender.start()
        for i in range(15):
            self.d.proc.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        stop.set()
        sender.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.events()), n[0])
        self.assertEqual(self.d.stop(), 0, self.d.tail())


if __name__ == "__main__":
    unittest.main()
