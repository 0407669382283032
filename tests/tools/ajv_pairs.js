// The twin of schema_pairs.c: the same lines, judged by ajv (draft 2020-12).
"use strict";
const Ajv = require("ajv/dist/2020").default;
const readline = require("node:readline");

// Unknown keywords refuse the schema, as ours do; what else "strict" complains about is taste, not validity.
const ajv = new Ajv({ strictSchema: true, strictTypes: false, strictTuples: false, strictRequired: false, strictNumbers: true,
                      allowUnionTypes: true, allowMatchingProperties: true, validateFormats: false, logger: false });
// The code that ajv writes to keep count for unevaluatedProperties throws on some schemas; nobody asks for that keyword here.
ajv.opts.unevaluated = false;

readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const pair = JSON.parse(line);
    let check;
    try {
        check = ajv.compile(pair.schema);
    } catch (e) {
        console.log("refused " + e.message.replace(/\s+/g, " "));
        ajv.removeSchema();
        return;
    }
    console.log(check(pair.value) ? "valid" : "invalid " + JSON.stringify(check.errors[0].instancePath) + " " + check.errors[0].message);
    ajv.removeSchema();
});
