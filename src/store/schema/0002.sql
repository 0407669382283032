-- Migration 2: what a model was asked and said, what other sources answered, and a memory of what ended earlier incidents.

CREATE TABLE llm_call (                          -- llm: one row per request, written before it leaves
    id                  INTEGER PRIMARY KEY,
    purpose             TEXT NOT NULL CHECK (purpose IN ('triage', 'canary')),
    incident_id         TEXT,
    key                 TEXT NOT NULL,           -- what it is about: equal keys are asked once (triage/ask.h)
    round               INTEGER NOT NULL DEFAULT 1, -- 2: the one repair
    state               TEXT NOT NULL CHECK (state IN ('sent', 'answered', 'failed', 'lost')),
    outcome             TEXT,                    -- ok, repaired, cut, refused, filtered, unreadable, invalid, http, no_answer, left_out
    why                 TEXT,                    -- in words, for people
    base_url            TEXT NOT NULL,
    dialect             TEXT NOT NULL,
    model               TEXT NOT NULL,
    prompt              TEXT NOT NULL,           -- "triage@" and the first 12 digits of its hash
    schema_hash         TEXT NOT NULL,           -- of prompts/NAME.schema.json
    bundle_id           INTEGER,
    asked               TEXT NOT NULL,           -- body.sha256: {document, schema, system, cut}, redacted
    request             TEXT NOT NULL,           -- body.sha256: the bytes that left
    reply               TEXT,                    -- body.sha256: the bytes that came
    checks              TEXT,                    -- JSON list {check, ok, path, detail}
    report              TEXT,                    -- body.sha256: what was left of the reply after all checks
    reserved_tokens     INTEGER NOT NULL,
    reserved_cost       INTEGER NOT NULL,        -- micro-units
    input_tokens        INTEGER,                 -- uncached
    cached_tokens       INTEGER,
    cache_write_tokens  INTEGER,
    output_tokens       INTEGER,
    usage_from          TEXT CHECK (usage_from IN ('reported', 'estimated')),
    cost                INTEGER,                 -- micro-units
    epoch               INTEGER NOT NULL,        -- of the process that sent it: an older one's answer is lost
    sent_ms             INTEGER NOT NULL,
    ended_ms            INTEGER
) STRICT;
CREATE INDEX llm_call_incident ON llm_call (incident_id, id) WHERE incident_id IS NOT NULL;
CREATE INDEX llm_call_key ON llm_call (key, id);
CREATE INDEX llm_call_sent ON llm_call (id) WHERE state = 'sent';

CREATE TABLE llm_spend (                         -- llm: settled and reserved, by hour, so that a budget is a short sum
    hour_ms INTEGER PRIMARY KEY,
    calls   INTEGER NOT NULL,
    tokens  INTEGER NOT NULL,
    cost    INTEGER NOT NULL
) STRICT;

CREATE TABLE llm_spend_incident (                -- llm
    incident_id TEXT PRIMARY KEY,
    calls       INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    cost        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE llm_endpoint (                      -- llm: one row per endpoint and model
    name          TEXT PRIMARY KEY,              -- base URL, path, model
    failures      INTEGER NOT NULL DEFAULT 0,    -- in a row
    open_until_ms INTEGER NOT NULL DEFAULT 0,    -- the breaker
    open_why      TEXT,
    canary_ms     INTEGER,                       -- when it was last tried; NULL never
    enforced      INTEGER,                       -- 1: it kept to the schema, 0: it did not; NULL unknown
    canary_why    TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE source_answer (                     -- triage: the newest answer of each source about an incident
    incident_id TEXT NOT NULL,
    name        TEXT NOT NULL,
    ok          INTEGER NOT NULL,
    body        TEXT NOT NULL,                   -- JSON: {lines, from, until, what} or {why}
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (incident_id, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE incident ADD COLUMN ask TEXT;        -- JSON: what the model was last asked about this incident (triage/ask.h)
ALTER TABLE assessment ADD COLUMN report TEXT;   -- body.sha256 of the model's checked report; NULL: rules alone
ALTER TABLE assessment ADD COLUMN llm_call_id INTEGER;
ALTER TABLE assessment ADD COLUMN confidence TEXT; -- JSON {level, basis, measured}
ALTER TABLE assessment ADD COLUMN said TEXT;     -- body.sha256: incident.verdict as it was, for replay
ALTER TABLE assessment ADD COLUMN seen TEXT;     -- body.sha256: {items, call, reused, decided, approved}, for replay
ALTER TABLE assessment ADD COLUMN wanted TEXT;   -- body.sha256: the proposals that came of it, before the gate judged them
CREATE INDEX assessment_bundle ON assessment (bundle_id);

ALTER TABLE proposal ADD COLUMN evidence TEXT;   -- JSON list of handles that it cites; NULL: none
CREATE TABLE proposal_measure (                  -- gate: what people said to what a machine proposed, by its origin
    origin   TEXT NOT NULL,                      -- "rule:NAME", "model"
    verb     TEXT NOT NULL,
    decided  INTEGER NOT NULL,
    approved INTEGER NOT NULL,                   -- edited ones too
    edited   INTEGER NOT NULL,
    PRIMARY KEY (origin, verb)
) STRICT, WITHOUT ROWID;
