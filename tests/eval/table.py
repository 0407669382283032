"""Figures of all cases, as Markdown: pure functions of cases.json and results.ndjson."""
import collections
import math

GROUPS = (("all", lambda g: True), ("with telemetry", lambda g: g["telemetry"]), ("without", lambda g: not g["telemetry"]))
BEGIN, END = "<!-- figures: written by tests/eval/run -->", "<!-- end of figures -->"
GIVEN = ("as recorded", "handles renamed", "names what is there no more")
FIELDS = ("severity", "category", "team", "urgency")
CHECKS = (("handle", "quotes of items that were not shown"), ("quote", "quotes that do not stand there"), ("token", "texts with a number or id that does not"),
          ("cited", "statements with nothing quoted for them"), ("choice", "words that were not on offer"), ("action", "actions"),
          ("counts", "lists that were too long"), ("schema", "replies of another form"), ("json", "replies that are no JSON"), ("size", "replies that are too long"))


def wilson(right, n, z=1.959964):
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    p, d = right / n, 1 + z * z / n
    middle, half = (p + z * z / (2 * n)) / d, z / d * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def share(marks):
    """62 % (57 to 67) of a list of truths."""
    n, right = len(marks), sum(marks)
    if not n:
        return "–"
    low, high = wilson(right, n)
    return "%.0f %% (%.0f to %.0f)" % (100 * right / n, 100 * low, 100 * high)


def part(some, n):
    return "%d, %s" % (some, share([True] * some + [False] * (n - some)))


def rank(severity):
    return int(severity[1:]) if severity and severity[:1] == "P" and severity[1:].isdigit() else None


def fits(field, said, gold):
    return said in gold[field] if isinstance(gold[field], list) else said == gold[field]


def near(said, gold):
    return rank(said) is not None and abs(rank(said) - gold["severity"]) <= 1


def majority(golds):
    """The one answer that would be right most often, whatever is asked."""
    out = {}
    for field in FIELDS:
        said = collections.Counter(v for g in golds for v in (g[field] if isinstance(g[field], list) else [g[field]]))
        out[field] = min(said, key=lambda v: (-said[v], str(v)))
    out["severity"] = "P%d" % out["severity"]
    return out


def right(field, said, gold):
    return rank(said["severity"]) == gold["severity"] if field == "severity" else fits(field, said[field], gold)


def row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def head(*cells):
    return [row(*cells), "|" + " --- |" * len(cells)]


def answers(pairs):
    """pairs: [(gold, result)]. A line for each question and group; n is the same for all columns of a line."""
    base = majority([g for g, _ in pairs])
    out = head("What is right", "cases", "n", "majority class", "rules alone", "rules and recorded replies")
    marks = [("severity", lambda g, said: right("severity", said, g)), ("severity within one rank", lambda g, said: near(said["severity"], g))]
    marks += [(f, lambda g, said, f=f: right(f, said, g)) for f in FIELDS[1:]]
    for name, mark in marks:
        for group, of in GROUPS:
            some = [(g, r) for g, r in pairs if of(g)]
            out.append(row(name, group, len(some), share([mark(g, base) for g, _ in some]), share([mark(g, r["rules"]) for g, r in some]),
                           share([mark(g, r["shown"]) for g, r in some])))
    return out


def causes(pairs):
    """Rules name no cause: with them alone each question about one is answered by saying nothing. Blind quoting shows how much a mark is worth."""
    out = head("Causes", "cases", "n", "rules alone", "blind quoting", "rules and recorded replies")
    marks = (("right cause named first", "first", lambda g: g["cause"], False),
             ("the same in its own words, quotes not counted", "own", lambda g: g["cause"], False),
             ("right cause among those named", "among", lambda g: g["cause"], False),
             ("nothing is broken: first cause is none, a guess, or the harmless explanation", "calm", lambda g: g["no_fault"], True),
             ("nothing is broken: so are all causes", "calm_all", lambda g: g["no_fault"], True),
             ("red herring not blamed", "blamed", lambda g: g["red_herring"], True))
    for name, key, asked, quiet in marks:
        for group, of in GROUPS:
            some = [r for g, r in pairs if of(g) and asked(g)]
            said, blind = ([(r[who][key] != (key == "blamed")) if r.get(who) else quiet for r in some] for who in ("model", "blind"))
            out.append(row(name, group, len(some), share([quiet] * len(some)), share(blind), share(said)))
    return out


