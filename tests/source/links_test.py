"""The picture of docs/architecture.md as a property of the build: who may use whom, read from what CMake really links."""
import glob
import os
import re
import subprocess
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TRIAGED_BUILD_DIR", os.path.join(TOP, "build", "release"))

# Rooms from left to right; a room uses only rooms of an earlier group (design, section 2).
GROUPS = [
    ["base"],
    ["config"],
    ["store", "net"],
    ["audit", "queue", "people"],
    ["engine", "pagerduty", "pagerduty_write", "llm_pure", "llm", "rules"],
    ["policy", "gate", "sources"],
    ["triage_pure", "triage_record", "triage"],
    ["http"],
]
# Rooms of one group that do know each other, with the reason.
SAME_GROUP = {
    ("people", "audit"): "a change of a person writes its audit record",
    ("pagerduty_write", "pagerduty"): "writing builds on the reading client",
    ("llm", "llm_pure"): "the tables of calls and budgets build on the pure half",
    ("gate", "policy"): "the policy is a pure part of the gate that the command line links too",
    ("triage", "triage_pure"): "the pure part of triage",
    ("triage_record", "triage_pure"): "decides again with the same functions",
}
MAY_LINK_WRITE = {"gate"}


def rooms():
    found = {}
    with open(os.path.join(BUILD, "rooms.txt")) as f:
        for line in f:
            if ":" in line:
                name, rest = line.split(":", 1)
                found[name.strip()] = rest.split("|")[0].split()
    return found


def level(room):
    for i, group in enumerate(GROUPS):
        if room in group:
            return i
    raise KeyError(room)


class Links(unittest.TestCase):
    def test_every_room_uses_only_rooms_to_its_left(self):
        for name, uses in rooms().items():
            if name == "audit_verify":
                self.assertEqual(uses, [], "the verifier shares no code with the writer")
                continue
            for other in uses:
                if (name, other) in SAME_GROUP:
                    continue
                self.assertLess(level(other), level(name), "%s must not use %s" % (name, other))

    def test_only_the_gate_links_the_writing_client(self):
        """INV-3: "nothing changes PagerDuty but through the gate" is a property of the build."""
        users = {name for name, uses in rooms().items() if "pagerduty_write" in uses}
        self.assertEqual(users, MAY_LINK_WRITE)

    def test_only_the_gates_objects_refer_to_the_writing_client(self):
        """The same read from the symbols, so that a stray extern declaration is found too."""
        write = glob.glob(os.path.join(BUILD, "src", "**", "libroom_pagerduty_write.a"), recursive=True)
        self.assertEqual(len(write), 1)
        defined = symbols(write[0], "T")
        self.assertGreater(len(defined), 3)
        for lib in glob.glob(os.path.join(BUILD, "src", "**", "libroom_*.a"), recursive=True):
            name = re.sub(r"^libroom_|\.a$", "", os.path.basename(lib))
            if name in MAY_LINK_WRITE or name == "pagerduty_write":
                continue
            self.assertEqual(symbols(lib, "U") & defined, set(), "%s refers to the writing client" % name)

    def test_the_command_line_cannot_write_to_pagerduty(self):
        cli = os.path.join(BUILD, "src", "cli", "triagectl")
        write = glob.glob(os.path.join(BUILD, "src", "**", "libroom_pagerduty_write.a"), recursive=True)[0]
        self.assertEqual(symbols(cli, "tT") & symbols(write, "T"), set())

    def test_only_a_model_is_asked_by_post(self):
        """INV-3: net lets a POST through that is no write; only src/llm may make one, and only the model's peer may get one."""
        setting = re.compile(r"reads_by_post\s*=(?!=)")
        peers = {}
        for path in glob.glob(os.path.join(TOP, "src", "**", "*.[ch]"), recursive=True):
            room = os.path.relpath(path, os.path.join(TOP, "src")).split(os.sep)[0]
            with open(path) as f:
                text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
            for m in re.finditer(r"struct net_peer_opts \w+\s*=\s*\{(.*?)\};", text, re.S):
                name = re.search(r'\.name\s*=\s*("\w+"|[\w>.\[\]-]+)', m.group(1)).group(1)
                peers.setdefault(name, []).append((room, bool(setting.search(m.group(1)))))
                text = text.replace(m.group(0), "")
            # what is left sets it in a request or behind an initializer's back
            self.assertTrue(room in ("llm", "net") or not setting.search(text), "%s sets reads_by_post" % os.path.relpath(path, TOP))
        self.assertIn('"pagerduty"', peers, "the pattern finds no peer any more")
        for name, uses in peers.items():
            for room, given in uses:
                self.assertFalse(given and (name != '"model"' or room != "daemon"), "%s in src/%s is read by POST" % (name, room))

    def test_sources_include_only_what_their_room_links(self):
        """A header of a room to the right would be a dependency that the linker does not see."""
        known = rooms()
        for path in glob.glob(os.path.join(TOP, "src", "*", "*.[ch]")):
            room = path.split(os.sep)[-2]
            if room in ("daemon", "cli", "sandbox") or room not in known:
                continue
            with open(path) as f:
                for inc in re.findall(r'^#include "([a-z_]+)/', f.read(), re.M):
                    if inc == room or inc == "base":
                        continue
                    if inc in known:
                        self.assertLess(level(inc), level(room) + (1 if (room, inc) in SAME_GROUP else 0),
                                        "%s includes %s/" % (os.path.relpath(path, TOP), inc))


def symbols(path, kinds):
    out = subprocess.run(["nm", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return {m.group(2) for m in re.finditer(r"^[0-9a-f ]{16} ([%s]) (\w+)$" % kinds, out, re.M)}


if __name__ == "__main__":
    unittest.main()
