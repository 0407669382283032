#include "llm/redact_priv.h"

/*
 * The classes that ship, and the patterns of each. Adding one is adding a row (and a line to the table in docs/model.md, which a test compares).
 *
 * The shapes' lengths are those of a part of a token: texts are cut before they come here, and what is left of a key is still no one's business.
 *
 * Every pattern is written so that a failed attempt costs little: it begins at a literal, its repeats are possessive, and what may be long
 * comes last, so that a long run is taken once instead of being looked at from each of its characters.
 */

static const struct {
    const char *name;
    bool optional;
    const char *what;
} classes[] = {
    /* Two classes that find the same: the first one here names it. */
    {"private_key", false,
     "private keys: PEM and PGP blocks (also in one line with \\n), PuTTY, age"},
    {"jwt", false, "JSON web tokens, and other base64 of a JSON object"},
    {"aws_key", false, "AWS access key ids, secret keys near their names or ids, signatures"},
    {"github_token", false, "GitHub tokens (ghp_, gho_, ghu_, ghs_, ghr_, github_pat_)"},
    {"gitlab_token", false, "GitLab tokens (glpat-, gldt-, glrt-, ...)"},
    {"slack_token", false, "Slack tokens (xox?-, xapp-) and webhook URLs"},
    {"google_key", false, "Google API keys, OAuth tokens and client secrets, key ids of accounts"},
    {"azure_key", false, "Azure account and access keys, SAS signatures, client secrets"},
    {"anthropic_key", false, "Anthropic keys (sk-ant-)"},
    {"openai_key", false, "OpenAI keys (sk-, sk-proj-) and those that look like them"},
    {"stripe_key", false,
     "Stripe keys (sk_live_, rk_live_, pk_live_, ..._test_) and webhook secrets"},
    {"pagerduty_key", false, "PagerDuty tokens, integration and routing keys where named"},
    {"twilio_key", false, "Twilio account and key ids, tokens where named"},
    {"sendgrid_key", false, "SendGrid keys (SG.)"},
    {"mailgun_key", false, "Mailgun and Mailchimp keys"},
    {"npm_token", false, "npm tokens (npm_)"},
    {"pypi_token", false, "PyPI, RubyGems, NuGet and crates.io tokens"},
    {"docker_auth", false, "Docker tokens (dckr_) and registry auth members"},
    {"vault_token", false, "HashiCorp Vault (hvs., hvb., hvr., s.) and Terraform tokens"},
    {"databricks_token", false, "Databricks tokens (dapi)"},
    {"datadog_key", false, "Datadog API and application keys where named"},
    {"newrelic_key", false, "New Relic keys (NRAK-, NRII-, ..., license keys)"},
    {"heroku_key", false, "Heroku keys"},
    {"telegram_token", false, "Telegram bot tokens"},
    {"discord_token", false, "Discord bot tokens and webhook URLs"},
    {"square_token", false, "Square tokens"},
    {"shopify_token", false, "Shopify tokens (shpat_, shpss_, ...)"},
    {"digitalocean_token", false, "DigitalOcean tokens (dop_v1_, doo_v1_, dor_v1_)"},
    {"vendor_token", false, "tokens of other vendors that have a shape of their own"},
    {"bearer", false, "Authorization values, Bearer and Basic credentials wherever they stand"},
    {"password", false, "passwords and tokens in URLs, DSNs and command lines"},
    {"cookie", false, "Cookie and Set-Cookie values, session cookies by name"},
    {"assignment", false, "what is assigned to a name like password, secret, token, api_key"},
    {REDACT_CLASS_MEMBER, false, "the whole value of a JSON member with such a name"},
    {"email", false, "e-mail addresses"},
    {"iban", false, "bank account numbers (IBAN, by length and check digits)"},
    {"card", false, "payment card numbers (13 to 19 digits, issuer, Luhn)"},
    {"phone", false, "phone numbers: international, and national in the usual forms"},
    {"us_ssn", true, "social security numbers of the USA"},
    {"ip", true, "IPv4 and IPv6 addresses"},
    {"mac", true, "hardware addresses"},
};

const char *redact_class(size_t i, bool *optional, const char **what)
{
    if (i >= ARRAY_LEN(classes))
        return NULL;
    if (optional)
        *optional = classes[i].optional;
    if (what)
        *what = classes[i].what;
    return classes[i].name;
}

