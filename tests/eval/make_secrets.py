"""Writes secrets.json: 500 planted secrets of many kinds, for the unit test of redaction and for the test that asks whether one of them ever left.

    python3 tests/eval/make_secrets.py            writes the file
    python3 tests/eval/make_secrets.py --check    exit 1 when the file is not what would be written

Every secret is made up by a seeded generator. In the file each is cut into short parts, so that no scanner takes it for a real one.
A row: id, class (who should find it), kind, before / secret / after (lists of parts), shape:
  word    no white space: fits everywhere      line   one line      block   several lines      member   only as the value of the member named in before
"""
import base64
import json
import os
import random
import string
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "secrets.json")
COUNT = 500
UP, LOW, DIG = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALNUM = UP + LOW + DIG
HEX = DIG + "abcdef"
URL64 = ALNUM + "-_"

# How a secret is told. {x} is before + secret + after. json: the text is a JSON document and {x} is escaped; value: a member's value in a document.
CARRIERS = [
    {"name": "plain", "form": "text", "shapes": ["word", "line"], "text": "The job stopped after it printed {x} and nothing else, please look."},
    {"name": "end", "form": "text", "shapes": ["word", "line"], "text": "What it said last was {x}."},
    {"name": "quoted", "form": "text", "shapes": ["word"], "text": "the value '{x}' was refused by the upstream"},
    {"name": "json", "form": "json", "shapes": ["word", "line", "block"], "text": "{\"level\":\"error\",\"msg\":\"request {x} failed\",\"code\":7}"},
    {"name": "url", "form": "text", "shapes": ["url"], "text": "GET https://ci.example.com/runs/81?arg={x}&page=2 returned 500"},
    {"name": "log", "form": "text", "shapes": ["word", "line"], "text": "2026-03-04T05:06:07.123Z ERROR worker[311] boot failed arg={x} took=31ms"},
    {"name": "lines", "form": "text", "shapes": ["word", "line", "block"], "text": "before the error:\n{x}\nand the stack follows\n  at main (app.js:12:3)"},
    {"name": "neighbours", "form": "text", "shapes": ["word", "line"], "text": "c29tZSBoYXJtbGVzcyB0ZXh0 {x} bW9yZSBoYXJtbGVzcyB0ZXh0Cg=="},
    {"name": "glued", "form": "text", "shapes": ["glue"], "text": "blob:c29tZSBoYXJtbGVzcyB0ZXh0{x}/bW9yZSB0ZXh0 end"},
    {"name": "value", "form": "value", "shapes": ["word", "line", "block"], "text": "{x}"},
]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def of(self, alphabet, n):
        return "".join(self.r.choice(alphabet) for _ in range(n))

    def mixed(self, alphabet, n):
        """At least a digit and a letter, as any real key of that length has."""
        while True:
            s = self.of(alphabet, n)
            if any(c in DIG for c in s) and any(c in UP + LOW for c in s):
                return s

    def b64(self, n):
        return base64.b64encode(bytes(self.r.randrange(256) for _ in range(n))).decode()

    def url64(self, n):
        return base64.urlsafe_b64encode(bytes(self.r.randrange(256) for _ in range(n))).decode().rstrip("=")

    def uuid(self):
        return "-".join(self.of(HEX, n) for n in (8, 4, 4, 4, 12))

    def password(self):
        n = self.r.randrange(10, 22)
        return self.mixed(ALNUM + "!#$%*+-_.~^?", n - 1) + self.r.choice(ALNUM)

    def word_pw(self):
        return self.r.choice(["hunter", "Winter", "correct", "Sommer", "tr0ub", "sesame"]) + self.mixed(ALNUM, 7)

    def jwt(self):
        def part(d):
            return base64.urlsafe_b64encode(json.dumps(d, separators=(",", ":")).encode()).decode().rstrip("=")
        return ".".join([part({"alg": "HS256", "typ": "JWT"}), part({"sub": self.of(DIG, 10), "exp": self.r.randrange(1700000000, 1800000000)}),
                         self.url64(32)])

    def luhn(self, head, n):
        body = head + self.of(DIG, n - 1 - len(head))
        total = 0
        for i, c in enumerate(reversed(body)):
            d = int(c)
            if i % 2 == 0:
                d = d * 2 - 9 if d > 4 else d * 2
            total += d
        return body + str(-total % 10)

    def iban(self, country, bban):
        digits = "".join(str(int(c, 36)) for c in bban + country + "00")
        return "%s%02d%s" % (country, 98 - int(digits) % 97, bban)

    def pem(self, kind, lines=6, join="\n"):
        body = join.join(self.b64(48) for _ in range(lines - 1)) + join + self.b64(30)
        return "-----BEGIN %s-----%s" % (kind, join), body, "%s-----END %s-----" % (join, kind)


