"""Every configuration that docs/model.md gives for an endpoint loads, and an incident is assessed with it, by the sandbox's stand-in."""
import os
import re
import unittest

from tests.lib import play
from tests.lib.world import TOP, World, wait_for

KEY = "key-of-the-tests-0123"
# Where the form must have stood in the question, by section. Other paths than those of the dialects the sandbox answers 404.
WANTED = {
    "OpenAI": "response_format.json_schema.strict",
    "Azure OpenAI": "response_format.json_schema.strict",
    "Anthropic": "output_config.format.schema",
    "vLLM": "structured_outputs.json",
    "llama.cpp": "response_format.schema",
    "Ollama, its own way": "format.properties",
    "Ollama, OpenAI's way": "response_format.json_schema.schema",
}


def examples():
    """{section: settings} of the page's chapter about endpoints. The blocks are flat: one setting a line."""
    with open(os.path.join(TOP, "docs", "model.md")) as f:
        chapter = f.read().split("\n## Endpoints\n")[1].split("\n## ")[0]
    found = {}
    for section in chapter.split("\n### ")[1:]:
        block = re.search(r"```yaml\nmodel:\n(.*?)```", section, re.S).group(1)
        found[section.split("\n")[0]] = dict(line.strip().split(": ", 1) for line in block.strip().split("\n"))
    return found


class Endpoints(unittest.TestCase):
    def at(self, body, path):
        for name in path.split("."):
            self.assertIn(name, body)
            body = body[name]

    def settings(self, given):
        """As on the page, but for the host and the budget of time of a test."""
        own = dict(given, base_url=re.sub(r"^https?://[^/]+", self.w.sandbox.url, given["base_url"]), allow_private_addresses="true")
        if own.get("key_file"):
            own["key_file"] = self.w.daemon.write("model-key", KEY)
        return "model:\n" + "".join("  %s: %s\n" % pair for pair in own.items())

    def test_each_example_of_the_page_works(self):
        found = examples()
        self.assertEqual(set(found), set(WANTED), "the page's sections are those that are tried here")
        self.w = World("quickstart", seed=3)
        self.addCleanup(self.w.close)
        for n, (name, given) in enumerate(found.items()):
            with self.subTest(endpoint=name):
                self.w.daemon.stop()
                self.w.daemon.configure(extra=self.settings(given))
                self.w.sandbox.control("model", {"mode": "helpful", "key": KEY if "key_file" in given else None, "keep": 20})
                self.w.start(people=n == 0, release=n == 0)
                i = play.trigger(self.w, title="Endpoint %s does not answer" % "abcdefgh"[n])

                def asked(i=i):
                    """a model's assessment"""
                    x = play.shown(self.w, i)
                    return x if x and x["assessment"] and x["assessment"]["origin"] == "model" else None

                try:
                    wait_for(asked, 20)
                except AssertionError as e:
                    raise AssertionError("%s: %s" % (e, (play.shown(self.w, i) or {}).get("ask"))) from e
                body = self.w.sandbox.control("model")["requests"][-1]
                self.assertEqual(body["model"], given["name"])
                self.at(body, WANTED[name])


if __name__ == "__main__":
    unittest.main()
