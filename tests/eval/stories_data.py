"""Stories of databases, disks, queues and memory. What is proven depends on the variant: c.blank leaves the proof out, c.tel lets other sources speak."""
from tests.eval.telling import story

PLATFORM, COMMERCE = ["Platform"], ["Commerce"]


@story("db-pool-leak", "database")
def _(c):
    job = c.one("monthly-report", "parcel-export", "sla-report", "tariff-sync", "address-audit")
    c.main("PSPARDB", "Connections used", "pg_stat_activity_count", c.n(94, 99), 90, host=c.host("parcel-db"),
           more={"database": "parcels", "max_connections": "200"})
    if not c.blank:
        c.alert(20, "Sessions by application on parcel-db", application_name=job, sessions=str(c.n(120, 150)), state="idle in transaction",
                longest="%d min" % c.n(40, 75))
    c.metric("pg_connections", 71, 188)
    c.log('FATAL: remaining connection slots are reserved for non-replication superuser connections')
    rank = c.hurt({2: "Label printing and order intake fail for most shops, they get errors about connections.",
                   3: "Some requests of the tracking page are slow, retries succeed."}, "carmen.ortega")
    c.gold(rank, ["database/connections", "database"], PLATFORM, None if c.blank else [[job], ["idle", "sessions", "connection"]],
           [("alert", job)])


@story("db-long-transaction", "database")
def _(c):
    pid = c.n(11000, 29000)
    c.main("PSPARDB", "Transaction age", "pg_oldest_xact_seconds", "%d s" % c.n(3700, 9100), "1800 s", host=c.host("parcel-db"), sev="error",
           more={} if c.blank else {"oldest": {"pid": str(pid), "user": "bi_reader", "query": "SELECT * FROM parcels p JOIN scans s ON true",
                                              "client": "metabase"}})
    c.metric("table_bloat_parcels_pct", 8, 31)
    c.note(80, "carmen.ortega", "Autovacuum cannot clean up, queries on parcels get slower by the minute. Pages load, just slowly.")
    c.past(40, 25, note="Ended the session of the report tool; bloat went down after vacuum.", who="carmen.ortega")
    c.gold(3, ["database"], PLATFORM, None if c.blank else [["bi_reader", "metabase", str(pid)]], [("alert", "bi_reader")])


@story("db-replica-vacuum", "database")
def _(c):
    lag = c.n(140, 900)
    c.main("PSPARDB", "Replication lag", "pg_replication_lag_seconds", "%d s" % lag, "30 s", host="parcel-db-replica-2", sev="error")
    if not c.blank:
        c.change(c.n(12, 25), "PSPARDB", "Start VACUUM FULL on table parcels", "dba-jobs", table="parcels", host="parcel-db-1",
                 ticket="DBA-%d" % c.n(100, 999))
        c.log("replica-2 recovery: waiting for AccessExclusiveLock on relation parcels held by replay of VACUUM FULL")
    c.metric("replication_lag_seconds", 1, lag)
    rank = c.hurt({3: "Tracking shows events that are some minutes old; nothing fails.",
                   4: "No customer reads from this replica, only the nightly report does."}, "carmen.ortega")
    c.gold(rank, ["database/replication", "database", "change"], PLATFORM, None if c.blank else [["vacuum full", "vacuum"]],
           [("change", "VACUUM FULL")])


@story("db-deadlocks", "database")
def _(c):
    build = c.n(2100, 2990)
    c.main("PSPARDB", "Deadlocks per minute", "pg_deadlocks", c.n(22, 90), 5, sev="error")
    c.change(c.n(15, 40), "PSLABEL", "Deploy label-service build %d" % build, "ci/label-service", change="batch update of label states, 500 rows a statement")
    if not c.blank:
        c.alert(30, "deadlock detected (parcels)", sev="error", process="label-service build %d" % build,
                detail="Process waits for ShareLock; blocked by UPDATE labels SET state = 'printed' WHERE id = ANY(...)")
    c.log("ERROR: deadlock detected application=label-service statement=UPDATE labels SET state")
    rank = c.hurt({2: "Most shops cannot print labels, the batch fails again and again.", 3: "One label in twenty needs a second try."})
    c.gold(rank, ["change", "database"], ["Commerce", "Platform"], None if c.blank and not c.tel else [["label-service", "label service"], [str(build), "batch", "update labels"]],
           [("change", str(build))] if c.blank else [("alert", "label-service")])


