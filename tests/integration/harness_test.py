"""The harness itself: what a sanitizer reports in any child can not be swallowed, whichever way the child ends."""
import os
import shutil
import tempfile
import unittest

from tests.lib.world import TOP, Process

BUILD = os.environ.get("TRIAGED_BUILD_DIR", os.path.join(TOP, "build", "asan"))
PROBE = os.path.join(BUILD, "tests", "tools", "sanitizer_probe")
FINDS = {"address": {"overflow": "AddressSanitizer", "undefined": "runtime error", "leak": "LeakSanitizer"},
         "thread": {"race": "ThreadSanitizer"}}


def sanitizer():
    with open(os.path.join(BUILD, "CMakeCache.txt")) as f:
        for line in f:
            if line.startswith("TRIAGED_SANITIZE:"):
                return line.strip().split("=")[1]
    raise AssertionError("%s was built without the setting TRIAGED_SANITIZE" % BUILD)


class Harness(unittest.TestCase):
    def probe(self, what):
        """A child in a folder of its own, so that no earlier report stands in its log."""
        folder = tempfile.mkdtemp(prefix="triaged-test-")
        self.addCleanup(shutil.rmtree, folder)
        p = Process(folder, "probe")
        p.spawn([PROBE, what])
        code = p.proc.wait(30)
        return p, code

    def test_every_kind_of_report_fails_the_test_at_stop_and_at_kill(self):
        kinds = FINDS[sanitizer()]
        for what, words in kinds.items():
            for end in ("stop", "kill"):
                with self.subTest(what, end=end):
                    p, code = self.probe(what)
                    self.assertNotEqual(code, 0)
                    with self.assertRaisesRegex(AssertionError, words):
                        getattr(p, end)()

    def test_a_report_in_another_childs_log_of_the_same_folder_counts_too(self):
        what = next(iter(FINDS[sanitizer()]))
        p, _ = self.probe(what)
        with self.assertRaises(AssertionError):
            Process(p.folder, "somebody-else").stop()

    def test_what_is_no_report_is_no_failure(self):
        p, code = self.probe("nothing it knows")
        self.assertEqual(code, 2)
        p.kill()
        self.assertEqual(p.stop(), 0)


if __name__ == "__main__":
    unittest.main()
