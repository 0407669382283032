"""What the programs call, read with nm: none of the calls that overrun, none that start a shell."""
import os
import re
import subprocess
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TRIAGED_BUILD_DIR", os.path.join(TOP, "build", "release"))
PROGRAMS = ["daemon/triaged", "cli/triagectl", "sandbox/triaged-sandbox"]
BANNED = {"strcpy", "strcat", "stpcpy", "sprintf", "vsprintf", "gets", "strtok", "strtok_r", "strncpy", "strncat", "atoi", "atol",
          "atoll", "atof", "alloca", "system", "popen", "mktemp", "tmpnam", "setuid", "execlp", "execvp", "rand", "random"}


def undefined(path):
    out = subprocess.run(["nm", "-D", "--undefined-only", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = {re.sub(r"@.*", "", line.split()[-1]) for line in out.splitlines() if line.strip()}
    # the fortified variant of a banned call is the banned call
    return {re.sub(r"^__(\w+)_chk$", r"\1", n) for n in names}


class Calls(unittest.TestCase):
    def test_no_banned_call_is_linked(self):
        for program in PROGRAMS:
            with self.subTest(program):
                self.assertEqual(undefined(os.path.join(BUILD, "src", program)) & BANNED, set())

    def test_the_check_sees_calls_at_all(self):
        self.assertIn("snprintf", undefined(os.path.join(BUILD, "src", PROGRAMS[0])))

    def test_release_programs_are_hardened(self):
        for program in PROGRAMS:
            with self.subTest(program):
                path = os.path.join(BUILD, "src", program)
                out = subprocess.run(["readelf", "-hldW", path], stdout=subprocess.PIPE, text=True, check=True).stdout
                self.assertIn("DYN (Position-Independent Executable file)", out)
                self.assertIn("GNU_RELRO", out)
                self.assertRegex(out, r"BIND_NOW|FLAGS.*NOW")
                self.assertRegex(out, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ")
                self.assertIn("__stack_chk_fail", undefined(path))

    def test_release_programs_have_no_fault_points(self):
        for program in PROGRAMS[:2]:
            with self.subTest(program):
                with open(os.path.join(BUILD, "src", program), "rb") as f:
                    self.assertFalse(b"TRIAGED_DEFENCE_OFF" in f.read(), "a switch for tests is in a release program")


if __name__ == "__main__":
    unittest.main()