def fours(s):
    return " ".join(s[i:i + 4] for i in range(0, len(s), 4))


def kinds(m):
    """name -> (class, shape, make); make returns secret, or (before, secret, after)."""
    r = m.r
    name = lambda *n: r.choice(n)
    return {
        # ---- keys that stand in blocks
        "rsa_pem": ("private_key", "block", lambda: m.pem("RSA PRIVATE KEY")),
        "pkcs8_pem": ("private_key", "block", lambda: m.pem("PRIVATE KEY")),
        "ec_pem": ("private_key", "block", lambda: m.pem("EC PRIVATE KEY", 3)),
        "openssh_pem": ("private_key", "block", lambda: m.pem("OPENSSH PRIVATE KEY")),
        "pgp_block": ("private_key", "block", lambda: m.pem("PGP PRIVATE KEY BLOCK")),
        "pem_one_line": ("private_key", "line", lambda: m.pem("PRIVATE KEY", 5, "\\n")),
        "pem_cut": ("private_key", "block", lambda: m.pem("RSA PRIVATE KEY")[:2] + ("",)),
        "age_key": ("private_key", "word", lambda: "AGE-SECRET-KEY-1" + m.of(UP + DIG, 58)),
        # ---- tokens by shape
        "jwt": ("jwt", "word", m.jwt),
        "jwt_bearer": ("jwt", "line", lambda: ("Bearer ", m.jwt(), "")),
        "aws_id": ("aws_key", "glue", lambda: name("AKIA", "ASIA") + m.of(UP + "234567", 16)),
        "aws_secret_env": ("aws_key", "line", lambda: ("AWS_SECRET_ACCESS_KEY=", m.mixed(ALNUM + "/+", 40), "")),
        "aws_secret_words": ("aws_key", "line", lambda: ("aws secret key is ", m.mixed(ALNUM + "/+", 40), "")),
        "aws_pair": ("aws_key", "line", lambda: ("AKIA" + m.of(UP + "234567", 16) + ":", m.mixed(ALNUM + "/+", 40), "")),
        "github_classic": ("github_token", "glue", lambda: name("ghp_", "gho_", "ghu_", "ghs_", "ghr_") + m.of(ALNUM, 36)),
        "github_fine": ("github_token", "glue", lambda: "github_pat_" + m.of(ALNUM, 22) + "_" + m.of(ALNUM, 59)),
        "gitlab": ("gitlab_token", "glue", lambda: name("glpat-", "gldt-", "glrt-", "glptt-") + m.of(URL64, 20)),
        "slack_bot": ("slack_token", "glue", lambda: "xoxb-%s-%s-%s" % (m.of(DIG, 12), m.of(DIG, 13), m.of(ALNUM, 24))),
        "slack_user": ("slack_token", "glue", lambda: "xoxp-%s-%s-%s" % (m.of(DIG, 11), m.of(DIG, 12), m.of(HEX, 32))),
        "slack_app": ("slack_token", "glue", lambda: "xapp-1-A%s-%s-%s" % (m.of(UP + DIG, 10), m.of(DIG, 13), m.of(HEX, 64))),
        "slack_hook": ("slack_token", "word", lambda: ("https://hooks.slack.com/services/", "T%s/B%s/%s" % (m.of(UP + DIG, 10), m.of(UP + DIG, 10), m.of(ALNUM, 24)), "")),
        "google_api": ("google_key", "glue", lambda: "AIza" + m.of(URL64, 35)),
        "google_oauth": ("google_key", "glue", lambda: "ya29." + m.of(URL64, 90)),
        "google_client": ("google_key", "glue", lambda: "GOCSPX-" + m.of(URL64, 28)),
        "google_key_id": ("google_key", "line", lambda: ("\"private_key_id\": \"", m.of(HEX, 40), "\"")),
        "azure_account": ("azure_key", "line", lambda: ("DefaultEndpointsProtocol=https;AccountName=logs;AccountKey=", m.b64(64), ";EndpointSuffix=core.windows.net")),
        "azure_bus": ("azure_key", "line", lambda: ("Endpoint=sb://q.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=", m.b64(32), "")),
        "azure_sas": ("azure_key", "word", lambda: ("https://logs.blob.core.windows.net/a?sv=2024-01-01&se=2026-01-01&sig=", m.of(ALNUM, 38) + "%2B" + m.of(ALNUM, 3) + "%3D", "")),
        "azure_client": ("azure_key", "word", lambda: m.of(ALNUM, 3) + m.of(DIG, 1) + "Q~" + m.of(ALNUM, 34)),
        "openai": ("openai_key", "word", lambda: "sk-" + m.mixed(ALNUM, 48)),
        "openai_project": ("openai_key", "glue", lambda: name("sk-proj-", "sk-svcacct-") + m.of(URL64, 64)),
        "anthropic": ("anthropic_key", "glue", lambda: "sk-ant-api03-" + m.of(URL64, 93) + "AA"),
        "stripe": ("stripe_key", "glue", lambda: name("sk_live_", "rk_live_", "sk_test_", "pk_live_") + m.of(ALNUM, 24)),
        "stripe_hook": ("stripe_key", "glue", lambda: "whsec_" + m.of(ALNUM, 32)),
        "pagerduty_header": ("pagerduty_key", "line", lambda: ("Token token=", m.mixed(ALNUM + "-_", 20), "")),
        "pagerduty_named": ("pagerduty_key", "line", lambda: (name("PAGERDUTY_API_TOKEN=", "pagerduty api key: ", "pd_token = "), "u+" + m.mixed(ALNUM, 18), "")),
        "pagerduty_routing": ("pagerduty_key", "line", lambda: (name("routing_key=", "\"routing_key\": \"", "integration key: "), m.mixed(HEX, 32), "")),
        "pagerduty_url": ("pagerduty_key", "word", lambda: ("https://events.pagerduty.com/integration/", m.mixed(HEX, 32), "/enqueue")),
        "twilio_id": ("twilio_key", "word", lambda: name("SK", "AC") + m.of(HEX, 32)),
        "twilio_token": ("twilio_key", "line", lambda: ("TWILIO_AUTH_TOKEN=", m.of(HEX, 32), "")),
        "sendgrid": ("sendgrid_key", "glue", lambda: "SG." + m.of(URL64, 22) + "." + m.of(URL64, 43)),
        "mailgun": ("mailgun_key", "word", lambda: "key-" + m.of(HEX, 32)),
        "mailchimp": ("mailgun_key", "word", lambda: m.of(HEX, 32) + "-us" + m.of("123456789", 1)),
        "npm": ("npm_token", "glue", lambda: "npm_" + m.of(ALNUM, 36)),
        "npmrc": ("assignment", "line", lambda: ("//registry.example.com/:_authToken=", m.uuid(), "")),
        "pypi": ("pypi_token", "glue", lambda: "pypi-AgEI" + m.of(URL64, 150)),
        "rubygems": ("pypi_token", "glue", lambda: "rubygems_" + m.of(HEX, 48)),
        "docker_pat": ("docker_auth", "glue", lambda: "dckr_pat_" + m.of(URL64, 27)),
        "docker_auth": ("docker_auth", "line", lambda: ("{\"auths\":{\"reg.example.com\":{\"auth\":\"", base64.b64encode(("ci:" + m.word_pw()).encode()).decode(), "\"}}}")),
        "vault": ("vault_token", "glue", lambda: name("hvs.", "hvb.") + m.of(URL64, 90)),
        "vault_old": ("vault_token", "word", lambda: "s." + m.mixed(ALNUM, 24)),
        "terraform": ("vault_token", "glue", lambda: m.of(ALNUM, 14) + ".atlasv1." + m.of(ALNUM, 67)),
        "databricks": ("databricks_token", "glue", lambda: "dapi" + m.of(HEX, 32)),
        "datadog": ("datadog_key", "line", lambda: (name("DD_API_KEY=", "datadog_app_key: ", "DD-API-KEY: "), m.of(HEX, 32), "")),
        "newrelic": ("newrelic_key", "glue", lambda: "NRAK-" + m.of(UP + DIG, 27)),
        "newrelic_license": ("newrelic_key", "word", lambda: m.of(HEX, 36) + "NRAL"),
        "heroku": ("heroku_key", "line", lambda: ("HEROKU_API_KEY=", m.uuid(), "")),
        "telegram": ("telegram_token", "word", lambda: m.of("123456789", 1) + m.of(DIG, 8) + ":AA" + m.of(URL64, 33)),
        "discord_bot": ("discord_token", "word", lambda: "M" + m.of(ALNUM, 25) + "." + m.of(URL64, 6) + "." + m.of(ALNUM, 38)),
        "discord_hook": ("discord_token", "word", lambda: ("https://discord.com/api/webhooks/" + m.of(DIG, 18) + "/", m.of(URL64, 68), "")),
        "square": ("square_token", "glue", lambda: "sq0atp-" + m.of(URL64, 22)),
        "shopify": ("shopify_token", "glue", lambda: name("shpat_", "shpss_", "shpca_") + m.of(HEX, 32)),
        "digitalocean": ("digitalocean_token", "glue", lambda: "dop_v1_" + m.of(HEX, 64)),
        "huggingface": ("vendor_token", "word", lambda: "hf_" + m.of(ALNUM, 34)),
        "atlassian": ("vendor_token", "glue", lambda: "ATATT3" + m.of(URL64, 180)),
        "grafana": ("vendor_token", "glue", lambda: "glsa_" + m.of(ALNUM, 32) + "_" + m.of(HEX, 8)),
        "linear": ("vendor_token", "glue", lambda: "lin_api_" + m.mixed(ALNUM, 40)),
        # ---- by the place where they stand
        "bearer": ("bearer", "line", lambda: (name("Authorization: Bearer ", "authorization=Bearer ", "Bearer "), m.mixed(ALNUM + "-._", 39) + "x", "")),
        "basic": ("bearer", "line", lambda: (name("Authorization: Basic ", "Basic "), base64.b64encode(("svc:" + m.word_pw()).encode()).decode(), "")),
        "header_other": ("bearer", "line", lambda: (name("Authorization: ", "Authorization: ApiKey ", "\"authorization\":\"Key "), m.mixed(ALNUM, 32), "")),
        "url_password": ("password", "word", lambda: (name("postgres://svc:", "amqp://app:", "mongodb+srv://root:", "https://deploy:"), m.mixed(ALNUM + "!$*+-_.~", 17) + "z", "@db-1.example.com/app")),
        "redis_url": ("password", "word", lambda: ("redis://:", m.mixed(ALNUM, 24), "@cache-1.example.com:6379/0")),
        "url_at": ("password", "word", lambda: ("mysql://svc:", m.mixed(ALNUM, 6) + "@" + m.mixed(ALNUM, 6), "@db-1.example.com:3306/app")),
        "jdbc": ("assignment", "word", lambda: ("jdbc:sqlserver://db-1:1433;user=sa;password=", m.mixed(ALNUM + "!*_", 15) + "k", "")),
        "go_mysql": ("password", "word", lambda: ("svc:", m.mixed(ALNUM + "!*_", 15) + "q", "@tcp(db-1:3306)/app")),
        "libpq": ("assignment", "line", lambda: ("host=db-1 user=svc password=", m.mixed(ALNUM + "!*_", 14) + "w", " dbname=app")),
        "url_token": ("password", "word", lambda: ("https://", m.mixed(ALNUM, 32), "@git.example.com/a/b.git")),
        "curl_user": ("password", "line", lambda: ("curl -s -u ci:", m.word_pw(), " https://x.example.com")),
        "flag": ("password", "line", lambda: (name("run --password ", "run --token ", "run --api-key "), m.word_pw(), " --verbose")),
        "assign_env": ("assignment", "line", lambda: (name("DB_PASSWORD=", "SMTP_PASS=", "APP_SECRET=", "CLIENT_SECRET=", "export API_TOKEN=", "SESSION_KEY="), m.password(), "")),
        "assign_yaml": ("assignment", "line", lambda: (name("password: ", "passwd: ", "client_secret: ", "api_key: ", "apiKey: ", "accessToken: "), m.password(), "")),
        "assign_json": ("assignment", "line", lambda: (name("{\"password\":\"", "{\"secret\": \"", "{\"api_key\":\"", "{\"refresh_token\" : \"", "{\"clientSecret\":\""), m.password(), "\",\"port\":5}")),
        "assign_json_odd": ("assignment", "line", lambda: ("{\"password\":\"", m.word_pw() + ", " + m.of(ALNUM, 5) + "; &" + m.word_pw(), "\",\"port\":5}")),
        "assign_quoted": ("assignment", "line", lambda: (name("password = '", "secret='", "token => '"), m.password() + " " + m.of(ALNUM, 4), "'")),
        "assign_escaped": ("assignment", "line", lambda: ("{\\\"password\\\":\\\"", m.password(), "\\\",\\\"a\\\":1}")),
        "assign_prose": ("assignment", "line", lambda: (name("the password is ", "password is now ", "the new password was "), m.word_pw(), "")),
        "assign_xml": ("assignment", "line", lambda: ("<dbPassword>", m.word_pw(), "</dbPassword>")),
        "cookie": ("cookie", "line", lambda: ("Cookie: theme=dark; sid=", m.mixed(ALNUM, 32), "; lang=en")),
        "set_cookie": ("cookie", "line", lambda: ("Set-Cookie: session=", m.mixed(ALNUM + "-_", 40), "; Path=/; HttpOnly")),
        "session": ("cookie", "word", lambda: (name("JSESSIONID=", "PHPSESSID=", "connect.sid="), m.mixed(UP + DIG, 32), "")),
        "member": ("secret", "member", lambda: (name("password", "token", "Authorization", "x-api-key", "cookie", "client_secret", "DB_PASSWORD", "privateKey"), m.password(), "")),
        "named_value": ("secret", "named", lambda: (name("DB_PASSWORD", "API_TOKEN", "SESSION_SECRET"), m.password(), "")),
        "named_json": ("assignment", "line", lambda: ("[{\"name\":\"%s\",\"value\":\"" % name("DB_PASSWORD", "API_TOKEN"), m.password(), "\"}]")),
        "named_lines": ("assignment", "block", lambda: ("env.0.name: %s\nenv.0.value: " % name("DB_PASSWORD", "API_TOKEN"), m.password(), "")),
        "cookie_bare": ("cookie", "line", lambda: ("cookie: ", m.mixed(ALNUM, 24), "")),
        # ---- persons
        "email": ("email", "word", lambda: "%s.%s%s@%s" % (name("ana", "bo", "chris", "dora", "eli", "fay"), name("lind", "meier", "novak", "okafor", "perez"), m.of(DIG, 2), name("example.com", "mail.example.org", "corp.example.co.uk", "beispiel.de"))),
        "email_tag": ("email", "word", lambda: "%s+%s@example.net" % (m.of(LOW, 6), m.of(LOW, 5))),
        "phone_intl": ("phone", "line", lambda: name("+49 171 ", "+44 7700 ", "+33 6 12 ", "+47 22 ", "+1 415 555 ") + m.of("23456789", 3) + " " + m.of(DIG, 4)),
        "phone_e164": ("phone", "line", lambda: name("+4917", "+4477", "+1415") + m.of("23456789", 8)),
        "phone_us": ("phone", "line", lambda: name("(415) 555-", "415-555-", "212.555.") + m.of(DIG, 3) + m.of("12345678", 1)),
        "phone_uk": ("phone", "line", lambda: "020 79" + m.of("2345678", 2) + " " + m.of(DIG, 4)),
        "phone_de": ("phone", "line", lambda: "0171/" + m.of("2345678", 7)),
        "phone_cue": ("phone", "line", lambda: (name("phone: ", "Tel. ", "mobile ", "call me at "), name("612 345 ", "22 22 3", "4155550") + m.of("123456789", 3), "")),
        "card": ("card", "line", lambda: m.luhn(name("4", "51", "55", "6011", "2221"), 16)),
        "card_spaced": ("card", "line", lambda: fours(m.luhn(name("4", "52", "53"), 16))),
        "card_dashed": ("card", "line", lambda: fours(m.luhn("4", 16)).replace(" ", "-")),
        "card_amex": ("card", "line", lambda: m.luhn(name("34", "37"), 15)),
        "iban_de": ("iban", "line", lambda: m.iban("DE", m.of(DIG, 18))),
        "iban_spaced": ("iban", "line", lambda: fours(m.iban(name("DE"), m.of(DIG, 18)))),
        "iban_gb": ("iban", "line", lambda: m.iban("GB", m.of(UP, 4) + m.of(DIG, 14))),
        "iban_no": ("iban", "line", lambda: m.iban("NO", m.of(DIG, 11))),
    }


