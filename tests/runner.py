#!/usr/bin/env python3
"""Builds the presets and runs every suite; tests/run is the way in.

A suite is a row of SUITES: a name, the presets it needs built, and a function that returns (passed, failed). What a suite prints goes
to build/test-logs/NAME.log; the tail is shown when something fails.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(TOP, "build", "test-logs")
NPM = os.path.join(TOP, "build", "npm")
SHARED = os.path.join(TOP, "..", "shared")
# Unit tests that start threads: they also run under ThreadSanitizer.
THREADED = ["engine_test", "net_poll_test", "rules_redos_test", "http_test"]
# Integration tests of the daemon's own threads (http, engine, store check, watch, reload): under ThreadSanitizer too.
THREADED_WORLD = ["webhook", "life", "api", "cli", "harness"]
FUZZ_SECONDS = 5


def two_at_a_time(what, work):
    """work(x) for every x of what, two side by side (the machines have two cores); the results in the order of what."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, what))


def run(log, argv, **kw):
    """Runs argv; the output goes to the end of the log in one piece. Returns (exit code, output)."""
    env = dict(os.environ, **kw.pop("env", {}))
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP, env=env,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, **kw)
    with open(log, "a") as f:
        f.write("$ %s\n%s\n" % (" ".join(argv), done.stdout))
    return done.returncode, done.stdout


def build_dir(preset):
    return os.path.join(TOP, "build", preset)


def build(preset):
    log = os.path.join(LOGS, "build-%s.log" % preset)
    if not os.path.exists(os.path.join(build_dir(preset), "build.ninja")):
        code, out = run(log, ["cmake", "--preset", preset])
        if code:
            return out
    code, out = run(log, ["cmake", "--build", "--preset", preset])
    return out if code else None


# ---- suites -------------------------------------------------------------------------------------------------------


def cmocka(log, program):
    """One cmocka program; its own lines are counted, and a crash is one failure more."""
    try:
        code, out = run(log, [program], timeout=300, env=SANITIZER_ENV)
    except subprocess.TimeoutExpired:
        return 0, 1
    ok = len(re.findall(r"^\[       OK \]", out, re.M))
    bad = len(set(re.findall(r"^\[  FAILED  \] (\w+)$", out, re.M)))
    if code != 0 and bad == 0:
        bad = 1
    if code == 0 and ok == 0:
        bad = 1  # a program that ran nothing proves nothing
    return ok, bad


SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:suppressions=%s/tests/tsan.supp" % TOP,
}


def unit(log, preset, names=None):
    passed = failed = 0
    folder = os.path.join(build_dir(preset), "tests", "unit")
    programs = [p for p in sorted(glob.glob(os.path.join(folder, "*_test")))
                if names is None or os.path.basename(p) in names]
    for program, (p, f) in zip(programs, two_at_a_time(programs, lambda program: cmocka(log, program))):
        passed += p
        failed += f
        if f:
            print("    %s: %d failed" % (os.path.basename(program), f), flush=True)
    if not programs or names and len(programs) != len(names):
        failed += 1  # a name without a program proves nothing
    return passed, failed


# Integration tests that hold the daemon to a time: they run by themselves, the others two at a time.
ALONE = ["rest_down", "dialect", "model", "model_hour", "start", "quickstart"]
# Those that take longest begin first, so that the two ends meet.
FIRST = ["stale", "backfill", "budget", "injection"]


def python_file(log, path, preset):
    """One unittest file; it finds the binaries through TRIAGED_BIN_DIR. (passed, failed)."""
    env = dict(SANITIZER_ENV, TRIAGED_BIN_DIR=os.path.join(build_dir(preset), "src"),
               TRIAGED_BUILD_DIR=build_dir(preset), TRIAGED_SHARED=SHARED, PYTHONDONTWRITEBYTECODE="1")
    try:
        code, out = run(log, [sys.executable, "-m", "unittest", "-v", os.path.relpath(path, TOP)], env=env, timeout=900)
    except subprocess.TimeoutExpired:
        print("    %s: no end after 900 s" % os.path.basename(path), flush=True)
        return 0, 1
    ok = len(re.findall(r"(?:\.\.\. |^)ok$", out, re.M))  # what a test prints stands between the two
    bad = len(re.findall(r"^(?:FAIL|ERROR): ", out, re.M))
    skipped = len(re.findall(r"\.\.\. skipped", out))
    if skipped:
        print("    %s: %d skipped: a skip counts as a failure" % (os.path.basename(path), skipped), flush=True)
    bad += skipped
    if code and not bad:
        bad = 1
    if not code and not ok:
        bad += 1
    if bad:
        print("    %s: %d failed" % (os.path.basename(path), bad), flush=True)
    return ok, bad


def python_tests(log, pattern, preset, names=None):
    """unittest files below tests/. names: only these, every one of them."""
    files = sorted(glob.glob(os.path.join(TOP, "tests", pattern)))
    if names is not None:
        files = [os.path.join(TOP, "tests", pattern.replace("*", n)) for n in names]
    alone = [os.path.join(TOP, "tests", pattern.replace("*", n)) for n in ALONE]
    first = [os.path.join(TOP, "tests", pattern.replace("*", n)) for n in FIRST]
    together = [p for p in first if p in files] + [p for p in files if p not in alone + first]
    results = two_at_a_time(together, lambda path: python_file(log, path, preset))
    results += [python_file(log, path, preset) for path in files if path in alone]
    return sum(p for p, _ in results), sum(f for _, f in results) + (0 if files else 1)


