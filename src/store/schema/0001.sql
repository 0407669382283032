-- Migration 1: every table of the first release. Times are milliseconds since 1970 (wall clock), ids are text from outside
-- or numbers assigned here, JSON is canonical text. The comment behind a table names the room that owns it: no other
-- room names it in a statement.

CREATE TABLE meta (                              -- store
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE body (                              -- store: bytes away from the rows that lists touch
    sha256     TEXT PRIMARY KEY,
    bytes      BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX body_created ON body (created_ms);

CREATE TABLE audit (                             -- audit: insert only
    seq      INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    verb     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    incident TEXT,
    detail   TEXT NOT NULL,
    prev     TEXT NOT NULL,
    hash     TEXT NOT NULL
) STRICT;                                        -- seq alone keeps the chain from forking: no index over random hashes
CREATE INDEX audit_incident ON audit (incident, seq) WHERE incident IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject, seq);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is insert only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is insert only'); END;

CREATE TABLE job (                               -- queue
    id         INTEGER PRIMARY KEY,
    step       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('ready', 'running', 'buried')),
    prio       INTEGER NOT NULL,
    due_ms     INTEGER NOT NULL,
    again      INTEGER NOT NULL DEFAULT 0,
    again_ms   INTEGER,
    orphan     INTEGER NOT NULL DEFAULT 0,
    attempt    INTEGER NOT NULL DEFAULT 0,
    epoch      INTEGER NOT NULL DEFAULT 0,
    fence      INTEGER NOT NULL DEFAULT 0,
    error      TEXT,
    created_ms INTEGER NOT NULL,
    since_ms   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_live ON job (step, subject) WHERE state IN ('ready', 'running');
CREATE INDEX job_ready ON job (prio, due_ms, id) WHERE state = 'ready';
CREATE INDEX job_running ON job (since_ms, id) WHERE state = 'running';
CREATE INDEX job_buried ON job (id) WHERE state = 'buried';
CREATE UNIQUE INDEX job_buried_key ON job (step, subject) WHERE state = 'buried';

-- Kept by triggers, so that a rolled-back savepoint takes its counts with it. last_id: ids are never used twice, for a
-- late answer must not find another job under its number.
CREATE TABLE job_counter (                       -- queue: kept, never counted by a scan
    state TEXT PRIMARY KEY,
    n     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO job_counter VALUES ('ready', 0), ('running', 0), ('buried', 0), ('last_id', 0);
CREATE TRIGGER job_count_insert AFTER INSERT ON job BEGIN
    UPDATE job_counter SET n = n + 1 WHERE state = NEW.state;
    UPDATE job_counter SET n = NEW.id WHERE state = 'last_id' AND n < NEW.id;
END;
CREATE TRIGGER job_count_delete AFTER DELETE ON job BEGIN
    UPDATE job_counter SET n = n - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER job_count_move AFTER UPDATE OF state ON job WHEN OLD.state <> NEW.state BEGIN
    UPDATE job_counter SET n = n - 1 WHERE state = OLD.state;
    UPDATE job_counter SET n = n + 1 WHERE state = NEW.state;
END;

CREATE TABLE person (                            -- people
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL UNIQUE,
    pd_user_id TEXT UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'responder', 'admin')),
    agent      INTEGER NOT NULL DEFAULT 0,
    disabled   INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE token (                             -- people: SHA-256 of the token, never the token
    id         INTEGER PRIMARY KEY,
    person_id  INTEGER NOT NULL REFERENCES person (id),
    sha256     TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX token_person ON token (person_id);

CREATE TABLE event (                             -- triage: intake
    event_id    TEXT PRIMARY KEY,                -- event.id, or "sha256:..." of the body where none can be read
    seq         INTEGER NOT NULL UNIQUE,         -- order of arrival; orders nothing but lists
    endpoint    TEXT NOT NULL,                   -- "" or the NAME of /webhooks/pagerduty/NAME
    event_type  TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('new', 'done', 'ignored', 'quarantined')),
    reason      TEXT,
    incident_id TEXT,
    occurred_ms INTEGER,
    received_ms INTEGER NOT NULL,
    webhook_id  TEXT,                            -- not signed: logged only
    copies      INTEGER NOT NULL DEFAULT 1,      -- deliveries of this event
    body        TEXT NOT NULL                    -- body.sha256
) STRICT;
CREATE INDEX event_incident ON event (incident_id, occurred_ms, event_id) WHERE incident_id IS NOT NULL;
CREATE INDEX event_quarantined ON event (seq) WHERE state = 'quarantined';

CREATE TABLE incident (                          -- triage
    id                TEXT PRIMARY KEY,
    seq               INTEGER NOT NULL UNIQUE,   -- order of first sight: the key that lists page by
    number            INTEGER,
    title             TEXT NOT NULL DEFAULT '',
    status            TEXT NOT NULL DEFAULT 'triggered',
    urgency           TEXT,
    priority          TEXT,
    service_id        TEXT,
    service           TEXT,
    policy_id         TEXT,
    policy            TEXT,
    level             INTEGER,                   -- escalation level computed from policy, on-calls and log; NULL unknown
    html_url          TEXT,
    symptom           TEXT,                      -- normalised title: service id + this is the symptom key
    created_ms        INTEGER,
    changed_ms        INTEGER,                   -- PagerDuty's last_status_change_at
    resolved_ms       INTEGER,
    resolved_by       TEXT,                      -- "user", "auto", "merge"; NULL while open or unknown
    merged_into       TEXT,
    snapshot          TEXT,                      -- body.sha256 of the canonical view (JSON, triage.h) made from REST or webhook
    snapshot_from     TEXT NOT NULL DEFAULT 'webhook' CHECK (snapshot_from IN ('webhook', 'rest')),
    snapshot_ms       INTEGER NOT NULL DEFAULT 0,
    bundle_id         INTEGER,                   -- newest evidence bundle
    assessment_id     INTEGER,                   -- newest assessment
    next_evidence     INTEGER NOT NULL DEFAULT 1,
    enriched_ms       INTEGER,                   -- last time PagerDuty answered about the incident itself
    retry_ms          INTEGER,                   -- when enrich comes back by itself for what did not answer
    first_seen_ms     INTEGER NOT NULL,
    judged_ms         INTEGER,                   -- first time the rules' view was there
    verdict           TEXT                       -- body.sha256 of what judge said last: {verdict, facts, bundle_id}
) STRICT;
CREATE INDEX incident_open ON incident (seq) WHERE status <> 'resolved';
CREATE INDEX incident_service ON incident (service_id, seq);
CREATE INDEX incident_open_service ON incident (service_id, seq) WHERE status <> 'resolved';
CREATE INDEX incident_resolved ON incident (seq) WHERE status = 'resolved';
CREATE INDEX incident_resolved_service ON incident (service_id, seq) WHERE status = 'resolved';
CREATE INDEX incident_number ON incident (number) WHERE number IS NOT NULL;

CREATE TABLE evidence (                          -- triage: insert only; E<num> per incident, never reused
    incident_id TEXT NOT NULL REFERENCES incident (id),
    num         INTEGER NOT NULL,
    kind        TEXT NOT NULL,                   -- incident, alert, log, note, change, past, related, outlier, service, policy,
                                                 -- oncall, dependency, similar, fix, firing
    state       TEXT NOT NULL CHECK (state IN ('ok', 'not_checked')),
    source      TEXT NOT NULL,                   -- where it came from: "alert:PXYZ", "GET /incidents/{id}/alerts"
    summary     TEXT NOT NULL,                   -- one safe line; for not_checked: why
    digest      TEXT NOT NULL,                   -- of kind, source and body; equal digests are not stored again
    body        TEXT NOT NULL,                   -- body.sha256, JSON
    at_ms       INTEGER,                         -- when it happened at PagerDuty, if it did
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (incident_id, num)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX evidence_digest ON evidence (incident_id, digest);

CREATE TABLE bundle (                            -- triage
    id          INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incident (id),
    nums        TEXT NOT NULL,                   -- JSON list of numbers
    digest      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX bundle_incident ON bundle (incident_id, id);

CREATE TABLE assessment (                        -- triage
    id          INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incident (id),
    bundle_id   INTEGER REFERENCES bundle (id),
    origin      TEXT NOT NULL CHECK (origin IN ('rules', 'model')),
    severity    TEXT,
    category    TEXT,
    team        TEXT,
    urgency     TEXT,
    verdict     TEXT NOT NULL,                   -- JSON of rules_judge
    facts       TEXT NOT NULL,                   -- body.sha256 of the facts document that was judged
    known       TEXT NOT NULL,                   -- JSON: times seen, last fix, next page, not checked ... (triage.h)
    digest      TEXT NOT NULL,                   -- of verdict and known
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX assessment_incident ON assessment (incident_id, id);

CREATE TABLE past_incident (                     -- triage: what each service had, to tell how often a symptom came
    id          TEXT PRIMARY KEY,
    service_id  TEXT NOT NULL,
    symptom     TEXT NOT NULL,                   -- normalised title
    number      INTEGER NOT NULL,
    title       TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    resolved_ms INTEGER,
    by_type     TEXT,                            -- who changed the status last: "user", "service" ...
    by_id       TEXT,
    by_name     TEXT,
    merged      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX past_symptom ON past_incident (service_id, symptom, created_ms);

CREATE TABLE pd_cache (                          -- triage: services, policies, on-calls, dependencies, histories
    key        TEXT PRIMARY KEY,                 -- "service:PXYZ"
    body       TEXT NOT NULL,
    fetched_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pd_feature (                        -- triage: 402/403/404 of an optional feature
    name       TEXT PRIMARY KEY,
    reason     TEXT NOT NULL,
    since_ms   INTEGER NOT NULL,
    retry_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_group (                    -- triage
    id         INTEGER PRIMARY KEY,
    root_id    TEXT,
    reason     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
CREATE TABLE group_member (                      -- triage
    group_id    INTEGER NOT NULL REFERENCES incident_group (id),
    incident_id TEXT NOT NULL,
    joined_ms   INTEGER NOT NULL,
    left_ms     INTEGER,
    PRIMARY KEY (group_id, incident_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_incident ON group_member (incident_id) WHERE left_ms IS NULL;

CREATE TABLE proposal (                          -- gate
    id            INTEGER PRIMARY KEY,
    subject_kind  TEXT NOT NULL CHECK (subject_kind IN ('incident', 'group')),
    subject_id    TEXT NOT NULL,
    incident_id   TEXT NOT NULL,                 -- the incident, or the group's root
    state         TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'executing', 'done', 'failed', 'unsure', 'rejected',
                      'expired', 'superseded', 'withdrawn', 'overtaken', 'stale', 'shadowed')),
    revision      INTEGER NOT NULL DEFAULT 1,
    key           TEXT NOT NULL,                 -- digest of verb and target: the same thing is not proposed twice
    origin        TEXT NOT NULL,                 -- "rule:NAME", "person:3", "triage-note"
    why           TEXT NOT NULL,
    risk          TEXT NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    assessment_id INTEGER,
    bundle_id     INTEGER,
    facts         TEXT,                          -- body.sha256 of the facts document it was judged by
    reason        TEXT,                          -- how it ended, in words
    ended_by      TEXT,                          -- "person:3", "PagerDuty: Ingrid Solheim", "policy:NAME", "system"
    replaces_id   INTEGER,                       -- the stale or superseded one that this follows
    status_then   TEXT,                          -- of the incident when it was proposed
    on_expiry     TEXT NOT NULL DEFAULT 'drop' CHECK (on_expiry IN ('drop', 'ask_next', 'keep')),
    asked_level   INTEGER NOT NULL DEFAULT 0,    -- ask_next: the escalation level that was named last
    asked         TEXT,                          -- and the names on call there
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,              -- 0: no deadline
    span_ms       INTEGER NOT NULL,              -- how long each of those asked has
    approved_ms   INTEGER,
    ended_ms      INTEGER
) STRICT;
CREATE INDEX proposal_live ON proposal (incident_id, id)
    WHERE state IN ('pending', 'approved', 'executing', 'unsure');
CREATE INDEX proposal_ended ON proposal (ended_ms, id); -- NULL: live
CREATE INDEX proposal_state ON proposal (state, id);
CREATE INDEX proposal_incident ON proposal (incident_id, id);
CREATE INDEX proposal_subject ON proposal (subject_kind, subject_id, key, id);

CREATE TABLE gate_view (                         -- gate: the newest state of an incident as the gate was shown it
    incident_id TEXT PRIMARY KEY,
    view        TEXT NOT NULL,                   -- canonical JSON
    seen_ms     INTEGER NOT NULL,
    reopened_ms INTEGER NOT NULL DEFAULT 0       -- what was rejected or overtaken before this may be proposed again
) STRICT, WITHOUT ROWID;

CREATE TABLE proposal_counter (                  -- gate
    state TEXT PRIMARY KEY,
    n     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revision (                          -- gate: insert only
    proposal_id INTEGER NOT NULL REFERENCES proposal (id),
    revision    INTEGER NOT NULL,
    digest      TEXT NOT NULL,                   -- over all actions, in order
    policy_rule TEXT NOT NULL,                   -- the one rule that matched ("default" when none)
    policy_hash TEXT NOT NULL,
    need        TEXT NOT NULL,                   -- JSON {"kind":"any","role":"responder"} ...
    author      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (proposal_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE action (                            -- gate: insert only
    proposal_id INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    ord         INTEGER NOT NULL,
    verb        TEXT NOT NULL,
    target      TEXT NOT NULL,                   -- PagerDuty incident id
    args        TEXT NOT NULL,                   -- canonical JSON
    binds       TEXT NOT NULL,                   -- canonical JSON: the state it was based on
    identity    TEXT NOT NULL CHECK (identity IN ('approver', 'service')),
    digest      TEXT NOT NULL,
    effect      TEXT NOT NULL,                   -- what will happen, in words written by code
    PRIMARY KEY (proposal_id, revision, ord),
    FOREIGN KEY (proposal_id, revision) REFERENCES revision (proposal_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE decision (                          -- gate: insert only
    id          INTEGER PRIMARY KEY,
    proposal_id INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    verdict     TEXT NOT NULL CHECK (verdict IN ('approve', 'reject')),
    actor       TEXT NOT NULL,                   -- "person:3", "standing:1", "policy:NAME"
    person_id   INTEGER REFERENCES person (id),
    pd_user_id  TEXT,
    email       TEXT,                            -- becomes From
    reason      TEXT,
    via         TEXT NOT NULL,                   -- "cli", "api", "standing", "policy"
    created_ms  INTEGER NOT NULL,
    FOREIGN KEY (proposal_id, revision) REFERENCES revision (proposal_id, revision)
) STRICT;
CREATE INDEX decision_proposal ON decision (proposal_id, revision);
CREATE INDEX decision_actor ON decision (actor, created_ms);
CREATE UNIQUE INDEX decision_once ON decision (proposal_id, revision, actor);
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'the decision table is insert only'); END;
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'the decision table is insert only'); END;

CREATE TABLE standing (                          -- gate: approvals given beforehand, for code-made text only
    id              INTEGER PRIMARY KEY,
    verb            TEXT NOT NULL,
    template        TEXT NOT NULL,               -- "triage-note"
    template_digest TEXT NOT NULL,
    services        TEXT NOT NULL,               -- JSON list of service ids, or ["*"]
    max_per_hour    INTEGER NOT NULL,
    until_ms        INTEGER NOT NULL,
    person_id       INTEGER NOT NULL REFERENCES person (id),
    email           TEXT NOT NULL,
    pd_user_id      TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    revoked_ms      INTEGER
) STRICT;
CREATE INDEX standing_live ON standing (template) WHERE revoked_ms IS NULL;

CREATE TABLE execution (                         -- gate: one row per action of an approved proposal
    proposal_id         INTEGER NOT NULL REFERENCES proposal (id),
    revision            INTEGER NOT NULL,
    ord                 INTEGER NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('waiting', 'executing', 'done', 'failed', 'unsure', 'dropped')),
    marker              TEXT,                    -- notes: "[triaged:................]"
    from_email          TEXT NOT NULL,
    from_pd_user        TEXT NOT NULL,
    actor               TEXT NOT NULL,           -- whose decision completed the approval
    in_flight_until_ms  INTEGER,                 -- upper bound of our own request being alive; NULL = never sent
    first_sent_ms       INTEGER,
    sends               INTEGER NOT NULL DEFAULT 0,
    empty_reads         INTEGER NOT NULL DEFAULT 0,
    last_empty_ms       INTEGER,
    fence               INTEGER NOT NULL DEFAULT 0,
    epoch               INTEGER NOT NULL DEFAULT 0,
    verified_ms         INTEGER,                 -- when the state was read that allowed the send that is queued
    log_after_ms        INTEGER,                 -- newest log entry before the first send, by PagerDuty's clock
    log_last_id         TEXT,                    -- and the ids of that second: what comes later may be ours
    note_id             TEXT,
    after               TEXT,                    -- JSON: the bound state when it was proved
    result              TEXT,                    -- JSON: how it was proved, or why not
    created_ms          INTEGER NOT NULL,
    ended_ms            INTEGER,
    PRIMARY KEY (proposal_id, ord)
) STRICT, WITHOUT ROWID;
CREATE INDEX execution_open ON execution (proposal_id) WHERE state IN ('waiting', 'executing', 'unsure');

CREATE TABLE triage_note (                       -- gate: the one standing note of an incident, edited in place
    incident_id TEXT PRIMARY KEY,
    note_id     TEXT NOT NULL,
    marker      TEXT NOT NULL,
    content     TEXT NOT NULL,                   -- as last proved at PagerDuty
    updated_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE call_log (                          -- gate: calls of an execution, for explain
    id          INTEGER PRIMARY KEY,
    proposal_id INTEGER NOT NULL,
    ord         INTEGER NOT NULL,
    what        TEXT NOT NULL,                   -- "GET /incidents/{id}"
    status      INTEGER,
    outcome     TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    took_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX call_log_proposal ON call_log (proposal_id, id);

CREATE TABLE alarm (                             -- engine
    key        TEXT PRIMARY KEY,                 -- "webhook.signature", "pagerduty.auth"
    what       TEXT NOT NULL,                    -- what is wrong
    todo       TEXT NOT NULL,                    -- what to do
    raised_ms  INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    times      INTEGER NOT NULL DEFAULT 1,
    cleared_ms INTEGER
) STRICT;
CREATE INDEX alarm_live ON alarm (raised_ms) WHERE cleared_ms IS NULL;
