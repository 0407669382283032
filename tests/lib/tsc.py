"""The vendors' own types judge our requests: a captured body is written down as a literal of the type of an SDK and compiled."""
import json
import os
import re
import subprocess

from tests.lib.aimock import NPM, npm_program

TYPES = {
    "openai": ('import OpenAI from "openai";', "OpenAI.ChatCompletionCreateParamsNonStreaming"),
    "anthropic": ('import Anthropic from "@anthropic-ai/sdk";', "Anthropic.MessageCreateParamsNonStreaming"),
}
FLAGS = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext",
         "--target", "es2022", "--lib", "es2022,dom", "--types", "", "--pretty", "false"]


def problems(folder, bodies):
    """bodies: {name: (vendor, body)}. All are compiled in one go; {name: [what the compiler says]} of those that it refuses."""
    src = os.path.join(folder, "tsc")
    os.makedirs(src, exist_ok=True)
    if not os.path.exists(os.path.join(src, "node_modules")):
        os.symlink(NPM, os.path.join(src, "node_modules"))
    with open(os.path.join(src, "package.json"), "w") as f:
        f.write('{"type": "module"}')
    files = []
    for name, (vendor, body) in bodies.items():
        assert re.fullmatch(r"[a-z0-9_]+", name), name
        head, kind = TYPES[vendor]
        files.append(name + ".ts")
        with open(os.path.join(src, files[-1]), "w") as f:
            f.write("%s\nexport const body: %s = %s;\n" % (head, kind, json.dumps(body, indent=1)))
    done = subprocess.run([npm_program("tsc"), *FLAGS, *files], cwd=src, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=300)
    found = {}
    for line in done.stdout.splitlines():
        m = re.match(r"([a-z0-9_]+)\.ts\(\d+,\d+\): error (.*)", line)
        if m:
            found.setdefault(m.group(1), []).append(m.group(2))
        elif not line.startswith(" ") and line.strip():
            raise AssertionError("tsc: " + done.stdout[:2000])
    if (done.returncode == 0) != (not found):
        raise AssertionError("tsc ended with %d: %s" % (done.returncode, done.stdout[:2000]))
    return found