def npm_ready(log):
    """What tests/npm names, installed into build/npm; only when the lock file is another one than last time."""
    lock = os.path.join(TOP, "tests", "npm", "package-lock.json")
    done = os.path.join(NPM, "installed.json")
    with open(lock, "rb") as f:
        wanted = f.read()
    if os.path.exists(done):
        with open(done, "rb") as f:
            if f.read() == wanted:
                return True
        os.remove(done)
    os.makedirs(NPM, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(TOP, "tests", "npm", name), NPM)
    code, _ = run(log, ["npm", "ci", "--prefix", NPM, "--no-audit", "--no-fund", "--ignore-scripts"], timeout=600)
    if code:
        print("    npm ci failed: see %s" % os.path.relpath(log, TOP), flush=True)
        return False
    shutil.copy(lock, done)
    return True


def integration(log):
    if not npm_ready(log):
        return 0, 1
    return python_tests(log, "integration/*_test.py", "asan")


def fuzz_one(log, program):
    """The exit code of one target after a few seconds from its seeds; a missing seed folder or dictionary is a failure too."""
    name = os.path.basename(program)
    here = os.path.join(TOP, "tests", "fuzz")
    seeds, words = os.path.join(here, "corpus", name), os.path.join(here, "dict", name + ".dict")
    work = os.path.join(build_dir("fuzz"), "corpus", name)
    if not os.path.isdir(seeds) or not os.listdir(seeds) or not os.path.exists(words):
        print("    %s has no seeds or no dictionary" % name, flush=True)
        return 1
    os.makedirs(work, exist_ok=True)
    code, _ = run(log, [program, "-max_total_time=%d" % FUZZ_SECONDS, "-timeout=5", "-rss_limit_mb=2048", "-max_len=8192",
                        "-artifact_prefix=%s/" % work, "-dict=" + words, "-print_final_stats=1", work, seeds], env=SANITIZER_ENV)
    if code:
        print("    %s found something; input below %s" % (name, work), flush=True)
    return code


def fuzz(log):
    """Each target for a few seconds; what it finds is a failure with the input kept."""
    folder = os.path.join(build_dir("fuzz"), "tests", "fuzz")
    programs = [os.path.join(folder, os.path.basename(p)[:-2]) for p in sorted(glob.glob(os.path.join(TOP, "tests", "fuzz", "fuzz_*.c")))]
    codes = two_at_a_time(programs, lambda program: fuzz_one(log, program))
    failed = sum(1 for code in codes if code)
    return len(codes) - failed, failed + (0 if codes else 1)


def shell(log):
    """shellcheck over every shell script of the tree."""
    scripts = [p for p in subprocess.run(["git", "ls-files"], cwd=TOP, stdout=subprocess.PIPE, text=True,
                                         check=True).stdout.split("\n") if p and is_shell(os.path.join(TOP, p))]
    code, _ = run(log, ["shellcheck"] + scripts)
    return (0, 1) if code else (len(scripts), 0)


def is_shell(path):
    try:
        with open(path, "rb") as f:
            first = f.readline(80)
    except OSError:
        return False
    return first.startswith(b"#!") and b"sh" in first or path.endswith(".bash")


# Name, presets, function. The order is the order of running.
SUITES = [
    ("unit-asan", ["asan"], lambda log: unit(log, "asan")),
    ("unit-tsan", ["tsan"], lambda log: unit(log, "tsan", THREADED)),
    ("build-clang", ["clang"], lambda log: (1, 0)),
    ("source", ["release"], lambda log: python_tests(log, "source/*_test.py", "release")),
    ("integration", ["asan"], integration),
    ("integration-tsan", ["tsan"], lambda log: python_tests(log, "integration/*_test.py", "tsan", THREADED_WORLD)),
    ("faults", ["asan"], lambda log: python_tests(log, "faults/*_test.py", "asan")),
    ("fuzz", ["fuzz"], fuzz),
    ("shell", [], shell),
]


def main():
    names = [s[0] for s in SUITES]
    if "--list" in sys.argv:
        print("\n".join(names))
        return 0
    wanted = [a for a in sys.argv[1:]] or names
    for w in wanted:
        if w not in names:
            print("no suite is called '%s'; there are: %s" % (w, ", ".join(names)))
            return 2
    os.makedirs(LOGS, exist_ok=True)
    for old in glob.glob(os.path.join(LOGS, "*.log")):
        os.remove(old)
    if not os.path.isdir(SHARED):
        print("the folder ../shared is missing beside this checkout: the tests read PagerDuty's data from there")
        print("0 passed, 1 failed")
        return 1
    total_passed = total_failed = 0
    built = {}
    for name, presets, suite in SUITES:
        if name not in wanted:
            continue
        begun = time.monotonic()
        broken = None
        for preset in presets:
            if preset not in built:
                built[preset] = build(preset)
            broken = broken or built[preset]
        log = os.path.join(LOGS, name + ".log")
        if broken:
            passed, failed = 0, 1
            print("\n".join(broken.strip().split("\n")[-30:]))
        else:
            passed, failed = suite(log)
        print("%-16s %5d passed, %d failed   (%d s)" % (name, passed, failed, time.monotonic() - begun), flush=True)
        if failed and not broken and os.path.exists(log):
            with open(log, errors="replace") as f:
                print("".join(f.readlines()[-60:]))
        total_passed += passed
        total_failed += failed
    print("%d passed, %d failed" % (total_passed, total_failed))
    return 1 if total_failed else 0


if __name__ == "__main__":
    sys.exit(main())
