#!/usr/bin/env python3
"""Writes cases.json: 64 stories (stories_*.py), each told in 5 variants. The same sources give the same bytes: nothing here asks a clock.

    generate.py          writes cases.json beside this file
    generate.py --check  1 when cases.json is not what would be written
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

from tests.eval import stories_calm, stories_change, stories_data, stories_outside, telling  # noqa: E402,F401  (told in order of import)

CASES = os.path.join(HERE, "cases.json")


def fresh():
    cases = telling.tell_all()
    lines = ",\n".join(" " + json.dumps(c, ensure_ascii=False, sort_keys=True) for c in cases)
    return "[\n" + lines + "\n]\n"


def main(argv):
    text = fresh()
    if argv == ["--check"]:
        with open(CASES, encoding="utf-8") as f:
            if f.read() == text:
                return 0
        print("generate.py: cases.json is not what the stories tell; run tests/eval/generate.py", file=sys.stderr)
        return 1
    if argv:
        print(__doc__, file=sys.stderr)
        return 2
    with open(CASES, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