def cut(m, s):
    parts = []
    while s:
        n = m.r.randrange(3, 7)
        parts.append(s[:n])
        s = s[n:]
    return parts


def carriers_for(shape, secret, before):
    fits = {"glue": ["glue", "word"], "word": ["word"], "line": ["line"], "block": ["block"], "member": [], "named": []}[shape]
    if "word" in fits and not before and all(c in ALNUM + "-._~" for c in secret):
        fits = fits + ["url"]
    return [c["name"] for c in CARRIERS if set(fits) & set(c["shapes"])]


def rows():
    m = Maker(20260711)
    table = kinds(m)
    out = []
    names = list(table)
    for i in range(COUNT):
        kind = names[i % len(names)]
        cls, shape, make = table[kind]
        made = make()
        before, secret, after = made if isinstance(made, tuple) else ("", made, "")
        out.append({"id": "s%03d" % i, "class": cls, "kind": kind, "shape": shape, "before": cut(m, before), "secret": cut(m, secret),
                    "after": cut(m, after), "carriers": carriers_for(shape, secret, before)})
    return out


def text():
    lines = ",\n".join(json.dumps(row) for row in rows())
    carriers = ",\n".join(json.dumps(c) for c in CARRIERS)
    return "{\"carriers\": [\n%s\n],\n\"secrets\": [\n%s\n]}\n" % (carriers, lines)


def main():
    if "--check" in sys.argv[1:]:
        with open(PATH) as f:
            return 0 if f.read() == text() else 1
    with open(PATH, "w") as f:
        f.write(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