@story("db-failover", "database")
def _(c):
    c.main("PSPARDB", "Primary not reachable", "pg_up", 0, 1, state="below", host="parcel-db-1")
    if not c.blank:
        c.alert(15, "Host event on parcel-db-1", source="hypervisor", event="machine check: uncorrectable memory error on DIMM %d" % c.n(1, 8),
                action="host was powered off")
    c.alert(40, "Patroni: no leader for cluster parcels", sev="critical", reason="replica-2 lag above maximum_lag_on_failover")
    c.metric("pg_up parcel-db-1", 1, 0)
    c.log("patroni: not promoting parcel-db-replica-2, lag is over maximum_lag_on_failover")
    c.note(80, "asha.verma", "Nothing can be booked or tracked: every service that writes parcels is down.")
    c.gold(1, ["database", "availability"], PLATFORM, None if c.blank else [["memory error", "dimm", "machine check"]], [("alert", "machine check")])


@story("db-slot-wal", "database")
def _(c):
    slot = c.one("debezium_old", "warehouse_sync", "analytics_v1", "search_feed", "cdc_trial")
    c.main("PSPARDB", "Disk space used", "node_filesystem_used_pct", c.n(88, 95), 85, host="parcel-db-1", sev="warning",
           more={"mountpoint": "/var/lib/postgresql"})
    if not c.blank:
        c.alert(25, "WAL kept by replication slot", sev="warning", slot_name=slot, active="false", retained="%d GB" % c.n(210, 480))
    c.metric("pg_wal_dir_gb", 14, 402)
    c.note(60, "carmen.ortega", "At this rate there are about %d hours left. Nobody is affected yet." % c.n(5, 9))
    c.past(100, 45, note="Removed an abandoned replication slot that held WAL.", who="carmen.ortega")
    c.gold(3, ["disk", "database/replication", "database"], PLATFORM, None if c.blank else [[slot], ["slot"]], [("alert", slot)])


@story("db-migration-lock", "database")
def _(c):
    m = c.n(300, 399)
    c.main("PSORDER", "Requests waiting for a database lock", "db_lock_wait_seconds", "%d s" % c.n(20, 58), "5 s")
    c.change(c.n(3, 9), "PSPARDB", "Schema migration %d applied" % m, "migrations", statement="ALTER TABLE orders ADD COLUMN depot_id bigint NOT NULL DEFAULT 0",
             state="running")
    if not c.blank:
        c.alert(20, "Blocked statements on parcel-db", sev="critical", blocked="412 x INSERT INTO orders", blocking="ALTER TABLE orders (migration %d)" % m)
    c.log("order-intake: canceling statement due to lock timeout: INSERT INTO orders")
    c.note(75, "femi.adeyemi", c.one("No shop can hand in a parcel since it began.", "All order requests time out.", "Orders fail for everybody, not one got in for minutes.",
                                     "Order Intake answers nothing but timeouts.", "No order can be taken."))
    c.gold(1, ["change", "database"], ["Platform", "Commerce"], [[str(m), "migration", "alter table"]], [("change", str(m))])


