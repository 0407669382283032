"""Writes innocent.json: 300 texts of the daily life of an operator that hold no secret; redaction must leave them as they are.

    python3 tests/eval/make_innocent.py           writes the file
    python3 tests/eval/make_innocent.py --check   exit 1 when the file is not what would be written
"""
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "innocent.json")
COUNT = 300

WRITTEN = [
    "CPU usage above 90 % on web-14 for 10 minutes",
    "[FIRING:2] HighErrorRate checkout (prod eu-west-1 critical)",
    "Disk /var/lib/postgresql is 91 % full on db-primary-2",
    "High p99 latency: 2310 ms (threshold 800 ms) on POST /v2/payments",
    "Kubernetes pod checkout-7c9f8d6b5-x2k4q CrashLoopBackOff (restarts: 14)",
    "Certificate for api.example.com expires in 6 days (2026-03-10T00:00:00Z)",
    "password reset e-mails are failing since 14:03",
    "Password: reset flow returns 500",
    "Login fails with 'invalid password' for all users of the tenant acme",
    "password authentication failed for user \"billing\"",
    "FATAL:  password authentication failed for user \"app\" (SQLSTATE 28P01)",
    "Access denied for user 'svc'@'10.2.3.4' (using password: YES)",
    "token expired",
    "error: token is expired by 3h12m",
    "JWT verification failed: token: invalid",
    "Refresh token: missing",
    "max_tokens=2000 prompt_tokens=1843 completion_tokens=212",
    "tokens: 48211, tokens_per_second: 61",
    "token_count=5 token_limit=100000",
    "secret \"db-credentials\" not found in namespace payments",
    "MountVolume.SetUp failed for volume \"tls\" : secret \"checkout-tls\" not found",
    "Secrets rotation job is 2 days late",
    "secretName: checkout-tls",
    "secret_arn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC123",
    "API key quota exceeded: 1000 of 1000",
    "api_key_count: 14",
    "The API key is missing on 3 of 40 hosts",
    "access_key_id rotation is due",
    "primary_key=17 foreign key violated: orders_customer_id_fkey",
    "partition_key=2026-03-04 sort_key=17",
    "routing_key=orders.created queue=billing depth=120445",
    "cache_key=user:profile:v3 hit ratio 0.31",
    "PWD=/srv/app",
    "HOME=/root PWD=/home/app SHELL=/bin/bash",
    "pass: 12 fail: 3 skip: 0",
    "compass=3 bypass: true",
    "bearer authentication failed for realm example",
    "Basic authentication is off",
    "basic health check failed: connection refused",
    "Authorization: denied",
    "authorization: none",
    "Cookie: consent banner is broken in Safari",
    "set-cookie: missing SameSite on 4 responses",
    "git@github.com:example/checkout.git",
    "react@18.2.0 lodash@4.17.21 @babel/core@7.23.0",
    "pkg foo@1.2.3-beta.rc was published",
    "icon@2x.png not found (404)",
    "at com.example.checkout.PaymentService.charge(PaymentService.java:118)",
    "java.lang.NullPointerException: Cannot invoke \"String.length()\" because \"s\" is null\n\tat com.example.App.main(App.java:14)",
    "Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 41, in <module>\n    run()\nKeyError: 'customer_id'",
    "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 17 [running]:\nmain.main()\n\t/src/main.go:22 +0x1d",
    "TypeError: Cannot read properties of undefined (reading 'id')\n    at Object.<anonymous> (/srv/web/index.js:10:15)",
    "segfault at 7f3c2a4b1000 ip 00007f3c29f1 sp 00007ffd error 4 in libc.so.6",
    "OOMKilled: container used 2147483648 of 2147483648 bytes",
    "kernel: [1234567.890123] Out of memory: Killed process 12345 (java) total-vm:8123456kB",
    "ORA-00060: deadlock detected while waiting for resource",
    "ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction",
    "connection to 10.20.30.40:5432 refused",
    "dial tcp [2001:db8::17]:443: i/o timeout",
    "arp: 3c:52:82:1a:2b:3c moved from 10.0.0.1 to 10.0.0.2",
    "Deployed v2.14.3-rc.1+build.20260304 (sha 9fceb02d0ae598e95dc970b74767f19372d61af8)",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 by the release bot",
    "image sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "registry.example.com/checkout@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "x-amz-request-id: 79104EXAMPLEB723",
    "arn:aws:iam::123456789012:role/checkout-prod",
    "aws_deploy_commit: 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "i-0abcd1234ef567890 failed its status check",
    "vpc-0a1b2c3d4e5f67890 subnet-0f9e8d7c6b5a43210",
    "order 4000123412341235 could not be captured",
    "order number 1234567890123456 is stuck",
    "ticket 20260304-000123 was reopened",
    "invoice INV-2026-0004711 has no customer",
    "time=1772600703 level=warn",
    "ts=1772600703123 level=warn msg=slow",
    "start 1772600703123456789 end 1772600703987654321",
    "at 2026-03-04 05:06:07 UTC, 14 minutes before the page",
    "2026-03-04T05:06:07+02:00 worker restarted",
    "between 04.03.2026 05:06 and 04.03.2026 05:40",
    "03/04/2026 10:15:22 INFO started",
    "05-12-2024 10:00 maintenance begins",
    "window 2026-03-04 22:00 - 2026-03-05 02:00",
    "latency p50=12 p90=44 p99=231 p999=1204",
    "memory 1024 2048 4096 8192",
    "rates: 404 500 1234, 503 502 5000",
    "status codes 200 404 5000",
    "+12.3456789 % against last week",
    "delta +1500 bytes, -300 bytes",
    "load average: 12.45, 8.31, 4.10",
    "0.4111111111111111 of requests",
    "4.111111111111111 seconds",
    "pi is 3.141592653589793",
    "drwxr-xr-x 2 root root 4096 Mar  4 05:06 /etc/app",
    "-rw-r--r-- 1 1000 1000 123456789 data.bin",
    "00 01 02 03 04 05 06 07 08 09 0a 0b",
    "01 02 03 04 05 06 07 08",
    "version 10.0.19045.3930",
    "OpenSSL 3.0.11 19 Sep 2023",
    "kernel 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1",
    "node v20.11.1, npm 10.2.4",
    "redis://cache-1.example.com:6379/0 is not reachable",
    "postgres://db-1.example.com:5432/app is not reachable",
    "http://localhost:8080/path/@user returned 404",
    "https://example.com:443/@scope/pkg is slow",
    "https://grafana.example.com/d/abc123/checkout?orgId=1&from=1772600000000&to=1772603600000",
    "https://wiki.example.com/runbooks/checkout#restart-the-workers",
    "see https://example.pagerduty.com/incidents/Q1ABCDEF2GHIJK",
    "s3://backups-prod/2026/03/04/db.dump.gz is 0 bytes",
    "file:///srv/app/config.yaml line 12",
    "task-runner-worker-assignment-queue-depth is 12000",
    "risk-assessment-service is down",
    "disk-usage-monitor-for-database-primary",
    "asia-northeast1-b has no capacity",
    "ASIA region: 3 of 5 edges answer",
    "xoxo from the release team",
    "key-value store is read only",
    "monkey-patch failed: keyboard layout",
    "eyJ is how base64 of JSON begins",
    "the ghp_ prefix is refused by the linter",
    "AKIA ids are listed in the inventory",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUYw==\n-----END CERTIFICATE-----",
    "ssh-rsa fingerprint changed for host web-3",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 (ED25519)",
    "syscall 1234567 blocked for 120 seconds",
    "call duration 1234567 ms",
    "mobile checkout errors: 1234567",
    "cell 12 of the dashboard is empty",
    "telemetry: 1234567 points dropped",
    "handyman service 3001234 is slow",
    "phone verification provider answers 503",
    "SMS delivery is 40 % below normal",
    "e-mail queue holds 120445 messages",
    "email: bounce rate 12 %",
    "user_id=1234567 tenant=acme",
    "customer 88214471 cannot log in",
    "session_id rotation finished",
    "session store is at 91 % of memory",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "heroku release v123 failed",
    "twilio webhook latency is high",
    "datadog agent 7.50.3 lost its connection",
    "pagerduty integration key rotation is due next week",
    "slack webhook returns 404",
    "stripe webhook signature verification failed",
    "sendgrid answers 429",
    "vault is sealed: 3 of 5 keys given",
    "vault.core.seal-status 1",
    "errors.SomeVeryLongClassNameForTesting was raised",
    "npm_config_registry is not set",
    "docker auth: no basic auth credentials",
    "\"auth\": \"disabled\"",
    "--password-file /run/secrets/db is not readable",
    "DB_PASSWORD_FILE=/run/secrets/db",
    "TOKEN_URL=https://idp.example.com/oauth/token",
    "token_endpoint: https://idp.example.com/oauth/token",
    "client_secret_expires_at=0",
    "password_attempts=3",
    "passwordResetEnabled: true",
    "credential_type: oauth2",
    "private_key: ${PRIVATE_KEY}",
    "password: ********",
    "password=***",
    "api_key=<your key>",
    "secret: {{ .Values.secret }}",
    "Service Unavailable: upstream connect error or disconnect/reset before headers. reset reason: connection failure",
    "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
    "dial tcp: lookup db-1.prod.svc.cluster.local on 10.96.0.10:53: no such host",
    "ip-10-0-1-17.eu-west-1.compute.internal is NotReady",
    "checkout 99.95 % SLO burn rate 14.4 over 1h (budget left 31 %)",
    "Se ha superado el umbral de errores en pagos (12 %)",
    "Der Speicherplatz auf db-2 ist knapp: 3 GB von 500 GB frei",
    "決済サービスでエラー率が上昇しています (12 %)",
    "GB12 nodes are drained, FR76 is not a rack",
    "DE12345678901234567890 is the asset tag of the switch",
    "model number 4532-0012-3456-7891 of the disk",
    "RFC 9110, section 15.6.4; ISO 8601; CVE-2026-10311",
]


