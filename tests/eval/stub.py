"""What stands beside the daemon while a case is played, on loopback: a model endpoint that repeats recorded replies, four other sources, and a
letter box for webhooks, so that they reach the daemon in one order.

One server serves all cases; each daemon is told its own path prefix /case/ID, so that nothing in what the model sees has to name the case.
"""
import http.server
import json
import threading
import urllib.parse


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # several daemons ask four sources at once; with the usual 5 some connections would be dropped


class Stub:
    """answer(case_id, body) gives (status, value) for a question to the model; telemetry(case_id) the case's lines of other sources."""

    def __init__(self, answer, telemetry, timeout_ms=5000):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def reply(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def case(self):
                path = urllib.parse.urlsplit(self.path).path
                parts = path.split("/", 3)
                if len(parts) < 4 or parts[1] != "case":
                    self.reply(404, {"error": {"message": "no case is named"}})
                    return None, None
                return parts[2], "/" + parts[3]

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                case, path = self.case()
                if path == "/hook":
                    outer.heard.setdefault(case, {})[json.loads(body)["event"]["data"]["id"]] = (body, self.headers["X-PagerDuty-Signature"])
                    self.reply(202, {})
                elif case:
                    self.reply(*outer.answer(case, json.loads(body)))

            def do_GET(self):
                case, path = self.case()
                if case:
                    self.reply(*source_answer(outer.telemetry(case), path))

        self.answer, self.telemetry = answer, telemetry
        self.heard = {}  # {case: {incident: (body, signature)}}: webhooks that wait to be handed on
        self.timeout_ms = timeout_ms
        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def completion(text, model="recorded"):
    """An answer of the openai_chat dialect that says this text."""
    return {"id": "chatcmpl-eval", "object": "chat.completion", "created": 0, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def source_answer(t, path):
    """(status, value) in the shapes of Prometheus, Loki, GitHub and a status page; t is a case's telemetry."""
    if t.get("down"):
        return 503, {"error": "upstream is not available"}
    if path.startswith("/prometheus/"):
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"series": name}, "values": [[0, str(v)] for v in values]} for name, values in t.get("metrics", [])]}}
    if path.startswith("/loki/"):
        return 200, {"status": "success", "data": {"resultType": "streams", "result": [
            {"stream": {}, "values": [["0", line]]} for line in t.get("logs", [])]}}
    if path.startswith("/github/"):
        return 200, [{"created_at": at, "ref": ref, "creator": {"login": who}, "description": what}
                     for at, ref, who, what in t.get("deployments", [])]
    if path.startswith("/status/"):
        return 200, {"components": [{"name": name, "status": status} for name, status in t.get("status", [])]}
    return 404, {"error": "no such source"}


# Rows as in etc/sources.yaml, with the stub's hosts.
SOURCES = """
hosts:
  - {name: prometheus, base_url: "%(base)s/prometheus", allow_private_addresses: true, per_minute: 6000}
  - {name: loki, base_url: "%(base)s/loki", allow_private_addresses: true, per_minute: 6000}
  - {name: github, base_url: "%(base)s/github", allow_private_addresses: true, per_minute: 6000}
  - {name: status, base_url: "%(base)s/status", allow_private_addresses: true, per_minute: 6000}
sources:
  - {name: service-metrics, host: prometheus, title: Metrics of the service around the begin, url: /api/v1/query_range,
     params: {query: 'service="{service.name|quote}"', start: '{from}', end: '{until}', step: '{step}'},
     window: {before: 30m, after: 10m, step: 60s}, extract: {json: "data.result[*]", values: first..last, line: "{metric.series}: {values}", max: 5}}
  - {name: error-lines, host: loki, title: Newest error lines, url: /loki/api/v1/query_range, params: {query: '{{service="{service.name|quote}"}}'},
     extract: {json: "data.result[*].values[*]", line: "{[1]}", max: 5}}
  - {name: deployments, host: github, title: Latest deployments to production, url: "/repos/lumenparcel/{service.id}/deployments",
     extract: {json: "[*]", line: "{created_at} {ref} by {creator.login}: {description}", max: 3}}
  - {name: status-pages, host: status, title: Status pages of providers, url: /api/v2/summary.json,
     extract: {json: "components[*]", line: "{name}: {status}", max: 5}}
"""