def order(pairs):
    out = head("Recorded replies", "seen before in the conversation", "n", "right")
    for again in (False, True):
        some = [(g, r) for g, r in pairs if r.get("again") is again]
        words = "another variant of the story" if again else "none"
        out += [row(f, words, len(some), share([right(f, r["shown"], g) for g, r in some])) for f in FIELDS]
        some = [r["model"]["own"] for g, r in some if g["cause"]]
        out.append(row("first cause, in its own words", words, len(some), share(some)))
    return out


def silent(pairs):
    base = majority([g for g, _ in pairs])
    out = head("Where the rules say nothing about", "cases", "n", "majority class", "recorded replies")
    for field in FIELDS:
        for group, of in GROUPS:
            some = [(g, r) for g, r in pairs if of(g) and (r["rules"]["silent"] if field == "urgency" else r["rules"][field] is None)]
            out.append(row(field, group, len(some), share([right(field, base, g) for g, _ in some]), share([right(field, r["shown"], g) for g, r in some])))
    return out


def confidence(pairs):
    out = head("Confidence", "level", "n", "right")
    with_model = [(g, r) for g, r in pairs if r["model"]]
    for name, some in (("the model's own word; right: its first cause", [(r["model"]["word"], r["model"].get("trusted")) for _, r in with_model]),
                       ("shown, with replies; right: the first cause", [(r["shown"]["level"], r["model"].get("trusted")) for _, r in with_model]),
                       ("shown, with replies; right: the category", [(r["shown"]["level"], right("category", r["shown"], g)) for g, r in pairs]),
                       ("shown, rules alone; right: the category", [(r["rules"]["level"], right("category", r["rules"], g)) for g, r in pairs])):
        for level in ("low", "medium", "high"):
            marks = [mark for said, mark in some if said == level and mark is not None]
            out.append(row(name, level, len(marks), share(marks)))
    return out


def checks(pairs):
    model = [r["model"] for _, r in pairs if r["model"]]
    total = {k: sum(m[k] for m in model) for k in ("quotes", "stand", "numbers", "known", "actions", "outside", "causes", "guesses")}
    how = collections.Counter(r["reply"] for _, r in pairs)
    out = head("Replies and checks", "n", "figure")
    out += [row("cases: " + k, len(pairs), how[k]) for k in GIVEN + ("none recorded", "not asked: the rules decide")]
    out.append(row("replies of which nothing was left", sum(how[k] for k in GIVEN), sum(not r["model"] for _, r in pairs if r["reply"] in GIVEN)))
    out.append(row("quotes shown that stand in the stored evidence (must be all)", total["quotes"], part(total["stand"], total["quotes"])))
    out.append(row("numbers shown that stand in what is cited there, the incident or what was counted (must be all)", total["numbers"],
                   part(total["known"], total["numbers"])))
    out.append(row("actions that the verdict does not allow (must be 0)", total["actions"], total["outside"]))
    out.append(row("causes shown as a guess", total["causes"], total["guesses"]))
    whole = [not any(v[1] for v in r["dropped"].values()) for _, r in pairs if r["model"]]
    out.append(row("replies of which the checks dropped nothing", len(whole), part(sum(whole), len(whole))))
    for check, what in CHECKS:
        passed, failed = (sum(r["dropped"].get(check, [0, 0])[i] for _, r in pairs) for i in (0, 1))
        out.append(row("dropped by check `%s`: %s" % (check, what), passed + failed, failed))
    return out


def figures(cases, results):
    """The text between the marks. results: {case: result}; cases that were not played count for nothing."""
    pairs = [(c["gold"], results[c["id"]]) for c in cases if c["id"] in results]
    told = sum(r["reply"] in GIVEN for _, r in pairs)
    parts = [["%d cases, %d with a recorded reply.%s" % (len(pairs), told, "" if told else " **None is recorded yet: the last columns are the rules' own.**")]]
    parts += [f(pairs) for f in (answers, causes, silent, order, confidence, checks)]
    return "\n\n".join("\n".join(p) for p in parts) + "\n"


def placed(page, text):
    """The page with this text between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + "\n\n" + text + "\n" + END + after
