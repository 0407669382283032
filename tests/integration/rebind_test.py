"""F-25: a name whose second answer leads inward. The address is judged at the moment of connecting, so that no answer of a resolver opens a way."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CTL = os.path.join(os.environ.get("TRIAGED_BIN_DIR", os.path.join(TOP, "build", "dev", "src")), "cli", "triagectl")
PUBLIC, INWARD = "9.9.9.9", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.7.7", "100.64.0.9"]
NAME = "rebind.example"


class Dns:
    """Answers A questions about NAME with the next of a list of address lists; the last one stays. Everything else has no address."""

    def __init__(self):
        self.answers, self.asked = [[]], 0
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            q, who = self.s.recvfrom(2048)
            at, labels = 12, []
            while q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode())
                at += q[at] + 1
            kind = struct.unpack(">H", q[at + 1:at + 3])[0]
            addresses = []
            if kind == 1 and ".".join(labels) == NAME:
                self.asked += 1
                addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            head = q[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
            rest = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(a) for a in addresses)
            self.s.sendto(head + q[12:at + 5] + rest, who)


class Canary:
    """Counts who is connected to, by local address."""

    def __init__(self, addresses):
        self.at = []
        self.sockets = []
        self.port = 0
        for a in addresses:
            s = socket.socket()
            s.bind((a, self.port))
            s.listen(16)
            self.port = s.getsockname()[1]
            self.sockets.append(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        while True:
            c, _ = s.accept()
            self.at.append(c.getsockname()[0])
            c.close()


def inside(folder):
    """In namespaces of its own: every address here is this machine's, and the resolver is ours. Prints what was seen."""
    def run(*argv):
        subprocess.run(argv, check=True)

    run("ip", "link", "set", "lo", "up")
    for a in [PUBLIC] + INWARD[1:]:
        run("ip", "addr", "add", a + "/32", "dev", "lo")
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n"), ("nsswitch.conf", "hosts: files dns\n")):
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write(text)
        run("mount", "--bind", path, "/etc/" + name)
    dns, both, inner = Dns(), Canary([PUBLIC] + INWARD), Canary(INWARD)

    def check(answers, ports, env=None):
        """What `sources check` says about a host for each port, and where it was connected to."""
        dns.answers, dns.asked = [list(a) for a in answers], 0
        both.at.clear()
        inner.at.clear()
        path = os.path.join(folder, "sources.yaml")
        with open(path, "w") as f:
            f.write("hosts:\n" + "".join("  - {name: h%d, base_url: 'https://%s:%d'}\n" % (i, NAME, p) for i, p in enumerate(ports)))
        done = subprocess.run([CTL, "--json", "sources", "check", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **(env or {})))
        return {"said": [h["said"] for h in json.loads(done.stdout)["hosts"]], "asked": dns.asked, "at": both.at + inner.at}

    seen = {"public": check([[PUBLIC]], [both.port])}
    for a in INWARD:
        # One process asks twice: the first answer leads out, the second inward.
        seen["then " + a] = check([[PUBLIC], [a]], [both.port, inner.port])
        # One answer with two addresses: nothing listens at the first, so that the second would be next.
        seen["both " + a] = check([[PUBLIC, a]], [inner.port])
    seen["undefended"] = check([[INWARD[0]]], [inner.port], {"TRIAGED_DEFENCE_OFF": "net_address"})
    print(json.dumps(seen))


class Rebinding(unittest.TestCase):
    def test_a_name_that_turns_inward_is_not_followed(self):
        folder = tempfile.mkdtemp(prefix="triaged-test-")
        self.addCleanup(shutil.rmtree, folder)
        done = subprocess.run(["unshare", "--mount", "--net", sys.executable, os.path.abspath(__file__), "inside", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, "this test needs root and namespaces (unshare): " + done.stderr)
        seen = json.loads(done.stdout)
        self.assertEqual(seen["public"]["at"], [PUBLIC])
        for a in INWARD:
            then, both = seen["then " + a], seen["both " + a]
            self.assertEqual((then["asked"], then["at"]), (2, [PUBLIC]), then)
            self.assertRegex(then["said"][1], "^refused: .* which is not allowed", then)
            self.assertEqual((both["asked"], both["at"]), (1, []), both)
        # Without the defence the same is red: the names do lead there.
        self.assertEqual(seen["undefended"]["at"], [INWARD[0]])


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2])
    else:
        unittest.main()