@story("redis-evictions", "database")
def _(c):
    key = c.one("quote:", "session:", "geo:", "eta:", "price:")
    c.main("PSTRACK", "Cache hit ratio", "redis_hit_ratio", "%d %%" % c.n(22, 41), "80 %", state="below", host=c.host("redis-tracking"), sev="warning",
           more={"evicted_keys_per_s": str(c.n(800, 2600)), "used_memory": "8.0 GB of 8.0 GB"})
    if not c.blank:
        c.alert(30, "Biggest key space in redis", sev="warning", prefix=key, share="%d %% of memory" % c.n(71, 88), ttl="none")
    c.metric("redis_evicted_keys", 0, 2100)
    rank = c.hurt({3: "Pages are slower than usual, everything works.", 4: "Nobody noticed so far; the database takes the extra reads easily."})
    c.gold(rank, ["capacity", "latency", "database", "configuration"], ["Commerce", "Platform"], None if c.blank else [[key, key.rstrip(":")], ["ttl", "memory", "prefix", "evict"]],
           [("alert", key)])


# ---- disks

@story("disk-debug-logs", "disk")
def _(c):
    c.main("PSROUTE", "Disk space used", "disk_used_percent", "%d %%" % c.n(93, 98), "90 %", host=c.host("route-planner"), sev="error",
           more={"mount": "/var/log"})
    if not c.blank:
        c.change(c.n(90, 300), "PSROUTE", "Set log level of solver to debug", "ansible", file="solver.conf", line="log_level: debug", reason="look for slow tours")
        c.alert(45, "Largest files below /var/log", sev="warning", file="/var/log/route-planner/solver.log", size="%d GB" % c.n(41, 88))
    c.metric("log_bytes_per_minute", 120000, 88000000)
    c.log("DEBUG solver: edge relaxed 118231 -> 118232", "DEBUG solver: edge relaxed 118232 -> 118240")
    rank = c.hurt({3: "One planner host will stop in an hour or so, the others take its tours.", 4: "Tours are planned on time, this host is a spare."})
    c.gold(rank, ["disk", "configuration", "change"], ["Commerce", "Platform"],
           None if c.blank and not c.tel else [["debug", "solver.log", "log level"]], [("source", "DEBUG solver")] if c.blank else [("change", "debug")])


@story("disk-retention-off", "disk")
def _(c):
    c.main("PSLABEL", "Volume is %d %% full" % c.n(91, 97), "label_volume_used", "0.9%d" % c.n(1, 7), "0.85", host="label-nfs-1", sev="error",
           more={"path": "/srv/labels/rendered"})
    if not c.blank:
        c.alert(60, "CronJob label-retention has not succeeded for %d days" % c.n(9, 21), sev="warning", job="label-retention",
                last_error="permission denied: /srv/labels/rendered/2026-08")
    c.log("label-retention: rm: cannot remove /srv/labels/rendered/2026-08: Permission denied")
    c.metric("rendered_labels_gb", 610, 942)
    c.past(30, 40, note="Removed rendered labels older than 30 days from the volume.")
    rank = c.hurt({2: "Printing fails for all depots as soon as the cache is used up, half of them have stopped.", 4: "Printing goes on, there is room until tomorrow."})
    c.gold(rank, ["disk"], ["Commerce", "Platform"], None if c.blank and not c.tel else [["retention"], ["permission", "not succeeded", "has not", "fail", "cannot remove"]],
           [("source", "Permission denied")] if c.blank else [("alert", "label-retention")])


@story("disk-inodes", "disk")
def _(c):
    c.main("PSORDER", "Inode usage", "node_filesystem_files_used_pct", "%d %%" % c.n(97, 100), "90 %", host=c.host("order-intake"), sev="critical",
           more={"mountpoint": "/tmp", "bytes_used": "31 %"})
    if not c.blank:
        c.alert(35, "Files below /tmp by name", sev="error", pattern="xmlfeed-*.part", count="%d" % c.n(2900000, 6400000), owner="feed-parser")
    c.log("feed-parser: OSError: [Errno 28] No space left on device: /tmp/xmlfeed-88121.part")
    rank = c.hurt({2: "Shops that send XML feeds cannot hand in orders; that is about half of them.", 3: "Feeds on this host fail and are taken by another host on retry."})
    c.gold(rank, ["disk"], ["Commerce", "Platform"], None if c.blank and not c.tel else [["xmlfeed", "feed-parser"]],
           [("source", "xmlfeed")] if c.blank else [("alert", "xmlfeed")])


