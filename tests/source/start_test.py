"""What an idle daemon weighs and how soon it is ready, on the release build: empty, and with 100,000 incidents."""
import os
import sqlite3
import tempfile
import time
import unittest

from tests.lib.world import BIN, Daemon

RSS_MAX_KIB = 24 * 1024  # a guard against growth; the goal (16 MiB) is the benchmark's
READY_MAX_MS = 100
INCIDENTS = 100000
TRIES = 5

# Rows as the daemon writes them: mostly resolved, some open, each with its event and body.
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT INTO body (sha256, bytes, created_ms) SELECT printf('%064x', i), CAST(printf('{{"event":{{"id":"EV%d"}}}}', i) AS BLOB), {now} - i * 1000 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT INTO incident (id, seq, number, title, status, urgency, service_id, service, created_ms, changed_ms, resolved_ms, snapshot, first_seen_ms)
SELECT printf('QSTART%08d', i), i, i, 'Disk of node ' || i || ' is full', CASE WHEN i % 100 THEN 'resolved' ELSE 'triggered' END, 'high',
       'PS' || (i % 50), 'Service ' || (i % 50), {now} - i * 1000, {now} - i * 900, CASE WHEN i % 100 THEN {now} - i * 900 END,
       printf('%064x', i), {now} - i * 1000 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT INTO event (event_id, seq, endpoint, event_type, incident_id, occurred_ms, received_ms, state, body)
SELECT 'EV' || i, i, '', 'incident.triggered', printf('QSTART%08d', i), {now} - i * 1000, {now} - i * 1000, 'done', printf('%064x', i) FROM n;
"""


class Start(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(self.folder, 0o700)
        with open(os.path.join(BIN, "daemon", "triaged"), "rb") as f:
            self.assertNotIn(b"__asan_init", f.read(), "weight and time are those of a build without sanitizers")
        # Nothing listens there: an idle daemon asks nothing.
        self.d = Daemon(self.folder, "http://127.0.0.1:9")
        self.addCleanup(self.d.kill)

    def ready_ms(self):
        """The best of some starts: from before the fork to the first 200 of /readyz."""
        took = []
        for _ in range(TRIES):
            begun = time.monotonic()
            self.d.start(wait=False)
            while not self.ready():
                self.assertTrue(self.d.alive(), self.d.tail())
                time.sleep(0.001)
            took.append((time.monotonic() - begun) * 1000)
            time.sleep(0.2)
            self.assertEqual(self.d.stop(), 0, self.d.tail())
        return min(took)

    def ready(self):
        try:
            with open(os.path.join(self.d.state, "port")) as f:
                self.d.port = int(f.read())
            return self.d.get("/readyz")[0] == 200
        except (OSError, ValueError):
            return False

    def fill(self):
        db = sqlite3.connect(os.path.join(self.d.state, "store.db"))
        db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; BEGIN;" +
                         FILL.format(count=INCIDENTS, now=int(time.time() * 1000)) + "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
        self.assertEqual(db.execute("SELECT count(*) FROM incident").fetchone()[0], INCIDENTS)
        db.close()

    def test_ready_soon_when_empty_and_when_full_of_history(self):
        self.d.start()
        self.d.stop()
        empty = self.ready_ms()
        self.fill()
        full = self.ready_ms()
        print("ready after %.0f ms empty, %.0f ms with %d incidents" % (empty, full, INCIDENTS))
        self.assertLess(empty, READY_MAX_MS)
        self.assertLess(full, READY_MAX_MS)

    def test_the_idle_daemon_is_small(self):
        self.d.start()
        self.weigh("empty")
        self.fill()
        self.d.start()
        self.weigh("with %d incidents" % INCIDENTS)

    def weigh(self, what):
        time.sleep(2)
        with open("/proc/%d/status" % self.d.proc.pid) as f:
            values = dict(line.split(":", 1) for line in f if ":" in line)
        rss = int(values["VmRSS"].split()[0])
        print("%s: resident %.1f MiB, %s threads" % (what, rss / 1024, values["Threads"].strip()))
        self.assertLess(rss, RSS_MAX_KIB)
        self.assertEqual(self.d.stop(), 0, self.d.tail())


if __name__ == "__main__":
    unittest.main()
