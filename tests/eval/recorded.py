"""Replies that were recorded once, one a line in replies.ndjson, and how they are given again.

    {"case", "model", "instruction", "evidence": [[handle, kind, digest]], "reply", "again"}

`instruction` is a digest of the instruction that the reply was given to; `evidence` tells what the handles meant that it names. A handle is not always
the same in another run (sources answer in the order in which they come): it is renamed where that very item stands under another one now.
`again` (true, or not there): the model had seen another variant of the story in the same conversation.
"""
import json
import os
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

from tests.eval import play, stub

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "replies.ndjson")
NONE = (400, {"error": {"message": "no reply is recorded for this case", "type": "invalid_request_error"}})
WAIT_S = 180
ANSWER_BYTES = 4 << 20


def load(path=PATH):
    """{case: line}"""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return {x["case"]: x for x in map(json.loads, f)}


def save(lines, path=PATH):
    """Whole or not at all; in the order of the cases' names, so that a change shows as one."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(lines[k], ensure_ascii=False, sort_keys=True) + "\n" for k in sorted(lines))
    os.replace(path + ".new", path)


def instruction(system):
    return play.digest(system)


def line(case, model, system, document, reply):
    """Only what the reply names is needed to find it again."""
    named = set(re.findall(r"\bE\d+\b", reply))
    return {"case": case, "model": model, "instruction": instruction(system), "evidence": [x for x in play.handles(document) if x[0] in named],
            "reply": reply}


def take(folder, dump, model, known):
    """Lines of DIR/CASE.json, each the bare text of a reply to DUMP/CASE.json. ValueError names the first file that cannot be taken."""
    out = {}
    for name in sorted(os.listdir(folder)):
        case, ext = os.path.splitext(name)
        if ext != ".json":
            continue
        asked = os.path.join(dump, name)
        if case not in known:
            raise ValueError("%s: there is no case of this name in cases.json" % os.path.join(folder, name))
        if not os.path.exists(asked):
            raise ValueError("%s: %s is missing, which would tell what its handles mean" % (os.path.join(folder, name), asked))
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            reply = f.read().rstrip("\n")
        if not reply:
            raise ValueError("%s: the reply is empty" % os.path.join(folder, name))
        with open(asked, encoding="utf-8") as f:
            question = json.load(f)
        out[case] = line(case, model, question["system"], json.loads(question["user"]), reply)
    return out


def title_of(case):
    return next(s["title"] for s in case["steps"] if s["do"] == "main")


def own(case, document):
    """The question is about the case's own incident, not about another one that fires."""
    return document["incident"]["title"] == title_of(case)


def first_round(body):
    return not any(m["role"] == "assistant" for m in body["messages"])


class Replies:
    """answer() for stub.Stub: what was recorded, in the handles of the document that is asked about. how: {case: what became of it}."""

    def __init__(self, cases, lines):
        self.cases, self.lines, self.how, self.old = {c["id"]: c for c in cases}, lines, {}, set()

    def again(self, case):
        return self.lines.get(case, {}).get("again", False)

    def answer(self, case, body):
        system, user = play.asked(body)
        document = json.loads(user)
        if not own(self.cases[case], document) or not first_round(body):
            return NONE
        x = self.lines.get(case)
        if not x:
            self.how[case] = "none recorded"
            return NONE
        text, moved, lost = play.fitted(x["reply"], x["evidence"], document)
        self.how[case] = "names what is there no more" if lost else "handles renamed" if moved else "as recorded"
        if x["instruction"] != instruction(system):
            self.old.add(case)
        return 200, stub.completion(text)


class Recorder:
    """answer() that hands the daemon's own request on to an endpoint which speaks openai_chat, and keeps what it says."""

    def __init__(self, cases, base_url, model, key=None):
        u = urllib.parse.urlsplit(base_url)
        if u.scheme != "https" and u.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("%s: only https, or http to this machine" % base_url)
        self.cases, self.model, self.key = {c["id"]: c for c in cases}, model, key
        self.url = base_url.rstrip("/") + "/chat/completions"
        self.lines, self.failed, self.lock = {}, {}, threading.Lock()

    def ask(self, body):
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = "Bearer " + self.key
        request = urllib.request.Request(self.url, json.dumps(dict(body, model=self.model)).encode(), headers)
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=WAIT_S) as answer:
                return answer.status, json.loads(answer.read(ANSWER_BYTES))
        except urllib.error.HTTPError as e:
            return e.code, {"error": {"message": e.read(2000).decode(errors="replace"), "type": "upstream"}}
        except (OSError, ValueError) as e:
            return 502, {"error": {"message": "%s: %s" % (type(e).__name__, e), "type": "upstream"}}

    def answer(self, case, body):
        system, user = play.asked(body)
        document = json.loads(user)
        if not own(self.cases[case], document) or not first_round(body):
            return NONE
        status, value = self.ask(body)
        text = content(value) if status == 200 else None
        with self.lock:
            if text:
                self.lines[case] = line(case, self.model, system, document, text)
                self.failed.pop(case, None)
            else:
                self.failed[case] = "%s %s" % (status, json.dumps(value)[:300])
        return status, value


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key goes to the host that was named and to no other."""

    def redirect_request(self, *args):
        return None


def content(value):
    """The text of an answer, None where there is none."""
    try:
        text = value["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) and text.strip() else None