@story("disk-broker-retention", "disk")
def _(c):
    topic = c.one("scan-events", "geo-pings", "label-prints", "audit-trail", "tour-updates")
    c.main("PSEVBUS", "Broker disk used", "kafka_log_dir_used_pct", "%d %%" % c.n(90, 97), "85 %", host=c.host("kafka"), sev="error")
    c.change(60 * c.n(9, 14), "PSEVBUS", "Topic %s: retention.ms 86400000 -> -1" % topic, "terraform/kafka", author="analytics", plan="1 to change")
    if not c.blank:
        c.alert(30, "Topic sizes", sev="warning", topic=topic, size="%d GB" % c.n(700, 1400), this_morning="%d GB" % c.n(90, 160))
    c.metric("kafka_topic_size_gb{%s}" % topic, 140, 1120)
    c.note(90, "dario.conti", "No consumer is affected yet. Broker stops in %d hours if nothing is done." % c.n(3, 6))
    c.gold(3, ["disk", "change", "configuration"], PLATFORM, [[topic], ["retention"]], [("change", "retention.ms")])


# ---- queues

@story("queue-poison", "queue")
def _(c):
    job = c.n(400000, 899999)
    c.main("PSLABEL", "Waiting labels", "label_queue_length", c.n(2100, 8800), 500, sev="error")
    if not c.blank:
        c.alert(40, "label worker restarted %d times" % c.n(14, 60), sev="error", last_job=str(job), error="PDF parser: unexpected end of stream in job %d" % job)
    c.log("worker: job %d: unexpected end of stream, requeued at head" % job)
    c.metric("label_workers_ready", 8, 1)
    c.past(22, 18, note="Two workers were stuck on a corrupt PDF; removed job from the queue and restarted them.", who="femi.adeyemi")
    rank = c.hurt({2: "Depots wait for labels everywhere, vans leave late.", 3: "Labels come about ten minutes late."})
    c.gold(rank, ["errors", "capacity", "latency", "availability"], COMMERCE, None if c.blank and not c.tel else [[str(job), "pdf", "end of stream", "corrupt"]],
           [("source", str(job))] if c.blank else [("alert", str(job))])


@story("queue-consumer-gone", "queue")
def _(c):
    c.main("PSROUTE", "Consumer lag", "kafka_consumer_lag", c.n(90000, 400000), 10000, host="route-planner", more={"group": "tour-planner", "topic": "scan-events"})
    if not c.blank:
        c.change(c.n(10, 30), "PSROUTE", "Scale tour-consumer from 6 to 0", "kubectl", user="release-bot", namespace="routing", reason="cleanup of old deployments")
    c.metric("tour_consumer_replicas", 6, 0)
    c.log("group tour-planner: no active members")
    rank = c.hurt({2: "Drivers get no new stops, all tours of the afternoon are stale.", 3: "Tours are updated from the morning's data, planners correct by hand."})
    c.gold(rank, ["change", "configuration", "availability"], COMMERCE, None if c.blank and not c.tel else [["tour-consumer", "tour_consumer", "consumer"], ["0", "no active", "zero"]],
           [("source", "no active members")] if c.blank else [("change", "from 6 to 0")])


