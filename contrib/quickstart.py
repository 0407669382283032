#!/usr/bin/env python3
"""The second half of contrib/quickstart: a first look, a storm, and one incident from end to end. Loopback only."""
import os
import re
import signal
import sys
import textwrap
import time

sys.dont_write_bytecode = True  # it leaves nothing behind

from quickstart_check import check, notes_settle, told  # noqa: E402
from quickstart_world import CTL, DAYS, Failed, Show, start_daemon, start_sandbox, wait_for  # noqa: E402

STORM = 12
SINCE = "%dd" % DAYS
ALL = 1000  # lines


def plain(text):
    return re.sub("\033\\[[0-9;]*m", "", text)


class Teller:
    """Numbered steps, each with the command that shows it."""

    def __init__(self, show):
        self.show, self.n, self.width = show, 0, show.width

    def say(self, text):
        print(textwrap.fill(" ".join(text.split()), self.width))

    def step(self, what, command=""):
        self.n += 1
        print()
        head = "%d. %s" % (self.n, what)
        gap = self.width - len(head) - len(command)
        print(self.show.bold(head) + (" " * gap + command if gap >= 2 else "\n   " + command if command else ""))

    def parts(self, text, wanted, rest):
        """Of a long page the first part and those that begin so, of each the first so many lines; then what else there is."""
        for i, part in enumerate(re.sub("\n\n+", "\n\n", text.strip("\n")).split("\n\n")):
            lines = part.split("\n")
            most = [n for word, n in wanted.items() if plain(part).startswith(word)] or ([len(lines)] if i == 0 else [0])
            if most[0]:
                print(("\n" if i else "") + "\n".join(lines[:most[0]]))
                if len(lines) > most[0]:
                    print("...   and %d more" % (len(lines) - most[0]))
        if rest:
            self.say(rest)


def storm(sandbox, d, teller):
    sandbox.call("storm", {"count": STORM, "seed": 1})
    seen = {}

    def all_there():
        for row in d.json("incidents")["items"]:
            if row.get("judged_at") and row["id"] not in seen:
                seen[row["id"]] = row
                line = "   #%-4s %-15.15s %-4s %s" % (row.get("number") or "?", row.get("service") or "?", row.get("severity") or "-",
                                                    row["title"])
                print(line[:teller.width], flush=True)
        return len(seen) >= STORM

    wait_for(all_there, 40, "all incidents to be judged")
    return list(seen)


def best_of(d, incidents):
    """The incident of which everything is told, once it stands still."""
    best = [None, ["nothing was told"]]

    def found():
        for i in incidents:
            x = d.api("GET", "/incidents/" + i)
            missing = told(x)
            if best[0] is None or len(missing) < len(best[1]):
                best[:] = [x["incident"], missing]
            if not missing:
                return x["incident"]
        return None

    try:
        return wait_for(found, 40, "an incident of which everything is told")
    except Failed as e:
        raise Failed("%s; missing on #%s: %s" % (e, best[0] and best[0]["number"], ", ".join(best[1]))) from e


def tour(show, sandbox, d, teller):
    """Everything up to the proposals. Returns the storm's incidents and the one that was shown."""
    key = os.path.join(show.dir, "read-only-key")
    teller.step("What the past %d days say: a read-only key, no set-up" % DAYS, "triagectl look --since %s --token-file key" % SINCE)
    look = d.page("look", "--since", SINCE, "--top", "2", "--token-file", key, "--base-url", sandbox.url, "--allow-private")
    teller.parts(look, {"What clears": ALL, "What comes again": ALL},
                 "\n[...] The whole look also has what paged, the noisiest, nights, pages per person, the longest incident.")
    teller.step("The same past goes into the memory", "triagectl backfill --since %s --wait" % SINCE)
    print(d.page("backfill", "--since", SINCE, "--wait"), end="")
    teller.step("A storm of %d incidents, judged by the rules as they come" % STORM, "triagectl incidents")
    incidents = storm(sandbox, d, teller)
    one = best_of(d, incidents)
    notes_settle(sandbox)
    number = str(one["number"])
    teller.step("One of them: causes, what is known, what was not checked", "triagectl show %s" % number)
    teller.parts(d.page("show", number), {"Assessment": ALL, "Likely causes": ALL, "Known": ALL, "NOT CHECKED": ALL, "EVIDENCE": 7},
                 "")
    teller.step("Made again from the record, byte for byte", "triagectl replay %s" % number)
    again = d.json("replay", number)
    print("equal           " + ", ".join(p["part"] for p in again["parts"] if p["equal"]))
    teller.say("   `triagectl replay %s --rules DIR --prompts DIR` shows what other rules or prompts would have made of it." % number)
    return incidents, one


