"""aimock: a stand-in for model endpoints that we did not write (tests/npm). It speaks OpenAI's, Anthropic's and Ollama's ways on one port.

A fixture is {"match": {...}, "response": {...}, "chaos": {...}}; userMessage matches a part of the last user message, so that a word of an
incident's title chooses what its question is answered with.
"""
import http.client
import json
import os
import socket
import threading

from tests.lib.world import TOP, Process, free_port, request, wait_for

NPM = os.path.join(os.environ.get("TRIAGED_NPM", os.path.join(TOP, "build", "npm")), "node_modules")


def npm_program(name):
    path = os.path.join(NPM, ".bin", name)
    if not os.path.exists(path):
        raise AssertionError("%s is missing: tests/run integration installs it from tests/npm" % path)
    return path


def node():
    """aimock wants node 20 or newer; Debian 12 has 18, so one comes from npm where there is one for this machine."""
    path = os.path.join(NPM, ".bin", "node")
    return path if os.path.exists(path) else "node"


class Aimock(Process):
    """One aimock on a free port of 127.0.0.1. A question that no fixture knows is answered 503 and stands in unmatched()."""

    def __init__(self, folder, keys=()):
        super().__init__(folder, "aimock")
        self.keys, self.port = keys, free_port()

    def start(self, fixtures=()):
        path = os.path.join(self.folder, "fixtures.json")
        with open(path, "w") as f:
            # The program wants at least one fixture; nobody says this.
            json.dump({"fixtures": list(fixtures) + [text("no question holds these words 7c1b", "")]}, f)
        self.spawn([node(), npm_program("llmock"), "-p", str(self.port), "-f", path, "--strict", "--journal-max", "0", "--log-level", "warn"],
                   {"AIMOCK_API_KEYS": ",".join(self.keys)} if self.keys else None)

        def listening():
            """aimock listens"""
            if not self.alive():
                raise AssertionError("aimock ended at start:\n" + self.tail())
            try:
                return self.control("GET", "journal") is not None
            except OSError:
                return False

        wait_for(listening, 30, every=0.05)
        return self

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def control(self, method, path, body=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        # The keys are also asked for here.
        headers = {"Content-Type": "application/json", **({"x-api-key": self.keys[0]} if self.keys else {})}
        try:
            status, value, _ = request(conn, method, "/__aimock/" + path, body, headers)
        finally:
            conn.close()
        assert 200 <= status < 300, (method, path, status, value)
        return value

    def add(self, *fixtures):
        """New fixtures beside those that are there."""
        self.control("POST", "fixtures", {"fixtures": list(fixtures)})

    def journal(self, word=None):
        """What came in, oldest first; with words only the requests that have a message with them."""
        rows = self.control("GET", "journal")
        return [r for r in rows if word is None or any(word in str(m["content"]) for m in (r["body"] or {}).get("messages", []))]

    def unmatched(self):
        return [r["path"] for r in self.journal() if r["response"].get("status") == 503 and not r["response"].get("fixture")]


def text(word, content, **more):
    """A fixture: questions with this word are answered with this content (a text, or a value that is said as JSON)."""
    response = dict({"content": content if isinstance(content, str) else json.dumps(content)}, **more.pop("response", {}))
    return {"match": more.pop("match", {"userMessage": word}), "response": response, **more}


def fault(word, status, message="", kind="api_error", sequence=None, **more):
    return {"match": {"userMessage": word, **({} if sequence is None else {"sequenceIndex": sequence})},
            "response": {"error": {"message": message or "answered %d by the test" % status, "type": kind}, "status": status, **more}}


class Between:
    """Stands between the daemon and aimock: keeps the very bytes of each request, which aimock's journal does not (it puts Anthropic's and
    Ollama's bodies into OpenAI's shape and hides keys), and hands on only the first bytes of an answer whose request holds one of the words."""

    def __init__(self, upstream_port, cut_words=(), keep_bytes=60):
        self.upstream, self.cut_words, self.keep = upstream_port, [w.encode() for w in cut_words], keep_bytes
        self.requests, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def asked(self, word=None):
        """Requests in the order of coming: {path, headers, body (JSON), raw}; with a word only those that hold it."""
        with self.lock:
            return [r for r in self.requests if word is None or word.encode() in r["raw"]]

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def read(self, client):
        """One request as it goes on, None at the end. Connection: close makes the end of each answer the end of its connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = client.recv(65536)
            if not part:
                return None
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        first, *lines = head.split(b"\r\n")
        headers = {k.strip().lower().decode(): v.strip().decode() for k, _, v in (line.partition(b":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            part = client.recv(65536)
            if not part:
                return None
            body += part
        with self.lock:
            self.requests.append({"path": first.split()[1].decode(), "headers": headers, "body": json.loads(body), "raw": body})
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        return b"\r\n".join([first] + kept + [b"Connection: close"]) + b"\r\n\r\n" + body

    def serve(self, client):
        with client:
            client.settimeout(60)
            try:
                asked = self.read(client)
                if asked is None:
                    return
                with socket.create_connection(("127.0.0.1", self.upstream), timeout=60) as up:
                    up.sendall(asked)
                    answer = b"".join(iter(lambda: up.recv(65536), b""))
                if any(word in asked for word in self.cut_words):
                    head, _, body = answer.partition(b"\r\n\r\n")
                    answer = head + b"\r\n\r\n" + body[:self.keep]
                client.sendall(answer)
            except OSError:
                pass  # the daemon hung up, or aimock did: the daemon sees a closed connection either way

    def stop(self):
        self.listener.close()
