"""What became of one case, judged against its gold answer: pure functions of cases.json and what the daemon's API said. README.md has the rubric."""
import datetime
import json
import re

LEVELS = ("low", "medium", "high")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


# ---- causes

def names(words, text):
    """One of the words stands in the text; a number is no part of a longer one."""
    low = text.lower()
    return any(re.search((r"(?<!\d)%s(?!\d)" if re.search(r"^\d.*\d$|^\d$", w) else "%s") % re.escape(w.lower()), low) for w in words)


def words_of(cause):
    return " \n".join([cause["text"] or ""] + [c["quote"] for c in cause["for"]])


def is_right(groups, cause):
    return all(names(g, words_of(cause)) for g in groups)


def blames(cause, herrings, document):
    """The cause names one of these, quotes a part of it, or rests on the item of a change that is it."""
    text, items = words_of(cause).lower(), {x["id"]: x for x in document["evidence"]}
    for h in map(str.lower, herrings):
        if h in text or any(len(c["quote"]) >= 8 and c["quote"].lower() in h for c in cause["for"]):
            return True
        if any(items.get(c["id"], {}).get("kind") == "change" and h in json.dumps(items[c["id"]]["data"], ensure_ascii=False).lower() for c in cause["for"]):
            return True
    return False


def judge_causes(gold, report, document):
    """What is scored of a report's causes; a member is missing where the case has no such question."""
    causes, out = report["causes"], {"causes": len(report["causes"]), "guesses": sum(c["guess"] for c in report["causes"]), "word": report["confidence"]}
    if gold["cause"]:
        right = [is_right(gold["cause"], c) for c in causes]
        out["first"], out["among"] = bool(right[:1] and right[0]), any(right)
        out["own"] = bool(causes) and is_right(gold["cause"], dict(causes[0], **{"for": []}))
        out["trusted"] = out["first"]
    elif gold["no_fault"]:
        calm = [c["guess"] or bool(gold["benign"]) and is_right(gold["benign"], c) for c in causes]
        out["calm"], out["calm_all"] = not calm or calm[0], all(calm)
        out["trusted"] = out["calm"]
    elif report["confidence"] == "high":
        out["trusted"] = False  # nothing proves a cause here
    if gold["red_herring"]:
        right = bool(gold["cause"] and causes and is_right(gold["cause"], causes[0]))
        out["blamed"] = bool(causes) and not right and blames(causes[0], gold["herring_words"], document)
    return out


BLIND_KINDS, BLIND_QUOTES, BLIND_BYTES = ("alert", "change", "source"), 5, 300


def blind(document):
    """What somebody would be credited with who understands nothing and quotes the five longest texts of alerts, changes and sources as the cause."""
    found = [(x["id"], v) for x in document["evidence"] if x["kind"] in BLIND_KINDS for v in values(x["data"]) if not TIME.fullmatch(v)]
    found.sort(key=lambda q: (-len(q[1]), q))
    cites = [{"id": h, "quote": v[:BLIND_BYTES]} for h, v in found[:BLIND_QUOTES]]
    return {"causes": [{"text": "", "for": cites, "against": [], "guess": False}], "confidence": "low"}


# ---- grounding, against the stored evidence and not against what the daemon says about it

