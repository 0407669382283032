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
CREATE INDEX llm_call_key ON llm_call (key, sent_ms, id);
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

CREATE TABLE memory (                            -- triage: an incident that is over, with its texts and what ended it
    id          INTEGER PRIMARY KEY,             -- created_ms * 1024 + n: what is newer has a larger number
    incident_id TEXT NOT NULL UNIQUE,
    number      INTEGER NOT NULL,
    service_id  TEXT NOT NULL,
    service     TEXT NOT NULL,
    symptom     TEXT NOT NULL,                   -- normalised title
    title       TEXT NOT NULL,
    alerts      TEXT NOT NULL,                   -- the words of its alerts, normalised, each once
    notes       TEXT NOT NULL,                   -- of people
    resolution  TEXT NOT NULL,                   -- what was said with the resolve
    fix         TEXT,                            -- JSON {incident_id, number, quote, author, author_id, note_id, at_ms}; NULL: none
    status      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    resolved_ms INTEGER,
    by_type     TEXT,                            -- who ended it: "user" is a person
    by_id       TEXT,
    by_name     TEXT,
    merged      INTEGER NOT NULL,
    fixed       INTEGER NOT NULL,                -- 1: there is a fix
    searched    INTEGER NOT NULL,                -- 1: its texts are in memory_text
    updated_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX memory_symptom ON memory (service_id, symptom, fixed, id) WHERE merged = 0;
CREATE INDEX memory_searched ON memory (id) WHERE searched = 1;
CREATE TABLE memory_count (                      -- triage: so that nothing is counted by walking
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    searched INTEGER NOT NULL                    -- rows of memory_text
) STRICT;
-- Exactly what stands in the full-text index: only the newest, so that a search costs the same whatever the store holds.
CREATE VIEW memory_found AS
    SELECT id, title, service, alerts, notes, resolution FROM memory WHERE searched = 1;
-- Full-text search is SQLite's own: store/store_search.c alone names it. No triggers: both sides are written by code.
CREATE VIRTUAL TABLE memory_text USING fts5(title, service, alerts, notes, resolution, content = 'memory_found',
    content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0');

CREATE TABLE backfill (                          -- triage: one row per backfill; everything from to_ms to until_ms is read
    id         INTEGER PRIMARY KEY,
    state      TEXT NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    actor      TEXT NOT NULL,
    since_ms   INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    from_ms    INTEGER NOT NULL,                 -- the window that is being read: [from_ms, to_ms)
    to_ms      INTEGER NOT NULL,
    stage      TEXT NOT NULL CHECK (stage IN ('incidents', 'log', 'items')),
    skip       INTEGER NOT NULL,                 -- items of the stage's list that are read
    page       INTEGER NOT NULL,                 -- items asked for at once
    pages      INTEGER NOT NULL,                 -- read of the stage so far
    next_ms    INTEGER NOT NULL,                 -- no call leaves before: the pace
    waits      TEXT,                             -- why it waits, in words; NULL: it does not
    no_log     TEXT,                             -- why log entries cannot be read; NULL: they can
    failures   INTEGER NOT NULL DEFAULT 0,       -- answers that did not come, in a row
    calls      INTEGER NOT NULL DEFAULT 0,
    found      INTEGER NOT NULL DEFAULT 0,       -- incidents of the time that was read
    remembered INTEGER NOT NULL DEFAULT 0,
    known      INTEGER NOT NULL DEFAULT 0,       -- were in the memory before
    open       INTEGER NOT NULL DEFAULT 0,       -- not over yet: remembered when they are
    unread     INTEGER NOT NULL DEFAULT 0,       -- remembered without alerts or notes, or not readable at all
    alerts     INTEGER NOT NULL DEFAULT 0,
    notes      INTEGER NOT NULL DEFAULT 0,
    fixes      INTEGER NOT NULL DEFAULT 0,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
CREATE UNIQUE INDEX backfill_running ON backfill (state) WHERE state = 'running';
CREATE TABLE backfill_item (                     -- triage: incidents that the running backfill has listed or heard of
    incident_id TEXT PRIMARY KEY,
    created_ms  INTEGER NOT NULL,                -- 0: only log entries of it were seen
    body        TEXT,                            -- JSON, as the list told it; NULL likewise
    noted       INTEGER NOT NULL,                -- a log entry says that there are notes
    resolution  TEXT,                            -- what was said with the last resolve; '': nothing
    said_ms     INTEGER NOT NULL DEFAULT 0       -- when that was
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_item_todo ON backfill_item (created_ms, incident_id) WHERE created_ms > 0;
