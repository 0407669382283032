"""src/http/openapi.json for tests: its operations, and whether an answer is what it describes."""
import json
import os
import re

from tests.lib.world import TOP

PATH = os.path.join(TOP, "src", "http", "openapi.json")


def load():
    with open(PATH) as f:
        return json.load(f)


def operations(doc):
    """(path, method in capitals, operation)"""
    return [(path, method.upper(), op) for path, item in doc["paths"].items() for method, op in item.items()]


def resolve(doc, node):
    while "$ref" in node:
        at = doc
        for part in node["$ref"][2:].split("/"):
            at = at[part]
        node = at
    return node


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def problems(doc, schema, value, at=""):
    """What is wrong with value, as a list of lines; [] when it is as described."""
    schema = resolve(doc, schema)
    if "oneOf" in schema:
        fits = [s for s in schema["oneOf"] if not problems(doc, s, value, at)]
        if len(fits) != 1:
            return ["%s: fits %d of oneOf" % (at, len(fits))]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_type(value, k) for k in kinds):
        return ["%s: %r is not %s" % (at, value, kinds)]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append("%s: %r is not one of %s" % (at, value, schema["enum"]))
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append("%s: %r does not match %s" % (at, value, schema["pattern"]))
        if schema.get("format") == "date-time" and not re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$", value):
            found.append("%s: %r is no time" % (at, value))
    if isinstance(value, list) and "items" in schema:
        for i, x in enumerate(value):
            found += problems(doc, schema["items"], x, "%s/%d" % (at, i))
    if isinstance(value, dict):
        props, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += ["%s: '%s' is missing" % (at, k) for k in schema.get("required", []) if k not in value]
        for k, x in value.items():
            if k in props:
                found += problems(doc, props[k], x, "%s/%s" % (at, k))
            elif more is False:
                found.append("%s: '%s' is not described" % (at, k))
            elif isinstance(more, dict):
                found += problems(doc, more, x, "%s/%s" % (at, k))
    return found


def answer_problems(doc, path, method, status, content_type, value):
    """Is this answer one that the operation describes?"""
    op = doc["paths"][path][method.lower()]
    answer = op["responses"].get(str(status)) or op["responses"].get("default")
    if answer is None:
        return ["%s %s: %d is not described" % (method, path, status)]
    content = resolve(doc, answer).get("content")
    if not content:
        return [] if not value else ["%s %s: %d has a body" % (method, path, status)]
    kind = content_type.split(";")[0]
    if kind not in content:
        return ["%s %s: %d is %s" % (method, path, status, kind)]
    return problems(doc, content[kind]["schema"], value) if "json" in kind and kind != "application/x-ndjson" else []
