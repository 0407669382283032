"""Our JSON Schema validator against ajv: the same pairs of schema and value, hand-made and generated, over the keywords ours has."""
import json
import os
import random
import subprocess
import unittest

from tests.lib.world import TOP, no_reports

BUILD = os.environ.get("TRIAGED_BUILD_DIR", os.path.join(TOP, "build", "asan"))
OURS = [os.path.join(BUILD, "tests", "tools", "schema_pairs")]
AJV = ["node", os.path.join(TOP, "tests", "tools", "ajv_pairs.js")]
NODE_PATH = os.path.join(TOP, "build", "npm", "node_modules")
GENERATED, SEED = 3000, 8

# By hand: a schema, and the values it is asked about.
TABLE = [
    ({}, [None, 0, "", [], {}]),
    ({"type": "integer"}, [7, 7.0, -0.0, 7.5, "7", True, None, 1e3, 2**53, -2**53]),
    ({"type": "number"}, [7, 7.5, "7", False]),
    ({"type": ["string", "null"]}, ["", None, 0, False, []]),
    ({"type": ["integer", "array"]}, [1, 1.5, [], {}]),
    ({"type": "boolean"}, [True, False, 0, 1, "true", None]),
    ({"type": "null"}, [None, 0, "", False, [], {}]),
    ({"const": 1}, [1, 1.0, True, "1", [1]]),
    ({"const": 0}, [0, -0.0, False, None, ""]),
    ({"const": False}, [False, 0, None, "", []]),
    ({"const": None}, [None, 0, False, "", {}]),
    ({"const": {"a": [1, {"b": None}]}}, [{"a": [1.0, {"b": None}]}, {"a": [1, {}]}, {"a": [{"b": None}, 1]}, {}]),
    ({"const": {}}, [{}, [], {"a": 1}, None]),
    ({"const": [1, 2]}, [[1, 2], [2, 1], [1, 2, 2], [1]]),
    ({"enum": ["a", 1, None, [0], {"k": True}]}, ["a", 1.0, None, [0], [False], {"k": True}, {"k": 1}, "b", 2]),
    ({"minimum": 1, "maximum": 3}, [1, 3, 0.999, 3.001, 2, "2", None]),
    ({"minimum": -2.5}, [-2.5, -2.6, -2, 0]),
    ({"exclusiveMinimum": 0}, [0, 0.0, 0.1, -1, 5e-324]),
    ({"exclusiveMinimum": 1.5, "maximum": 2}, [1.5, 1.6, 2, 2.1]),
    ({"minLength": 2, "maxLength": 3}, ["", "a", "ab", "abc", "abcd", "ø", "øøø", "\U0001f525\U0001f525", "\U0001f525", "e\u0301", 5, None]),
    ({"maxLength": 0}, ["", "a", [], [1]]),
    ({"minLength": 0}, ["", 1]),
    ({"pattern": "^a+$"}, ["a", "aaa", "aab", "", "aa\n", "\naa", 5]),
    ({"pattern": "b"}, ["abc", "ac", "B"]),
    ({"pattern": ""}, ["", "x", 1]),
    ({"pattern": "^.$"}, ["ø", "\U0001f525", "ab", "", "\n"]),
    ({"pattern": "^[a-z][a-z0-9_-]{0,9}$"}, ["a", "a-b_9", "9a", "a" * 10, "a" * 11, "A"]),
    ({"pattern": "^(?:foo|bar)?$"}, ["", "foo", "bar", "foobar"]),
    ({"pattern": "^(?!no)\\w+$"}, ["yes", "no", "nothing", "a b"]),
    ({"pattern": "^\\d{3}-\\d{4}$"}, ["555-0100", "555-01000", "\u0665\u0665\u0665-0100"]),
    ({"pattern": "^(a)\\1$"}, ["aa", "a", "ab"]),
    ({"pattern": "^[^a]$"}, ["b", "a", "\n", "\U0001f525"]),
    ({"pattern": "^\\S+@\\S+$"}, ["a@b", "a @b", "@"]),
    ({"pattern": "\\."}, [".", "a", "\\"]),
    ({"minItems": 1, "maxItems": 2}, [[], [1], [1, 2], [1, 2, 3], "abc", {}]),
    ({"maxItems": 0}, [[], [None], {}]),
    ({"uniqueItems": True}, [[], [1], [1, 1], [1, 1.0], [1, True], [0, False], ["a", "b", "a"], [1, "1"], [{"a": 1}, {"a": 1.0}],
                             [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1, 2], [2, 1]], [[], {}], [None, None], [None, False, 0, ""], {}]),
    ({"uniqueItems": False}, [[1, 1]]),
    ({"items": {"type": "string"}}, [[], ["a"], ["a", 1], {"0": 1}, "a"]),
    ({"items": False}, [[], [1]]),
    ({"items": True}, [[], [1]]),
    ({"prefixItems": [{"type": "string"}, {"type": "integer"}]}, [[], ["a"], ["a", 1], ["a", "b"], [1], ["a", 1, None]]),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, [["a"], ["a", 1, 2], ["a", "b"], [1, 1]]),
    ({"prefixItems": [{}, {}], "items": False}, [[1], [1, 2], [1, 2, 3]]),
    ({"required": ["a", "b"]}, [{}, {"a": 1}, {"a": 1, "b": None}, [], "x", {"A": 1, "b": 1}]),
    ({"required": []}, [{}, []]),
    ({"required": ["", "a b", "a/b", "a~b"]}, [{"": 1, "a b": 1, "a/b": 1, "a~b": 1}, {"": 1}]),
    ({"properties": {"a": {"type": "integer"}, "b": False}}, [{}, {"a": 1}, {"a": "1"}, {"b": 1}, {"c": 1}, []]),
    ({"properties": {"a": {}}, "additionalProperties": False}, [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, []]),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, [{"a": "x", "b": 1}, {"b": "x"}]),
    ({"additionalProperties": False}, [{}, {"a": 1}, [1]]),
    ({"additionalProperties": True}, [{}, {"a": 1}]),
    ({"patternProperties": {"^x_": {"type": "integer"}}}, [{"x_a": 1}, {"x_a": "1"}, {"y": "1"}, {}]),
    ({"patternProperties": {"^x_": {"type": "integer"}, "z$": {"minimum": 5}}}, [{"x_z": 5}, {"x_z": 4}, {"x_z": "5"}, {"z": 4}]),
    ({"properties": {"x_a": {"minimum": 2}}, "patternProperties": {"^x_": {"type": "integer"}}, "additionalProperties": False},
     [{"x_a": 2}, {"x_a": 1}, {"x_a": 2.5}, {"x_b": 1}, {"b": 1}]),
    ({"minProperties": 1, "maxProperties": 2}, [{}, {"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, []]),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5, 4, None]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, [1, 5, 5.5, 4.5, "x"]),
    ({"oneOf": [True, True]}, [1]),
    ({"oneOf": [True, False]}, [1]),
    ({"oneOf": [False, False]}, [1]),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}, {"type": "integer"}]}, [2, 0, 4, 2.5, "x"]),
    ({"not": {"type": "string"}}, ["a", 1]),
    ({"not": {}}, [1]),
    ({"not": False}, [1]),
    ({"not": {"not": {"type": "integer"}}}, [1, "a"]),
    ({"not": {"required": ["a"]}}, [{}, {"a": 1}, 1]),
    ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}, [1, "a"]),
    ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 5}, [5, 4, "a"]),
    ({"$defs": {"t": {"type": "object", "properties": {"next": {"$ref": "#/$defs/t"}, "v": {"type": "integer"}},
                      "additionalProperties": False, "required": ["v"]}}, "$ref": "#/$defs/t"},
     [{"v": 1}, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}, {"v": 1, "next": {"v": 2, "next": {}}}, {"v": 1, "next": None}]),
    ({"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"const": 1}]}}, "$ref": "#/$defs/a"},
     [[], [1], [[[1]]], [[[2]], 1], [{}]]),
    ({"title": "t", "description": "d", "default": 1, "examples": [1], "format": "email"}, ["no address", 1]),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://triaged.example/x", "type": "object"}, [{}, []]),
    # Schemas that neither may accept.
    ({"type": "text"}, [1]),
    ({"type": []}, [1]),
    ({"type": 5}, [1]),
    ({"enum": []}, [1]),
    ({"enum": 5}, [1]),
    ({"anyOf": []}, [1]),
    ({"oneOf": {}}, [1]),
    ({"prefixItems": []}, [[]]),
    ({"prefixItems": {}}, [[]]),
    ({"required": "a"}, [{}]),
    ({"required": [1]}, [{}]),
    ({"minLength": -1}, [""]),
    ({"minItems": "1"}, [[]]),
    ({"maxItems": 1.5}, [[]]),
    ({"uniqueItems": 1}, [[]]),
    ({"minimum": "1"}, [1]),
    ({"pattern": 5}, [""]),
    ({"pattern": "("}, [""]),
    ({"properties": []}, [{}]),
    ({"properties": {"a": 5}}, [{}]),
    ({"items": 5}, [[]]),
    ({"not": None}, [1]),
    ({"additionalProperties": "no"}, [{}]),
    ({"$ref": "#/$defs/missing"}, [1]),
    ({"$ref": 5}, [1]),
    ({"minimun": 5}, [1]),
    ({"properties": {"a": {"typ": "string"}}}, [{}]),
    ([], [1]),
    (5, [1]),
]