def waiting(show, d, teller, one):
    items = d.proposals()
    number = one["number"]
    teller.step("%d proposals wait for a person" % len(items), "triagectl proposals")
    print(d.page("proposals", "--limit", "5"), end="")
    print()
    print("In another terminal:")
    print("  export TRIAGED_CONFIG=%s" % d.config)
    print("  export TRIAGED_TOKEN_FILE=%s" % d.token_file)
    print("  alias triagectl=%s" % CTL)
    rows = [("explain incident %s" % number, "what the model was asked and said"),
            ("evidence %s E1" % number, "one piece of evidence, as stored"),
            ("sources try error-lines %s" % number, "one source: asked what, says what"),
            ("audit verify", "the log proves itself"),
            ("help", "everything else")]
    if items:
        rows[1:1] = [("approve %s" % items[0]["id"], "shows the effect, asks, does it once")]
    for command, what in rows:
        print("  triagectl %-29s # %s" % (command, what))
    print()
    print(show.bold("Ctrl-C ends everything and leaves nothing behind."), flush=True)


def follow(d):
    """New states of proposals as they come, until Ctrl-C."""
    after = d.api("GET", "/audit?newest=1&limit=1")["items"][0]["seq"]
    while True:
        rows = d.api("GET", "/audit?after=%d&limit=200" % after)
        for row in rows["items"]:
            after = row["seq"]
            if row["verb"].startswith(("proposal.", "decision.", "execution.done")):
                print("  %s %-22s %s by %s" % (row["at"], row["verb"], row["subject"], row["actor"]), flush=True)
        if not rows["items"]:
            time.sleep(0.5)


def play(show, checking):
    teller = Teller(show)
    begun = time.monotonic()
    sandbox = start_sandbox(show)
    d = start_daemon(show, sandbox)
    teller.say("""A stand-in PagerDuty and the daemon are up after %.1f s, on this machine only. The language model is a stand-in, too: it
               fills in the form by fixed rules and knows nothing. What it shows is what a model is asked and how its answer is checked, not
               how clever one is.""" % (time.monotonic() - begun))
    incidents, one = tour(show, sandbox, d, teller)
    if not checking:
        waiting(show, d, teller, one)
        follow(d)
    teller.step("Played through: approved, rejected, gone stale, overtaken")
    check(sandbox, d, incidents, one)
    print("quickstart --check: all is well")


def main():
    show = Show()
    checking = "--check" in sys.argv[1:]
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, the terminal is closed

    def on_signal(_sig, _frame):
        for sig in ends:
            signal.signal(sig, signal.SIG_IGN)  # a second Ctrl-C must not cut the cleaning up short
        raise KeyboardInterrupt

    for sig in ends:  # a shell starts a background job with SIGINT ignored
        signal.signal(sig, on_signal)
    code = 0
    try:
        play(show, checking)
    except KeyboardInterrupt:
        code = 130 if checking else 0
    except Failed as e:
        print("quickstart: %s" % e, file=sys.stderr)
        for name in ("triaged", "sandbox"):
            if os.path.exists(os.path.join(show.dir, name + ".log")):
                print("---- end of the %s log\n%s" % (name, show.log_tail(name)), file=sys.stderr)
        code = 1
    finally:
        show.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
