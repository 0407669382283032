"""Every C file of the tree is as clang-format writes it with the repository's .clang-format."""
import os
import subprocess
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tracked():
    out = subprocess.run(["git", "ls-files", "-z", "*.c", "*.h"], cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [p for p in out.split("\0") if p and os.path.exists(os.path.join(TOP, p))]


class Format(unittest.TestCase):
    def test_every_file_is_as_the_formatter_writes_it(self):
        files = tracked()
        self.assertGreater(len(files), 200)
        done = subprocess.run(["clang-format", "--dry-run", "-Werror"] + files, cwd=TOP, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        wrong = sorted({line.split(":")[0] for line in done.stdout.splitlines() if ": error: " in line})
        self.assertEqual((done.returncode, wrong), (0, []), "run clang-format -i over these; the first place:\n" + done.stdout[:600])

    def test_the_check_sees_a_wrong_file(self):
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--assume-filename=src/x.c"], cwd=TOP, input="int  f( void )\n{\n}\n",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