# Where the two differ on purpose: schema, value, what ours says, what ajv says, why ours stays as it is.
DELIBERATE = [
    ({"contains": {"type": "integer"}}, [1], "refused", "valid", "not among the keywords that base/schema.h names"),
    ({"exclusiveMaximum": 5}, 4, "refused", "valid", "the same"),
    ({"if": True, "then": False}, 1, "refused", "invalid", "the same"),
    (True, 1, "refused", "valid", "a schema file is an object; true and false stand inside one"),
    ({"items": {"$defs": {"a": True}, "type": "integer"}}, [1], "refused", "valid", "$defs stand at the top, where a reader looks"),
    ({"items": {"$ref": "#"}}, [], "refused", "valid", "the only reference is #/$defs/NAME"),
    ({"$defs": {"a/b": True}, "$ref": "#/$defs/a~1b"}, 1, "refused", "valid", "names without / and ~ need no escapes"),
    ({"minLength": 2.0}, "ab", "refused", "valid", "a count is written as a whole number"),
    ({"required": ["a", "a"]}, {}, "invalid", "refused", "naming a key twice changes nothing"),
    ({"type": ["string", "string"]}, "", "valid", "refused", "naming a type twice changes nothing"),
    ({"maximum": 9007199254740992}, 9007199254740993, "invalid", "valid", "our integers have 64 bits, those of JavaScript 53"),
    ({"const": 9007199254740993}, 9007199254740992, "invalid", "valid", "the same"),
    ({"patternProperties": {"[": {}}}, {}, "refused", "valid", "ajv reads such a pattern only when there is a key to match"),
    # PCRE2 and ECMAScript: our schemas are written for the first, and so is what people write in rules.
    ({"pattern": "\\Aa\\z"}, "a", "valid", "refused", "ECMAScript has no \\A and \\z"),
    ({"pattern": "(?i)A"}, "a", "valid", "refused", "ECMAScript 2023 has no inline options"),
    ({"pattern": "^\\u0061$"}, "a", "refused", "valid", "PCRE2 writes \\x{61}"),
    ({"pattern": "^\\s$"}, "\u00a0", "invalid", "valid", "\\s is ASCII without PCRE2_UCP"),
    ({"pattern": "^.$"}, "\u2028", "valid", "invalid", "only \\n ends a line"),
    ({"pattern": "^.$"}, "\r", "valid", "invalid", "the same"),
    ({"pattern": "(?=(a+)+$)b"}, "a" * 40 + "!", "invalid", None, "ours gives up at its match limit; ajv would go on for years"),
]


