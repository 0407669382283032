"""contrib/quickstart's second half on the release build: --check agrees with itself, and an interrupted show leaves nothing behind."""
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Quickstart(unittest.TestCase):
    def setUp(self):
        # Its folder is made below this one, so that other worlds do not count.
        self.folder = tempfile.TemporaryDirectory(prefix="triaged-test-")
        self.addCleanup(self.folder.cleanup)
        self.env = dict(os.environ, TMPDIR=self.folder.name)

    def play(self, *args):
        return subprocess.Popen([sys.executable, "contrib/quickstart.py"] + list(args), cwd=TOP, env=self.env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def left(self):
        """Folders, and processes that name one."""
        found = os.listdir(self.folder.name)
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as f:
                    text = f.read()
            except OSError:
                continue
            if self.folder.name.encode() in text:
                found.append(text.decode(errors="replace"))
        return found

    def test_check_plays_it_through(self):
        child = self.play("--check")
        out, _ = child.communicate(timeout=180)
        self.assertEqual(child.returncode, 0, out)
        for state in ("done", "rejected", "stale", "overtaken"):
            self.assertRegex(out, r"proposal \d+: %s, as it should be" % state)
        self.assertRegex(out, r"\n +ok  \d+ rows")
        # What a newcomer meets on the way: the stand-in is named, the past, and one incident with all that is known.
        for part in ("The language model is a stand-in", "What comes again, and what fixed it", "155 remembered", "rules and model",
                     "Likely causes", "NOT CHECKED", "not available on this account", "error-lines: ", "runbooks ", "Mitigation",
                     "triagectl replay", "the card has causes, sources, a runbook and earlier fixes; made again it is equal"):
            self.assertIn(part, " ".join(out.split()) if " " in part.strip() else out)
        self.assertEqual(self.left(), [])

    def test_an_interrupt_leaves_nothing_behind(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=sig.name):
                child = self.play()
                end = time.monotonic() + 60
                while not any("triaged.yaml" in x for x in self.left()) and time.monotonic() < end:
                    time.sleep(0.05)
                self.assertGreater(len(self.left()), 1, "folder and programs were there")
                child.send_signal(sig)
                child.send_signal(sig)
                out, _ = child.communicate(timeout=30)
                self.assertEqual(child.returncode, 0, out)
                self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
