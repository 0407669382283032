"""contrib/quickstart --check: what the show tells must be there, and what the gate did must be what the sandbox saw."""
import json
import time

from quickstart_world import Failed


def told(x):
    """What a newcomer should meet on one card; the names of what is missing."""
    known, assessment = x.get("known") or {}, x.get("assessment") or {}
    have = {
        "an assessment by the model": assessment.get("origin") == "model",
        "a cause with a quote": any(c["for"] for c in (assessment.get("report") or {}).get("causes", [])),
        "lines of a source": any(s["lines"] for s in known.get("sources") or []),
        "a runbook": bool(known.get("runbooks")),
        "a similar incident with its fix": any(s["fix"] for s in known.get("similar") or []),
    }
    return [name for name, there in have.items() if not there]


def notes_settle(sandbox):
    """Until the standing note is on every incident and nothing more is written for a moment."""
    last, since = -1, time.monotonic()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        n = len(sandbox.effects())
        if n != last:
            last, since = n, time.monotonic()
        elif n > 0 and time.monotonic() - since > 3:
            return
        time.sleep(0.1)


def fresh_proposal(d, incident, verb, *args):
    out = json.loads(d.ctl("propose", incident, verb, *args, "--why", "quickstart check", "--json"))
    return d.proposal(out["id"])


def approve(d, p):
    d.ctl("approve", str(p["id"]), "--digest", p["digest"], "--yes")


def check_approved(sandbox, d, incident):
    p = fresh_proposal(d, incident, "escalate", "level=2")
    approve(d, p)
    d.wait_state(p["id"], "done")
    hits = [e for e in sandbox.effects() if e["incident_id"] == incident and e["kind"] == "escalate"]
    if len(hits) != 1:
        raise Failed("one escalation was approved, the oracle has %d" % len(hits))
    return p["id"], "done"


def check_rejected(sandbox, d, incident):
    p = fresh_proposal(d, incident, "add_note", "content=This must never be written")
    d.ctl("reject", str(p["id"]), "--digest", p["digest"], "--reason", "not needed", "--yes")
    d.wait_state(p["id"], "rejected")
    if any("must never be written" in json.dumps(e) for e in sandbox.effects()):
        raise Failed("a rejected note was written")
    return p["id"], "rejected"


def check_stale(sandbox, d, incident):
    """Approved while the kill switch holds execution back; the incident moves meanwhile."""
    d.ctl("kill-switch", "engage", "--reason", "quickstart check")
    p = fresh_proposal(d, incident, "escalate", "level=2")
    approve(d, p)
    sandbox.act(incident, "bo.lindqvist@lumenparcel.example", "resolve")
    d.wait_state(p["id"], "stale")
    d.ctl("kill-switch", "release", "--yes")
    if any(e["incident_id"] == incident and e["kind"] == "escalate" for e in sandbox.effects()):
        raise Failed("a stale escalation was carried out")
    return p["id"], "stale"


def check_overtaken(sandbox, d, incident):
    p = fresh_proposal(d, incident, "escalate", "level=2")
    sandbox.act(incident, "carmen.ortega@lumenparcel.example", "escalate", level=2)
    d.wait_state(p["id"], "overtaken")
    return p["id"], "overtaken"


def check_told(d, incident):
    """All that the show promises is on the card, is explained, and comes out equal when it is made again."""
    missing = told(d.api("GET", "/incidents/" + incident))
    if missing:
        raise Failed("the card of %s has not: %s" % (incident, ", ".join(missing)))
    again = d.json("replay", incident)
    if not again["equal"] or len(again["parts"]) < 5:
        raise Failed("made again it differs in %s" % [p["part"] for p in again["parts"] if not p["equal"]])
    explained = d.json("explain", "incident", incident)
    if not any(c["request"] and c["reply"] and c["checks"] for c in explained["llm_calls"]):
        raise Failed("no call to the model is explained: %s" % json.dumps(explained["llm_calls"])[:300])
    past = d.json("backfill")
    if past["state"] != "done" or past["remembered"] < 100:
        raise Failed("the past was not read: %s" % past)
    print("   the card has causes, sources, a runbook and earlier fixes; made again it is equal; the call is explained")


def check(sandbox, d, incidents, one):
    status = {i: d.api("GET", "/incidents/" + i) for i in incidents}
    check_told(d, one["id"])
    # Escalations to a level need high urgency: the storm has both.
    high = [i for i in incidents if json.dumps(status[i]).find('"urgency": "low"') < 0]
    if len(high) < 4:
        raise Failed("the storm has fewer than four urgent incidents")
    for act, incident in zip((check_approved, check_rejected, check_stale, check_overtaken), high):
        pid, state = act(sandbox, d, incident)
        print("   proposal %d: %s, as it should be" % (pid, state))
    notes_settle(sandbox)
    agree(sandbox, d)


def agree(sandbox, d):
    """The oracle's effects are exactly the ones that the gate calls done, each once."""
    done = {}
    for state in ("done", "executing", "approved", "unsure", "failed"):
        for p in d.api("GET", "/proposals?state=%s&limit=200" % state)["items"]:
            if state in ("executing", "approved", "unsure"):
                raise Failed("proposal %d is still %s" % (p["id"], state))
            if state == "done":
                for action in d.proposal(p["id"])["actions"]:
                    done[(p["id"], action["ord"])] = action["verb"]
    effects = sandbox.effects()
    if len(effects) != len(done):
        raise Failed("the gate calls %d actions done, the oracle has %d effects:\n%s" % (
            len(done), len(effects), "\n".join("%s %s" % (e["kind"], e["incident_id"]) for e in effects)))
    print("   %d actions done, %d effects in the oracle" % (len(done), len(effects)))
    print("   " + d.ctl("audit", "verify").strip().replace("\n", "\n   "))
