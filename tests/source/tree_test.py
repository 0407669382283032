"""Rules of the tree that no compiler checks."""
import os
import re
import subprocess
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINES_MAX = 800


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "--"] + list(patterns), cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [os.path.join(TOP, p) for p in out.split("\n") if p]


def text(path):
    with open(path, errors="replace") as f:
        return f.read()


class Tree(unittest.TestCase):
    def test_no_file_has_outgrown_its_idea(self):
        for path in tracked("src/*.c", "src/*.h", "tests/*.c"):
            self.assertLessEqual(text(path).count("\n"), LINES_MAX, os.path.relpath(path, TOP))

    def test_no_promise_is_left_in_the_tree(self):
        words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
        for path in tracked("src", "tests", "contrib", "docs", "rules", "etc"):
            if "/corpus/" in path:
                continue
            found = [line for line in text(path).splitlines() if words.search(line)]
            self.assertEqual(found, [], os.path.relpath(path, TOP))

    def test_sql_stands_in_statement_tables_only(self):
        """Each room's *_sql.h or *_sql.c holds its statements; no other source has SQL text (style 10)."""
        sql = re.compile(r'"(SELECT|INSERT|UPDATE|DELETE|REPLACE) ', re.I)
        allowed = re.compile(r"(_sql\.[ch]|src/store/|audit_verify_\w+\.c)")
        for path in tracked("src/*.c", "src/*.h"):
            rel = os.path.relpath(path, TOP)
            if allowed.search(rel):
                continue
            hits = [line.strip() for line in text(path).splitlines() if sql.search(line)]
            self.assertEqual(hits, [], rel)

    def test_every_header_has_its_guard(self):
        for path in tracked("src/*.h"):
            self.assertRegex(text(path), r"^(/\*.*?\*/\s*)?#ifndef TRIAGED_\w+_H\n#define TRIAGED_", os.path.relpath(path, TOP))


if __name__ == "__main__":
    unittest.main()
