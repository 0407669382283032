"""Moves that several integration tests make: an incident that is read, a proposal of a person, an effect in the oracle."""
from tests.lib.world import wait_for

BO = "bo.lindqvist@lumenparcel.example"
CARMEN = "carmen.ortega@lumenparcel.example"


def shown(w, incident):
    """GET /incidents/{id}, or None while it is not known."""
    status, value, _ = w.daemon.api("GET", "/incidents/%s" % incident)
    assert status in (200, 404), (status, value)
    return value if status == 200 else None


def when_read(w, incident, seconds=20):
    """Waits until the newest state of the incident is REST's and it is assessed."""
    def read():
        """the incident is read over REST and assessed"""
        x = shown(w, incident)
        return x if x and x["incident"]["state_from"] == "rest" and x["assessment"] else None

    return wait_for(read, seconds)


def trigger(w, service="PSTRACK", title="Queue length above its limit", urgency="high", wait=True, **kw):
    made = w.sandbox.trigger(service=service, title=title, urgency=urgency, **kw)
    if wait:
        when_read(w, made["id"])
    return made["id"]


def try_propose(w, incident, *actions, token=None):
    body = {"actions": [{"verb": v, "args": a} for v, a in actions], "why": "tests"}
    return w.daemon.api("POST", "/incidents/%s/proposals" % incident, body, token or w.admin)


def propose(w, incident, *actions, token=None, seconds=10):
    """A person's proposal; waits until the incident's state is fresh enough to be proposed on. The proposal as read back."""
    last = []

    def made():
        """a person's proposal is taken"""
        status, value, _ = try_propose(w, incident, *actions, token=token)
        last[:] = [status, value]
        return value["id"] if status == 201 else None

    try:
        pid = wait_for(made, seconds)
    except AssertionError as e:
        raise AssertionError("%s: the last answer was %s" % (e, last)) from e
    return w.daemon.proposal(pid)


def approve(w, p, token=None):
    status, value, _ = w.daemon.decide(p["id"], "approve", token or w.admin, p["digest"])
    assert status == 200, (p["id"], status, value)
    return value


def carry_out(w, incident, *actions, token=None, seconds=30):
    """Proposed, approved, done."""
    p = propose(w, incident, *actions, token=token)
    approve(w, p, token)
    return w.daemon.wait_state(p["id"], "done", "failed", "stale", "overtaken", "unsure", "expired", seconds=seconds)


def live(w, incident):
    return w.daemon.proposals(incident=incident)


def kinds(w, incident):
    return [line["kind"] for line in w.sandbox.effects(incident)]