/* "name" : "value" in text, JSON, JSON within JSON, YAML, environment, URL: what stands between a name and its value. */
#define SEPARATOR \
    "(?:\\\\{0,3}[\"'`\\]])?[ \\t]{0,3}(?:=>|:=|={1,2}|:|%3[ad])[ \\t]{0,3}(?:\\[[ \\t]?)?"
#define TO               SEPARATOR "(?:\\\\{0,3}[\"'`])?"
#define TO_OR_WORD       "(?:" TO "| (?:is |was )?)"
/* Not one of a row of numbers: 00 01 02 03 04 05 */
#define NO_NUMBER_BEFORE "(?<!\\b[0-9] )(?<!\\b[0-9]{2} )(?<!\\b[0-9]{3} )(?<!\\b[0-9]{4} )"
/* What stands between "phone" and a number, and the number, however it is written. */
#define PHONE_TOLD                                                                          \
    "(?:[ _-]?(?:no|number|nr|num|número|nummer))?[.]?\\\\{0,3}[\"']?(?:[ ]?[:=][ ]?|[ ])" \
    "\\\\{0,3}[\"']?(\\+?\\(?[0-9](?:[ ./()-]{0,2}[0-9]){6,14})(?![\\w])"
#define NOT_HEX "(?![0-9A-Fa-f])"

/* "tokens: 48211" counts them. */
#define NO_COUNT "[\\s\"'\\\\\\]:=]*+[^0-9\\s\"'\\\\\\]:=]"

/* Names whose value is a secret. What follows the name may say otherwise (token_count, secretName, password_reset_url). */
#define NAMES                                                                                                                                         \
    "(?:pass(?:wor[dt]|wd|phrase|code)|kennwort|contrase(?:ñ|n)a|senha|(?<![a-z])(?:pass|(?<=_)pwd|pwd(?!=/)|pw|psk)|secret[_-]?(?:access[_-]?)?key" \
    "|(?<![0-9]{12}:)secret|token(?!s)|tokens(?=" NO_COUNT                                                                                            \
    ")|(?:api|app|application|access|private|client|auth|signing|encryption|"                                                                         \
    "master|account|shared|shared[_-]?access|storage|licen[sc]e|subscription|deploy|session|"                                                         \
    "hmac|webhook|admin|functions)[ _-]?key|credentials?)"
/* The hints of those: one literal for each way to write it. */
#define KEY(word) word "key|" word "_key|" word "-key|" word " key|"
#define HARMLESS                                                                                                                             \
    "(?:s?[_-]?(?:(?:count|total|num|size|len(?:gth)?|min|max|usage|used|rate|ttl|age|type|kind|names?|ids?|ur[il]s?|path|file|dir|ref|arn|" \
    "version|status|state|endpoint|issuer|bucket|manager|store|provider|class|per|in|out|input|output|prompt|completion)(?![a-z])|"          \
    "expir|attempt|retries|polic|reset|rotat|error|fail|invalid|missing|enabled|requir|limit|valid))"
#define SUFFIX \
    "(?:(?:value|hash|text|string|plain|data|base64|b64|[0-9]{1,3})|(?:[_.-][A-Za-z0-9]{1,24}){1,4})?+"
#define NAMED "(?:" NAMES "(?!" HARMLESS ")" SUFFIX "|secret[_-]?id)"

/*
 * The value behind TO without its quote: quoted ("...", '...', \"...\"), or up to a blank or a separator. The quote that closes may be missing:
 * texts are cut.
 */
#define VALUE                                                                \
    "(?|\"([^\"\\\\\\r\\n]*+(?:\\\\.[^\"\\\\\\r\\n]*+)*+)"                   \
    "|'([^'\\\\\\r\\n]*+(?:\\\\.[^'\\\\\\r\\n]*+)*+)"                        \
    "|`([^`\\r\\n]++)|(?<==)\\{([^{}\"\\r\\n]{1,200}+)\\}"                   \
    "|\\\\{1,3}\"([^\"\\\\\\r\\n]*+(?:\\\\{1,3}+(?!\")[^\"\\\\\\r\\n]*+)*+)" \
    "|([^\\s\"'`&;,<>\\\\]*+(?:\\\\(?![\"'nrt])[^\\s\"'`&;,<>\\\\]*+)*+))"