class Maker:
    """Schemas over the keywords ours has, and values that lie near them."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def schema(self, depth=0):
        r = self.r
        if r.random() < 0.06:
            return r.random() < 0.7
        s = {}
        for kind in r.sample([self.typed, self.given, self.numbers, self.texts, self.lists, self.objects, self.logic], r.randint(1, 3)):
            kind(s, depth)
        return s

    def top(self):
        s = self.schema()
        if not isinstance(s, dict):
            s = {"items": s}
        if self.r.random() < 0.3:
            s["$defs"] = {"d": self.schema(2), "e": {"properties": {"a": {"$ref": "#/$defs/e"}}, "not": {"const": 1}}}
            s.setdefault("items", {"$ref": "#/$defs/d"})
            s.setdefault("properties", {})["a"] = {"$ref": "#/$defs/e"}
        return s

    def typed(self, s, _):
        names = ["null", "boolean", "integer", "number", "string", "array", "object"]
        s["type"] = self.r.choice(names) if self.r.random() < 0.7 else self.r.sample(names, 2)

    def given(self, s, _):
        if self.r.random() < 0.5:
            s["const"] = self.value(2)
        else:
            s["enum"] = [self.value(2) for _ in range(self.r.randint(1, 3))]

    def numbers(self, s, _):
        for k in self.r.sample(["minimum", "maximum", "exclusiveMinimum"], self.r.randint(1, 2)):
            s[k] = self.r.choice([-1, 0, 1, 2, 0.5, 1.0, 1e2])

    def texts(self, s, _):
        for k in self.r.sample(["minLength", "maxLength", "pattern"], self.r.randint(1, 2)):
            s[k] = self.r.choice(["^a", "b$", "^[ab]*$", "a.b", "^(a|b){2}$", "ø"]) if k == "pattern" else self.r.randint(0, 3)

    def lists(self, s, depth):
        r = self.r
        for k in r.sample(["items", "prefixItems", "minItems", "maxItems", "uniqueItems"], r.randint(1, 3)):
            if k == "items":
                s[k] = self.schema(depth + 1) if depth < 3 else True
            elif k == "prefixItems":
                s[k] = [self.schema(depth + 1) if depth < 3 else True for _ in range(r.randint(1, 2))]
            else:
                s[k] = r.random() < 0.8 if k == "uniqueItems" else r.randint(0, 3)

    def objects(self, s, depth):
        r = self.r
        for k in r.sample(["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"],
                          r.randint(1, 3)):
            if k == "properties":
                s[k] = {n: self.schema(depth + 1) if depth < 3 else True for n in r.sample("abc", r.randint(1, 2))}
            elif k == "patternProperties":
                s[k] = {p: self.schema(depth + 1) if depth < 3 else True for p in r.sample(["^a", "b$", "[bc]"], r.randint(1, 2))}
            elif k == "required":
                s[k] = r.sample("abc", r.randint(0, 2))
            elif k == "additionalProperties":
                s[k] = self.schema(depth + 1) if depth < 3 and r.random() < 0.4 else False
            else:
                s[k] = r.randint(0, 3)

    def logic(self, s, depth):
        if depth >= 3:
            return
        k = self.r.choice(["anyOf", "oneOf", "allOf", "not"])
        s[k] = self.schema(depth + 1) if k == "not" else [self.schema(depth + 1) for _ in range(self.r.randint(1, 3))]

    def value(self, depth=0):
        r = self.r
        kind = r.randrange(9 if depth < 3 else 6)
        if kind == 0:
            return r.choice([None, True, False])
        if kind <= 2:
            return r.choice([-1, 0, 1, 2, 3, 0.5, 1.0, 1.5, -0.0, 100])
        if kind <= 5:
            return "".join(r.choice(["a", "b", "ø", "c"]) for _ in range(r.randint(0, 4)))
        if kind == 6:
            return [self.value(depth + 1) for _ in range(r.randint(0, 3))]
        return {n: self.value(depth + 1) for n in r.sample(["a", "b", "c", "ab", "d"], r.randint(0, 3))}

    def near(self, s):
        """A value with a chance to fit: of the type asked for, often one that stands in the schema."""
        given = [s[k] for k in ("const",) if k in s] + s.get("enum", [])
        if given and self.r.random() < 0.5:
            return self.r.choice(given)
        for _ in range(20):
            v = self.value()
            if "type" not in s or kind_of(v) & set([s["type"]] if isinstance(s["type"], str) else s["type"]):
                return v
        return self.value()


def kind_of(v):
    if isinstance(v, bool):
        return {"boolean"}
    if isinstance(v, (int, float)):
        return {"number", "integer"} if v == int(v) else {"number"}
    return {{type(None): "null", str: "string", list: "array", dict: "object"}[type(v)]}


def judge(argv, pairs):
    lines = "".join(json.dumps({"schema": s, "value": v}) + "\n" for s, v in pairs)
    done = subprocess.run(argv, input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                          env=dict(os.environ, NODE_PATH=NODE_PATH))
    no_reports(done.stderr, argv[0])
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == len(pairs), (len(said), len(pairs), done.stderr)
    return said


class Schema(unittest.TestCase):
    def compare(self, pairs):
        ours, theirs = judge(OURS, pairs), judge(AJV, pairs)
        differ = ["%s\n   ours: %s\n   ajv:  %s" % (json.dumps(p), a, b) for p, a, b in zip(pairs, ours, theirs)
                  if a.split()[0] != b.split()[0]]
        if differ:
            self.fail("%d of %d differ:\n%s" % (len(differ), len(pairs), "\n".join(differ[:15])))
        return [a.split()[0] for a in ours]

    def test_the_table_gets_the_same_answers(self):
        said = self.compare([(s, v) for s, values in TABLE for v in values])
        self.assertGreaterEqual(len(said), 200)
        for word in ("valid", "invalid", "refused"):
            self.assertGreater(said.count(word), 20, word)

    def test_generated_pairs_get_the_same_answers(self):
        m = Maker(SEED)
        pairs = []
        while len(pairs) < GENERATED:
            s = m.top()
            pairs += [(s, m.near(s)) for _ in range(3)]
        said = self.compare(pairs)
        self.assertEqual(said.count("refused"), 0)
        for word in ("valid", "invalid"):
            self.assertGreater(said.count(word), GENERATED // 6, "nearly all are not %s: the generator proves little" % word)

    def test_where_they_differ_it_is_as_written(self):
        asked = [(s, v) for s, v, _, _, _ in DELIBERATE]
        self.assertEqual([x.split()[0] for x in judge(OURS, asked)], [d[2] for d in DELIBERATE])
        there = [d for d in DELIBERATE if d[3] is not None]
        self.assertEqual([x.split()[0] for x in judge(AJV, [(d[0], d[1]) for d in there])], [d[3] for d in there])


if __name__ == "__main__":
    unittest.main()