def made(r):
    """One more text of a form that a monitor or a log has."""
    hex_of = lambda n: "".join(r.choice("0123456789abcdef") for _ in range(n))
    word = lambda: r.choice(["checkout", "billing", "search", "login", "cart", "ledger", "media", "mail", "queue", "edge"])
    host = "%s-%d" % (word(), r.randrange(1, 60))
    forms = [
        lambda: "%s commit %s by ci" % (word(), hex_of(40)),
        lambda: "image %s@sha256:%s pulled in %d ms" % (word(), hex_of(64), r.randrange(100, 90000)),
        lambda: "request %s-%s-%s-%s-%s took %d ms" % (hex_of(8), hex_of(4), hex_of(4), hex_of(4), hex_of(12), r.randrange(10, 30000)),
        lambda: "ts=%d.%06d host=%s level=error msg=\"timeout after %ds\"" % (r.randrange(1700000000, 1800000000), r.randrange(10**6), host, r.randrange(1, 90)),
        lambda: "%s{instance=\"10.%d.%d.%d:9100\",job=\"%s\"} %.6f" % (r.choice(["node_load1", "http_requests_total", "up", "go_goroutines"]), r.randrange(256), r.randrange(256), r.randrange(256), word(), r.random() * 1000),
        lambda: "2026-0%d-%02dT%02d:%02d:%02d.%03dZ %s[%d]: worker %d stopped, exit %d" % (r.randrange(1, 9), r.randrange(1, 28), r.randrange(24), r.randrange(60), r.randrange(60), r.randrange(1000), host, r.randrange(100, 99999), r.randrange(64), r.randrange(128)),
        lambda: "v%d.%d.%d-%s.%d of %s is out, %s is at %d.%d.%d" % (r.randrange(20), r.randrange(40), r.randrange(90), r.choice(["rc", "beta", "hotfix"]), r.randrange(9), word(), host, r.randrange(20), r.randrange(40), r.randrange(90)),
        lambda: "deploy %s-%s-%s to %s finished in %dm%02ds" % (word(), hex_of(9), "".join(r.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5)), host, r.randrange(30), r.randrange(60)),
        lambda: "order %d of tenant %d failed with code %d" % (r.randrange(10**9, 10**10) % 900000000 + 1000000000, r.randrange(10**6), r.randrange(400, 600)),
        lambda: "snowflake %d, shard %d, offset %d" % (r.randrange(1 * 10**18, 2 * 10**18), r.randrange(64), r.randrange(10**9)),
        lambda: "etag \"%s\" cache %s age %d" % (hex_of(32), r.choice(["HIT", "MISS"]), r.randrange(100000)),
        lambda: "GET /api/v%d/%s/%d?limit=%d&offset=%d HTTP/1.1 %d %d %.3f" % (r.randrange(1, 4), word(), r.randrange(10**7), r.randrange(100), r.randrange(10**5), r.choice([200, 404, 500, 503]), r.randrange(10**6), r.random()),
        lambda: "lag of partition %d is %d messages (offset %d of %d)" % (r.randrange(64), r.randrange(10**6), r.randrange(10**9), r.randrange(10**10)),
        lambda: "thread 0x%s waits on 0x%s at %s.c:%d" % (hex_of(12), hex_of(12), word(), r.randrange(3000)),
    ]
    return r.choice(forms)()


def text():
    r = random.Random(4711)
    texts = list(WRITTEN)
    while len(texts) < COUNT:
        texts.append(made(r))
    return "[\n%s\n]\n" % ",\n".join(json.dumps(t, ensure_ascii=False) for t in texts[:COUNT])


def main():
    if "--check" in sys.argv[1:]:
        with open(PATH, encoding="utf-8") as f:
            return 0 if f.read() == text() else 1
    with open(PATH, "w", encoding="utf-8") as f:
        f.write(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