/* clang-format off */
static const struct redact_row rows[] = {
    /* ---- private_key ---- */
    {"private_key", GATE_START, "----",
     "-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
     "[A-Za-z0-9+/=\\s\\\\:,.()]*+(?:-(?!---)[A-Za-z0-9+/=\\s\\\\:,.()]*+)*+"
     "(?:-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5})?+",
     true, NULL},
    {"private_key", GATE_START, "private-lines:", "Private-Lines:[ \\t]*\\d+\\s*+((?:[A-Za-z0-9+/=]{8,}+\\s*+)++)",
     true, NULL},
    {"private_key", GATE_START, "age-secret-key-", "AGE-SECRET-KEY-1[0-9A-Z]{8,}+", true, NULL},
    /* ---- jwt ---- */
    {"jwt", GATE_START, "eyj", "eyJ[A-Za-z0-9_-]{12,}+(?:[.][A-Za-z0-9_-]*+){0,4}+[=]{0,2}", false, NULL},
    {"jwt", GATE_START, "ewo", "ewo[Ag][A-Za-z0-9_+/-]{30,}+(?:[.][A-Za-z0-9_-]*+){0,4}+[=]{0,2}", false, NULL},
    /* ---- aws_key ---- */
    {"aws_key", GATE_START, "akia|asia|abia|acca|a3t", "(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}|(?<![A-Za-z0-9])A[KS]IA(?=[A-Z]*+[0-9])[A-Z0-9]{8,15}(?![A-Za-z0-9])", false, NULL},
    {"aws_key", GATE_START, "akia|asia",
     "(?:AKIA|ASIA)[A-Z0-9]{16}[\\s,;:|\"'/\\\\]{1,8}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])", false, redact_is_no_sha},
    {"aws_key", GATE_START, "aws|secret",
     "(?:aws|secret)[A-Za-z0-9 _.-]{0,30}?" TO_OR_WORD "([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])", true, redact_is_no_sha},
    {"aws_key", GATE_START, "x-amz-signature|x-goog-signature", "X-(?:Amz|Goog)-Signature=([0-9a-f]{40,}+)", true, NULL},
    /* ---- code hosting ---- */
    {"github_token", GATE_START, "ghp_|gho_|ghu_|ghs_|ghr_", "gh[pousr]_[A-Za-z0-9]{8,}+", false, NULL},
    {"github_token", GATE_START, "github_pat_", "github_pat_[A-Za-z0-9_]{8,}+", false, NULL},
    {"gitlab_token", GATE_START, "glpat-|glptt-|gldt-|glrt-|glcbt-|glft-|glimt-|glagent-|gloas-|glsoat-|glffct-",
     "gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.=-]{8,}+", false, NULL},
    {"gitlab_token", GATE_START, "gr1348941", "GR1348941[A-Za-z0-9_-]{6,}+", false, NULL},
    /* ---- slack ---- */
    {"slack_token", GATE_START, "xoxa-|xoxb-|xoxc-|xoxd-|xoxe-|xoxe.|xoxo-|xoxp-|xoxr-|xoxs-",
     "xox[abcdeoprs][-.][A-Za-z0-9%._-]{8,}+", false, NULL},
    {"slack_token", GATE_START, "xapp-", "xapp-[0-9]-[A-Za-z0-9-]{6,}+", false, NULL},
    {"slack_token", GATE_START, "hooks.slack.com/",
     "hooks\\.slack\\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{12,}+)", true, NULL},
    /* ---- google ---- */
    {"google_key", GATE_START, "aiza", "AIza[A-Za-z0-9_-]{12,35}", false, NULL},
    {"google_key", GATE_START, "ya29.", "ya29\\.[A-Za-z0-9_.-]{8,}+", false, NULL},
    {"google_key", GATE_START, "gocspx-", "GOCSPX-[A-Za-z0-9_-]{6,}+", false, NULL},
    {"google_key", GATE_START, "1//0", "(?<![A-Za-z0-9/])1//0[A-Za-z0-9_-]{12,}+", false, NULL},
    {"google_key", GATE_START, "private_key_id", "private_key_id" TO "([0-9a-f]{40})", true, NULL},
    {"google_key", GATE_HOLDS, ":apa91b", "[A-Za-z0-9_-]{11}:APA91b[A-Za-z0-9_-]{100,}+", false, NULL},
    /* ---- azure ---- */
    {"azure_key", GATE_START, "accountkey|sharedaccesskey",
     "(?:Account|SharedAccess)Key=([A-Za-z0-9+/%]{20,}+=*+)", true, NULL},
    {"azure_key", GATE_START, "sig=", "sig=([A-Za-z0-9%/+_-]{20,}+=*+)", true, redact_is_no_sha},
    {"azure_key", GATE_HOLDS, "q~", "(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{8,40}", false, NULL},
    /* ---- models ---- */
    {"anthropic_key", GATE_START, "sk-ant-", "sk-ant-[A-Za-z0-9_-]{6,}+", false, NULL},
    {"openai_key", GATE_START, "sk-", "sk-(?:proj|svcacct|admin|None|or|lf)-[A-Za-z0-9_-]{8,}+", false, NULL},
    {"openai_key", GATE_START, "sk-", "(?<![A-Za-z0-9_-])sk-(?=[a-z]*+[^a-z])[A-Za-z0-9]{12,}+", false, NULL},
    /* ---- money, mail, calls ---- */
    {"stripe_key", GATE_START, "sk_live_|sk_test_|rk_live_|rk_test_|pk_live_|pk_test_|sk_prod_|rk_prod_",
     "[srp]k_(?:live|test|prod)_[A-Za-z0-9]{6,}+", false, NULL},
    {"stripe_key", GATE_START, "whsec_", "whsec_[A-Za-z0-9+/=_-]{8,}+", false, NULL},
    {"twilio_key", GATE_START, "sk|ac", "(?<![A-Za-z0-9])(?:SK|AC)(?=[a-f]*+[0-9])[0-9a-f]{10,32}(?![0-9A-Za-z])", false, NULL},
    {"twilio_key", GATE_START, "twilio", "twilio[A-Za-z0-9 _.-]{0,30}?" TO_OR_WORD "([0-9a-f]{10,32})" NOT_HEX, true, NULL},
    {"sendgrid_key", GATE_START, "sg.", "SG\\.(?=[A-Za-z_-]*+[0-9])[A-Za-z0-9_-]{8,}+(?:\\.[A-Za-z0-9_-]*+)?", false, NULL},
    {"mailgun_key", GATE_START, "key-", "(?<![A-Za-z0-9_])key-[0-9a-f]{12,32}" NOT_HEX, false, NULL},
    {"mailgun_key", GATE_DIGITS, NULL, "(?<![0-9A-Za-z-])[0-9a-f]{32}-(?:us[0-9]{1,2}|[0-9a-f]{8}-[0-9a-f]{8})(?![0-9A-Za-z-])", false, NULL},
    /* ---- pagerduty ---- */
    {"pagerduty_key", GATE_START, "token", "Token token=[\"']?([A-Za-z0-9+_=-]{8,}+)", true, NULL},
    {"pagerduty_key", GATE_START, "pagerduty|pd_|pd-",
     "(?<![a-z])(?:pagerduty|pd)[A-Za-z0-9 _.-]{0,20}(?:key|token)[A-Za-z0-9_ ]{0,10}?" TO_OR_WORD "([A-Za-z0-9+_-]{8,64}+)", true, redact_is_mixed},
    {"pagerduty_key", GATE_START, "routing|integration|service",
     "(?:routing|integration|service)[ _-]?key" TO_OR_WORD "([A-Za-z0-9]{16,32})(?![A-Za-z0-9]|[.][A-Za-z0-9])", true, redact_is_mixed},
    {"pagerduty_key", GATE_START, "/integration/", "/integration/([A-Za-z0-9]{10,32})(?![A-Za-z0-9])", true, redact_is_mixed},
    {"pagerduty_key", GATE_START, "pdus+|pdeu+", "pd(?:us|eu)\\+[A-Za-z0-9_+-]{8,}+", false, NULL},
    {"pagerduty_key", GATE_START, "u+", "(?<![A-Za-z0-9_+-])u\\+[A-Za-z0-9_-]{10,20}(?![A-Za-z0-9_+-])", false, redact_is_mixed},
    /* ---- packages, containers ---- */
    {"npm_token", GATE_START, "npm_", "npm_(?=[A-Za-z]*+[0-9])[A-Za-z0-9]{10,}+", false, NULL},
    {"pypi_token", GATE_START, "pypi-", "pypi-(?:AgE[A-Za-z0-9_-]{6,}+|[A-Za-z0-9_-]{32,}+)", false, NULL},
    {"pypi_token", GATE_START, "rubygems_", "rubygems_[0-9a-f]{10,}+", false, NULL},
    {"pypi_token", GATE_START, "oy2", "(?<![A-Za-z0-9])oy2[a-z0-9]{43}(?![A-Za-z0-9])", false, NULL},
    {"pypi_token", GATE_START, "cio", "(?<![A-Za-z0-9])cio[A-Za-z0-9]{32}(?![A-Za-z0-9])", false, NULL},
    {"docker_auth", GATE_START, "dckr_", "dckr_(?:pat|oat)_[A-Za-z0-9_-]{8,}+", false, NULL},
    {"docker_auth", GATE_START, "auth", "auth\\\\{0,3}\"\\s{0,3}:\\s{0,3}\\\\{0,3}\"([A-Za-z0-9+/=_-]{8,}+)", true, redact_is_user_pw},
    /* ---- infrastructure ---- */
    {"vault_token", GATE_START, "hvs.|hvb.|hvr.", "hv[sbr]\\.[A-Za-z0-9_-]{8,}+", false, NULL},
    {"vault_token", GATE_START, "s.", "(?<![A-Za-z0-9_./-])s\\.(?=[A-Za-z]*+[0-9])[A-Za-z0-9]{24,26}(?![A-Za-z0-9_(/-]|[.][A-Za-z0-9_])", false, NULL},
    {"vault_token", GATE_HOLDS, ".atlasv1.", "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]*+", false, NULL},
    {"databricks_token", GATE_START, "dapi", "dapi[0-9a-f]{10,32}(?:-[0-9])?", false, NULL},
    {"datadog_key", GATE_START, "datadog|dd_|dd-",
     "(?<![a-z])(?:datadog|dd)[A-Za-z0-9 _.-]{0,20}(?:key|token)[A-Za-z0-9_ ]{0,10}?" TO_OR_WORD "([0-9a-f]{10,40})" NOT_HEX, true, NULL},
    {"datadog_key", GATE_START, "ddapp_", "ddapp_[A-Za-z0-9]{8,}+", false, NULL},
    {"newrelic_key", GATE_START, "nrak-|nrii-|nriq-|nrra-|nrsp-|nrjs-", "NR(?:AK|II|IQ|RA|SP|JS)-[A-Za-z0-9_-]{6,}+", false, NULL},
    {"newrelic_key", GATE_HOLDS, "nral", "(?<![0-9a-fA-F])[0-9a-f]{36}NRAL", false, NULL},
    {"heroku_key", GATE_START, "hrku-", "HRKU-[A-Za-z0-9_-]{6,}+", false, NULL},
    {"heroku_key", GATE_START, "heroku",
     "heroku[A-Za-z0-9 _.-]{0,30}?" TO_OR_WORD "([0-9a-f]{8}-[0-9a-f-]{2,27})" NOT_HEX, true, NULL},
    {"digitalocean_token", GATE_START, "dop_v1_|doo_v1_|dor_v1_", "do[opr]_v1_[0-9a-f]{8,}+", false, NULL},
    /* ---- chat ---- */
    {"telegram_token", GATE_HOLDS, ":aa", "(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{8,}+", false, NULL},
    {"discord_token", GATE_START, "discord.com/api/webhooks/|discordapp.com/api/webhooks/",
     "discord(?:app)?\\.com/api/webhooks/[0-9]{1,24}/([A-Za-z0-9_-]{6,}+)", true, NULL},
    {"discord_token", GATE_NONE, NULL,
     "(?<![A-Za-z0-9_.-])[MNO][A-Za-z0-9_-]{23,27}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{4,40}(?![A-Za-z0-9_-]|[.][A-Za-z0-9_])", false, NULL},
    /* ---- shops ---- */
    {"square_token", GATE_START, "sq0atp-|sq0csp-|sq0idp-", "sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{8,}+", false, NULL},
    {"square_token", GATE_START, "eaaa", "(?<![A-Za-z0-9+/_-])EAAA[A-Za-z0-9_-]{56,}+", false, NULL},
    {"shopify_token", GATE_START, "shpat_|shpca_|shppa_|shpss_|shpua_", "shp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{8,}+", false, NULL},
    /* ---- vendor_token ---- */
    {"vendor_token", GATE_START, "hf_|gsk_|r8_|xai-|pplx-|nvapi-", "(?<![A-Za-z0-9_])(?:hf_|gsk_|r8_|xai-|pplx-|nvapi-)[A-Za-z0-9_-]{12,}+", false, redact_is_mixed},
    {"vendor_token", GATE_START, "lin_api_|ntn_|pul-|sbp_|figd_|ccipat_|ccipro_|bkua_|tskey-|pmak-|phc_|phx_",
     "(?:lin_api_|ntn_|pul-|sbp_|figd_|CCIP(?:AT|RO)_|bkua_|tskey-|PMAK-|ph[cx]_)[A-Za-z0-9_-]{10,}+", false, redact_is_mixed},
    {"vendor_token", GATE_START, "secret_", "(?<![A-Za-z0-9_])secret_[A-Za-z0-9]{43}(?![A-Za-z0-9])", false, NULL},
    {"vendor_token", GATE_START, "atatt3|atctt3|atbb", "AT(?:ATT3|CTT3)[A-Za-z0-9_=-]{8,}+|ATBB[A-Za-z0-9]{20,}+", false, NULL},
    {"vendor_token", GATE_START, "glsa_|glc_", "gl(?:sa|c)_[A-Za-z0-9_+/=-]{10,}+", false, redact_is_mixed},
    {"vendor_token", GATE_START, "sntrys_|sntryu_", "sntry[su]_[A-Za-z0-9_+/=-]{8,}+", false, NULL},
    {"vendor_token", GATE_START, "pscale_", "pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{8,}+", false, NULL},
    {"vendor_token", GATE_START, "dp.pt.|dp.st.|dp.ct.|dp.sa.|dp.scim.|dp.audit.",
     "dp\\.(?:pt|st|ct|sa|scim|audit)\\.(?:[A-Za-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{12,}+", false, NULL},
    {"vendor_token", GATE_START, "akcp|akcb|cmvmdgtu", "(?<![A-Za-z0-9])(?:AKC[pb][A-Za-z0-9]{50,}+|cmVmdGtu[A-Za-z0-9]{40,}+)", false, NULL},
    {"vendor_token", GATE_START, "ssws", "SSWS[ ]+([A-Za-z0-9_-]{20,}+)", false, NULL},
    {"vendor_token", GATE_START, "geniekey|splunk", "(?:GenieKey|Splunk) +([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", true, NULL},
    {"vendor_token", GATE_START, "webhook.office.com/", "webhook\\.office\\.com/webhookb2/([A-Za-z0-9@/_-]{32,}+)", true, NULL},
    {"vendor_token", GATE_START, "pat", "(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\\.[0-9a-f]{64}", false, NULL},
    {"vendor_token", GATE_START, "eaac", "(?<![A-Za-z0-9+/_-])EAAC[A-Za-z0-9]{80,}+", false, NULL},
    /* ---- bearer ---- */
    {"bearer", GATE_START, "authorization",
     "authorization" TO "(?:(?:Bearer|Basic|Token|ApiKey|Digest|Negotiate|GenieKey|Key|AWS4-HMAC-SHA256)[ \\t]++)?([^\\s\"'`,;<>]++)", true, redact_is_assigned},
    {"bearer", GATE_START, "bearer", "Bearer[ \\t:=]{1,3}+[\"']?([A-Za-z0-9._~+/=-]{8,}+)", true, redact_is_mixed},
    {"bearer", GATE_START, "basic", "Basic[ \\t]{1,3}+([A-Za-z0-9+/_-]{8,}+=*+)", true, redact_is_user_pw},
    {"bearer", GATE_START, "apikey", "ApiKey[ \\t]{1,3}+([A-Za-z0-9+/_-]{16,}+=*+)", true, redact_is_mixed},
    /* ---- password ---- */
    {"password", GATE_START, "://", "://[^\\s/:\"'<>\\[?#]{0,256}+:([^\\s\"'<>/?#]{1,512})@", false, NULL},
    {"password", GATE_START, "postgres|mysql|amqp|redis|mongodb|mssql|clickhouse|mariadb|ftp|sftp|smtp",
     "(?:postgres(?:ql)?|mysql|amqps?|rediss?|mongodb(?:\\+srv)?|mssql|clickhouse|mariadb|s?ftps?|smtps?)://"
     "[^\\s/:\"'<>\\[?#]{0,256}+:(?![0-9]{1,5}(?:[/?]|\\s|$))([^\\s\"'<>]{1,256})@[A-Za-z0-9\\[]", true, NULL},
    {"password", GATE_START, "://", "://([A-Za-z0-9_.~%-]{16,}+)@", false, redact_is_mixed},
    {"password", GATE_HOLDS, "@tcp(|@unix(|@udp(", "(?<=[A-Za-z0-9_-]):([^\\s:/\"'@]{1,128})@(?:tcp|udp|unix)\\(", true, NULL},
    {"password", GATE_START, "jdbc:oracle:", "jdbc:oracle:[a-z]{1,8}:[^\\s/@]{1,64}+/([^\\s@\"']{1,128})@", true, NULL},
    {"password", GATE_START, "-u", "(?<=\\s)-u[ \\t=]{0,2}[\"']?[A-Za-z0-9._@-]{1,64}+:([^\\s\"'@]{3,}+)", false, NULL},
    {"password", GATE_START, "--user", "--user[ =][\"']?[A-Za-z0-9._@-]{1,64}+:([^\\s\"']{3,}+)", false, NULL},
    {"password", GATE_START, "mysql|redis-cli|sshpass",
     "(?:mysql(?:dump|admin)?|redis-cli|sshpass)[ \\t](?:[^\\r\\n|;]{0,80}?[ \\t])?-[pa][ \\t]?[\"']?([^\\s\"'-][^\\s\"']{2,}+)", false, NULL},
    {"password", GATE_START, "--pass|--token|--secret|--api|--auth",
     "--(?:password|passwd|pass|passphrase|token|secret|api-?key|apikey|secret-key|access-key|auth-token|auth)[ \\t]++[\"']?([^\\s\"'-][^\\s\"']{3,}+)", true, redact_is_mixed},
    {"password", GATE_START, "password|passwd|passphrase", "pass(?:word|wd|phrase)[ \\t]++([^\\s\"'`:=]{6,}+)", true, redact_is_mixed},
    {"password", GATE_START, "login", "login[ \\t\\n]++\\S{1,64}+[ \\t\\n]++password[ \\t\\n]++(\\S{1,256}+)", false, NULL},
    {"password", GATE_START, "api key|api-key|secret key|access key|token",
     "(?:(?:api|secret|access)[ -]key|token)[ \\t]++([A-Za-z0-9_+/.-]{16,}+={0,2})", true, redact_is_mixed},
    /* ---- cookie ---- */
    {"cookie", GATE_START, "cookie",
     "cookie2?" TO "([A-Za-z0-9!#$%&*+.^_|~-]{1,128}=[^\\s;\"]*+(?:;[ \\t]*+[A-Za-z0-9!#$%&*+.^_|~-]++(?:=[^\\s;\"]*+)?+)*+)", true, NULL},
    {"cookie", GATE_START, "cookie", "cookies?" TO "([^\\s;,\"'=]{10,}+)", true, redact_is_mixed},
    {"cookie", GATE_START, "jsessionid|phpsessid|asp.net_sessionid|connect.sid|sessionid|_session|laravel_session|session_id|session-id|sid",
     "(?:JSESSIONID|PHPSESSID|ASP\\.NET_SessionId|(?<![a-z])(?:connect\\.)?sid|session[_-]?id|_session)(?:=|%3D)([^\\s;\"'&,]{12,}+)", true, redact_is_mixed},
    /* ---- assignment ---- */
    {"assignment", GATE_START, "pass|pwd|pw|psk|secret|token|credential|kennwort|contrase|senha|" KEY("api") KEY("app") KEY("application") KEY("access") KEY("private") KEY("client") KEY("auth")
     KEY("signing") KEY("encryption") KEY("master") KEY("account") KEY("shared") KEY("shared_access") KEY("shared-access") KEY("sharedaccess")
     KEY("storage") KEY("license") KEY("licence") KEY("subscription") KEY("deploy") KEY("session") KEY("hmac") KEY("webhook") KEY("admin")
     KEY("functions"),
     NAMED SEPARATOR VALUE, true, redact_is_assigned},
    {"assignment", GATE_START, "password|passphrase|passcode", "pass(?:word|phrase|code)[ \\t]+(?:(?:is|was|of|to)[ \\t]+)?[\"'`]([^\"'`\\r\\n]{4,128}+)[\"'`]", true, redact_is_assigned},
    {"assignment", GATE_START, "password|passphrase|passcode|api|secret|token|pw",
     "(?:pass(?:word|phrase|code)|pw|(?:api|secret|access) ?key|secret|token)(?:[ \\t]+(?:for|of|on)[ \\t]+[^\\s\"']{1,40}+)?[ \\t]+(?:(?:is|was)(?: now)?|now|to)[ \\t]++([^\\s\"'`]{6,}+)", true, redact_is_mixed},
    {"assignment", GATE_START, "password|passwd|secret|token|apikey|api_key|credential",
     "(?:password|passwd|secret|token|api_?key|credential)[A-Za-z0-9_]{0,20}+>([^<\\r\\n]{1,200}+)</", true, redact_is_assigned},
    {"assignment", GATE_START, "name|key",
     "(?:name|key)" TO "[A-Za-z0-9_.-]{0,24}?" NAMES "[A-Za-z0-9_.-]{0,40}+\\\\{0,3}[\"']?(?:\\\\{1,3}[nrt]|[\\s,;]){1,8}+[A-Za-z0-9_.-]{0,60}?\\\\{0,3}[\"']?value" SEPARATOR
     "(?|\\\\{0,3}\"([^\"\\r\\n]++)|([^\"\\r\\n]++))", true, redact_is_assigned},
    /* ---- persons ---- */
    {"email", GATE_AT, NULL,
     "(?:\\G|(?<![\\p{L}\\p{N}._%+'-]))(?!git@git)[\\p{L}\\p{N}._%+'-]{1,256}+@(?![0-9]+[.][0-9])(?![234]x[.])"
     "[\\p{L}\\p{N}](?:[\\p{L}\\p{N}-]{0,62}[.])(?:[\\p{L}\\p{N}-]{1,63}[.]){0,8}(?:xn--[a-z0-9-]{2,59}|\\p{L}{2,63})(?![\\p{L}\\p{N}_-])", true, redact_is_no_userinfo},
    {"iban", GATE_DIGITS, NULL, "(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,40}+", false, redact_is_iban},
    {"card", GATE_DIGITS, NULL, "(?<![0-9A-Za-z.+_-])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z_]|[.-][0-9A-Za-z])", false, redact_is_card},
    {"phone", GATE_DIGITS, NULL, "(?<![\\w.+/-])\\+[1-9](?:[0-9]{8,14}(?![0-9])|(?:[ .()/-]{0,3}[0-9]){7,14}(?![0-9]|[.:/-][0-9]))", false, redact_is_intl},
    {"phone", GATE_START, "%2b", "(?<![0-9])%2B[1-9](?:(?:[ .()/+-]|%20){0,3}[0-9]){8,14}(?![0-9])", true, NULL},
    {"phone", GATE_DIGITS, NULL, "(?<![\\w.:+-])00[1-9][0-9]{0,2}[ /][0-9]{2,4}(?:[ ]?[0-9]{2,4}){1,4}(?![\\w]|[.:-][0-9])", false, redact_is_intl},
    {"phone", GATE_DIGITS, NULL,
     "(?<![\\w.+/-])((?:1[ .-])?(?:\\([2-9][0-9]{2}\\) ?[2-9][0-9]{2}[ .-][0-9]{4}|[2-9][0-9]{2}([.-])[2-9][0-9]{2}\\2[0-9]{4})|1 [2-9][0-9]{2} [2-9][0-9]{2} [0-9]{4})(?![\\w]|[.:/-][0-9]| [0-9])", false, redact_is_phone},
    {"phone", GATE_DIGITS, NULL, "(?<![\\w.+/:-])" NO_NUMBER_BEFORE "(0[1-9]([ .-])[0-9]{2}(?:\\2[0-9]{2}){3})(?![\\w]|[ .:-][0-9])", false, redact_is_phone},
    {"phone", GATE_DIGITS, NULL,
     "(?<![\\w.+/:-])" NO_NUMBER_BEFORE "(?:0[1-9][0-9]{1,4}[ /]|\\(0[1-9][0-9]{0,4}\\) ?)[0-9]{3,8}(?:[ -][0-9]{2,5}){0,2}(?![\\w]|[.:/-][0-9]| [0-9])", false, redact_is_phone},
    {"phone", GATE_START, "tel|phone|mobil|celular|cell|fax|whatsapp|handy|call",
     "(?<![A-Za-z])(?:tel(?:ephone|efon[oe]?|éfono)?|(?:tele)?phone|mobile|mobil|celular|cell|fax|whatsapp|handy|call(?: (?:me|us|him|her|them|back))?(?: (?:at|on))?)" PHONE_TOLD, true, redact_is_phone},
    {"phone", GATE_DIGITS, NULL, "(?<![A-Za-z])m[óÓ]vil" PHONE_TOLD, true, redact_is_phone},
    {"us_ssn", GATE_DIGITS, NULL, "(?<![\\w.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\\w-])", false, NULL},
    {"ip", GATE_NONE, NULL, "(?<![\\w.-])(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?![\\w-]|[.][0-9])", false, NULL},
    {"ip", GATE_COLON, NULL,
     "(?<![\\w:.])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}|(?:[0-9A-Fa-f]{1,4}:){1,7}:|::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4})(?![\\w:])", false, NULL},
    {"mac", GATE_COLON, NULL, "(?<![\\w:-])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![\\w:-])", false, NULL},
};
/* clang-format on */

const struct redact_row *redact_rows(size_t *n)
{
    *n = ARRAY_LEN(rows);
    return rows;
}