@story("queue-bulk-import", "queue")
def _(c):
    shop = c.n(3000, 3999)
    c.main("PSORDER", "Backlog of parcels", "intake_backlog", c.n(6000, 21000), 2000, sev="error")
    if not c.blank:
        c.alert(30, "Orders by shop, last 15 minutes", sev="info", shop="shop-%d" % shop, orders=str(c.n(40000, 90000)), usual="200 to 400")
    c.log("intake: accepted bulk file shop-%d-catalogue.csv with 81230 rows" % shop)
    c.metric("orders_per_minute", 310, 6100)
    rank = c.hurt({3: "Orders of other shops are delayed by about twenty minutes, none is lost.", 4: "Only that evening's pickups are waiting, which leave tomorrow."})
    c.gold(rank, ["capacity"], COMMERCE, None if c.blank and not c.tel else [["shop-%d" % shop, "bulk"]], [("source", "shop-%d" % shop)] if c.blank else [("alert", "shop-%d" % shop)])


# ---- memory and handles

@story("memory-leak-build", "memory")
def _(c):
    build = c.n(5100, 5999)
    c.main("PSTRACK", "Container restarts", "kube_pod_container_restarts", c.n(6, 19), 3, host="tracking-api-6f%d" % c.n(10, 99), more={"reason": "OOMKilled", "limit": "768Mi"})
    c.change(60 * c.n(5, 9), "PSTRACK", "Deploy tracking-api build %d" % build, "ci/tracking-api", change="keep parsed carrier events in memory for faster lookups")
    if not c.blank:
        c.alert(50, "Memory of tracking-api grows since the start of build %d" % build, sev="warning", slope="%d MiB per hour" % c.n(60, 110), previous_build="flat")
    c.metric("container_memory_mib", 310, 764)
    c.log("OOMKilled: memory cgroup out of memory: tracking-api")
    rank = c.hurt({3: "Some requests fail while a pod restarts, about one in a hundred.", 4: "Restarts are spread out, no request failed."})
    c.gold(rank, ["change", "capacity", "errors", "availability"], COMMERCE, [[str(build), "carrier events"], ["memory", "oom", "leak"]], [("change", str(build))])


@story("memory-heap-broker", "memory")
def _(c):
    c.main("PSEVBUS", "Broker is down", "kafka_broker_up", 0, 1, state="below", host="kafka-%d" % c.n(1, 3))
    if not c.blank:
        c.alert(10, "java.lang.OutOfMemoryError: Java heap space", sev="critical", process="kafka", heap="6 GB", top_object="analytics-replay fetch sessions, 4.8 GB")
    c.log("kafka: java.lang.OutOfMemoryError: Java heap space in fetch session analytics-replay")
    c.metric("kafka_heap_used_gb", 3.1, 6)
    rank = c.hurt({2: "Two of three brokers are gone: scans arrive nowhere, tracking stands still for most parcels.", 3: "The two others carry the load, producers retry."}, "dario.conti")
    c.gold(rank, ["capacity", "availability", "errors"], PLATFORM, None if c.blank and not c.tel else [["heap", "outofmemory", "out of memory"], ["analytics-replay", "replay", "fetch session"]],
           [("source", "analytics-replay")] if c.blank else [("alert", "analytics-replay")])


@story("fd-leak", "memory")
def _(c):
    c.main("PSPAYME", "Open file descriptors", "process_open_fds", c.n(64000, 65535), 60000, host=c.host("payments"), sev="error")
    if not c.blank:
        c.alert(25, "Sockets in CLOSE_WAIT on payments", sev="error", remote="fraud-scoring.internal:8443", count=str(c.n(52000, 61000)))
    c.log("payments: accept4: too many open files", "payments: fraud-scoring client: response body is not closed after timeout")
    rank = c.hurt({1: "All card payments are refused since the last process ran out.", 2: "Every third card payment fails, shops complain."}, "hiro.tanaka")
    c.gold(rank, ["errors", "capacity", "availability"], ["Payments", "Commerce"], None if c.blank and not c.tel else [["fraud-scoring"], ["close_wait", "socket", "not closed", "close", "descriptor"]],
           [("source", "fraud-scoring")] if c.blank else [("alert", "fraud-scoring")])