def values(x, name=""):
    """Every string of a stored body, numbers as text, milliseconds also as the time that a document shows."""
    if isinstance(x, dict):
        for k, v in x.items():
            yield from values(v, k)
    elif isinstance(x, list):
        for v in x:
            yield from values(v, name)
    elif isinstance(x, str):
        yield CONTROL.sub("", x)
    elif isinstance(x, (int, float)) and not isinstance(x, bool):
        yield json.dumps(x)
        if name.endswith("_ms"):
            yield datetime.datetime.fromtimestamp(x // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def stands(quote, body):
    q = CONTROL.sub("", quote).strip()
    return bool(q) and any(q in v for v in values(body))


def places(report):
    """(text, cites) of everything that a report shows."""
    if report["impact"]:
        yield report["impact"]["text"], report["impact"]["evidence"]
    for c in report["causes"]:
        yield c["text"], c["for"] + c["against"]
        yield c["check"], c["for"] + c["against"]
    for c in report["changed"]:
        yield c["text"], c["evidence"]
    for a in report["actions"]:
        yield a["why"], a["evidence"]


def quotes(report):
    """{(handle, quote)} that a report shows."""
    return {(c["id"], c["quote"]) for _, cites in places(report) for c in cites}


def grounding(report, evidence, document):
    """{quotes, stand, numbers, known}: how many are shown, how many of them stand in the evidence. evidence: {handle: stored body}."""
    shown = quotes(report)
    out = {"quotes": len(shown), "stand": sum(h in evidence and stands(q, evidence[h]) for h, q in shown), "numbers": 0, "known": 0}
    always = json.dumps([document["incident"], document["known"]], ensure_ascii=False)
    for text, cites in places(report):
        ground = always + "".join("\n" + v for c in cites if c["id"] in evidence for v in values(evidence[c["id"]]))
        ground += "".join("\n" + json.dumps(x["at"]) for x in document["evidence"] if x["id"] in {c["id"] for c in cites})
        found = NUMBER.findall(re.sub(r"\bE\d+\b", "", text or ""))
        out["numbers"] += len(found)
        out["known"] += sum(n in ground for n in found)
    return out


# ---- one case

def dropped(calls):
    """{check: [passed, failed]} over all rounds of a question."""
    out = {}
    for call in calls:
        for row in call.get("checks") or []:
            m = re.fullmatch(r"(\d+) passed, (\d+) failed", row["detail"] or "") if not row["path"] else None
            if m:
                old = out.get(row["check"], [0, 0])
                out[row["check"]] = [old[0] + int(m[1]), old[1] + int(m[2])]
    return out


def outside(x):
    """Verbs of the model's that the verdict does not allow, wherever they could show."""
    allow = set(x["assessment"]["verdict"]["allow"])
    verbs = [a["verb"] for a in x["assessment"]["report"]["actions"]]
    verbs += [w["verb"] for w in x["assessment"]["wanted"] or [] if w.get("origin") == "model"]
    verbs += [a["verb"] for p in x["proposals"] if p["origin"] == "model" for a in p["actions"]]
    return sum(v not in allow for v in verbs)


def result(case, seen, how, again=False):
    """
    The line of results.ndjson for a case. seen: what play gave; how: what became of its recorded reply, None when nothing was asked;
    again: the reply was given when the model had seen another variant of the story.
    """
    x, gold = seen["explain"], case["gold"]
    a, v, urgency = x["assessment"], x["assessment"]["verdict"], x["incident"]["urgency"]
    out = {"case": case["id"], "reply": how or "not asked: the rules decide", "rules": {k: v[k] for k in ("severity", "category", "team")},
           "shown": {k: a[k] for k in ("severity", "category", "team")}, "model": None}
    # Where nobody suggests an urgency, PagerDuty's own stands.
    out["rules"].update(urgency=v["urgency"] or urgency, silent=not v["urgency"], level=seen["rules_level"])
    out["shown"].update(urgency=a["urgency"] or urgency, level=a["confidence"]["level"])
    mine = [c for c in x["llm_calls"] if c["id"] == (x["ask"] or {}).get("call_id")]
    out["dropped"] = dropped(x["llm_calls"])
    if a["origin"] == "model" and a["report"]:
        document, out["again"] = mine[0]["asked"]["document"], again
        out["model"] = dict(judge_causes(gold, a["report"], document), **grounding(a["report"], seen["evidence"], document))
        out["model"].update(outside=outside(x), actions=len(a["report"]["actions"]))
        out["blind"] = judge_causes(gold, blind(document), document)
    return out
