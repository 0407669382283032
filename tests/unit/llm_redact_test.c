#include "redact_test.h"

/* F-13, INV-7 (its half about prompts): what is redacted, what is not, and at what cost. The planted texts are shared with the end-to-end test. */
#define SECRETS_FILE  SOURCE_DIR "/tests/eval/secrets.json"
#define INNOCENT_FILE SOURCE_DIR "/tests/eval/innocent.json"
#define MODEL_DOC     SOURCE_DIR "/docs/model.md"

static json_t *data(const char *path)
{
    json_error_t je;
    json_t *j = json_load_file(path, 0, &je);

    if (j == NULL)
        fail_msg("%s, line %d: %s; run tests/eval/make_secrets.py and make_innocent.py", path,
                 je.line, je.text);
    return j;
}

static void join(const json_t *parts, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(parts); i++)
        buf_puts(out, json_string_value(json_array_get(parts, i)));
}

/* ---- 500 planted secrets -------------------------------------------------------------------------------------- */

static const json_t *carrier_of(const json_t *all, const char *name)
{
    for (size_t i = 0; i < json_array_size(all); i++)
        if (text_eq(json_opt_str(json_array_get(all, i), "name"), name))
            return json_array_get(all, i);
    return NULL;
}

/* The carrier's text with {x} filled in; as JSON, when the carrier is a JSON text. */
static char *filled(const json_t *carrier, const char *x)
{
    const char *text = json_opt_str(carrier, "text"), *at = strstr(text, "{x}");
    struct buf b, quoted;
    char *s;

    assert_non_null(at);
    buf_init(&b, 1 << 20);
    buf_init(&quoted, 1 << 20);
    buf_add(&b, text, (size_t)(at - text));
    if (text_eq(json_opt_str(carrier, "form"), "json")) {
        json_quote(&quoted, x);
        buf_add(&b, quoted.data + 1, quoted.len - 2);
    } else {
        buf_puts(&b, x);
    }
    buf_puts(&b, at + 3);
    buf_done(&quoted);
    s = buf_take(&b, NULL);
    return s;
}

static unsigned is_left(const char *out, const char *piece, size_t len, const char *id,
                        const char *carrier)
{
    if (memmem(out, strlen(out), piece, len) == NULL)
        return 0;
    print_message("%s in %s: %.*s is left in: %s\n", id, carrier, (int)len, piece, out);
    return 1;
}

/* The secret, its halves and its lines, each of 12 characters and more; a shorter secret whole. */
static unsigned left_of(const char *out, const char *secret, const char *id, const char *carrier)
{
    size_t len = strlen(secret), half = len / 2;
    unsigned n = is_left(out, secret, len, id, carrier);

    if (half >= 12) {
        n += is_left(out, secret, half, id, carrier);
        n += is_left(out, secret + half, len - half, id, carrier);
    }
    for (const char *line = secret; strchr(secret, '\n') && *line;) {
        size_t width = strcspn(line, "\n");

        if (width >= 12)
            n += is_left(out, line, width, id, carrier);
        line += width + (line[width] == '\n');
    }
    return n;
}

static char *redacted_value(const struct redactor *r, const char *name, const char *value)
{
    json_t *j =
        json_pack("{s:{s:[{s:s, s:i}, s]}}", "alert", "details", name, value, "n", 5, value);
    json_t *out;
    char *s;

    if (redact_name_is_secret(name)) /* the second copy of the value has no name */
        json_array_remove(json_object_get(json_object_get(j, "alert"), "details"), 1);
    out = redact_json(r, j, NULL);
    s = json_dumps(out, JSON_ENCODE_ANY);
    json_decref(j);
    json_decref(out);
    return s;
}

static char *redacted_named(const struct redactor *r, const char *name, const char *value)
{
    json_t *j = json_pack("[{s:s, s:s}]", "name", name, "value", value), *out;
    char *s;

    out = redact_json(r, j, NULL);
    s = json_dumps(out, 0);
    json_decref(j);
    json_decref(out);
    return s;
}

static unsigned check_secret(const struct redactor *r, const json_t *row, const json_t *carriers,
                             unsigned *tried)
{
    const char *id = json_opt_str(row, "id"), *shape = json_opt_str(row, "shape");
    const json_t *names = json_opt_arr(row, "carriers");
    struct buf secret, planted;
    unsigned left = 0;

    buf_init(&secret, 1 << 20);
    buf_init(&planted, 1 << 20);
    join(json_opt_arr(row, "before"), &planted);
    join(json_opt_arr(row, "secret"), &secret);
    if (text_eq(shape, "member") || text_eq(shape, "named")) {
        char *out = text_eq(shape, "member")
                        ? redacted_value(r, buf_str(&planted), buf_str(&secret))
                        : redacted_named(r, buf_str(&planted), buf_str(&secret));

        left += left_of(out, buf_str(&secret), id, shape);
        free(out);
        ++*tried;
    }
    buf_puts(&planted, buf_str(&secret));
    join(json_opt_arr(row, "after"), &planted);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const json_t *carrier = carrier_of(carriers, name);
        char *in = filled(carrier, buf_str(&planted)), *out;

        out = text_eq(json_opt_str(carrier, "form"), "value") ? redacted_value(r, "note", in)
                                                              : redacted(r, in, NULL);
        left += left_of(out, buf_str(&secret), id, name);
        free(in);
        free(out);
        ++*tried;
    }
    buf_done(&secret);
    buf_done(&planted);
    return left;
}

static void not_one_of_500_planted_secrets_is_left_in_any_carrier(void **state)
{
    struct redactor *r = plain_redactor();
    json_t *all = data(SECRETS_FILE), *kinds = json_object();
    const json_t *rows = json_opt_arr(all, "secrets"), *carriers = json_opt_arr(all, "carriers");
    unsigned left = 0, tried = 0;

    (void)state;
    assert_int_equal(json_array_size(rows), 500);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        left += check_secret(r, json_array_get(rows, i), carriers, &tried);
        json_object_set_new(kinds, json_opt_str(json_array_get(rows, i), "kind"), json_true());
    }
    assert_true(json_object_size(kinds) >= 40);
    assert_true(tried >= 2000);
    assert_int_equal(left, 0);
    json_decref(kinds);
    json_decref(all);
    redact_free(r);
}

/* Texts are cut before they come here: of a token with a shape of its own no 12 characters stay, wherever the cut is. */
static void what_is_left_of_a_cut_token_is_found(void **state)
{
    static const char *const kinds[] = {
        "github_classic", "github_fine", "gitlab",       "slack_bot",     "slack_user",
        "slack_app",      "google_api",  "google_oauth", "google_client", "openai_project",
        "anthropic",      "stripe",      "stripe_hook",  "sendgrid",      "npm",
        "pypi",           "rubygems",    "docker_pat",   "vault",         "terraform",
        "databricks",     "newrelic",    "square",       "shopify",       "digitalocean",
        "atlassian",      "linear",      "jwt",          "aws_id",        "mailgun",
        "twilio_id",      "rsa_pem",     "assign_env",   "bearer",        "datadog",
        "telegram"};
    struct redactor *r = plain_redactor();
    json_t *all = data(SECRETS_FILE);
    const json_t *rows = json_opt_arr(all, "secrets");
    unsigned left = 0, tried = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        bool wanted = false;
        struct buf before, secret;

        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            wanted = wanted || text_eq(kinds[k], json_opt_str(row, "kind"));
        if (!wanted)
            continue;
        buf_init(&before, 1 << 20);
        buf_init(&secret, 1 << 20);
        join(json_opt_arr(row, "before"), &before);
        join(json_opt_arr(row, "secret"), &secret);
        for (size_t n = 24; n < secret.len; n += 5) {
            char *in = NULL, *out;

            if (asprintf(&in, "the job said %s%.*s, over in 3 s", buf_str(&before), (int)n,
                         buf_str(&secret)) < 0)
                fail();
            out = redacted(r, in, NULL);
            left += is_left(out, buf_str(&secret) + n - 12, 12, json_opt_str(row, "id"), "cut");
            tried++;
            free(in);
            free(out);
        }
        buf_done(&before);
        buf_done(&secret);
    }
    assert_true(tried > 500);
    assert_int_equal(left, 0);
    json_decref(all);
    redact_free(r);
}

/* Every class that ships by default is exercised, and names what it finds. */
static void each_kind_is_named_by_its_class(void **state)
{
    struct redactor *r = plain_redactor();
    json_t *all = data(SECRETS_FILE);
    const json_t *rows = json_opt_arr(all, "secrets");
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *class = json_opt_str(row, "class");
        struct redacted found = {0};
        struct buf b;
        char *out;

        if (json_array_size(json_opt_arr(row, "carriers")) == 0)
            continue;
        buf_init(&b, 1 << 20);
        join(json_opt_arr(row, "before"), &b);
        join(json_opt_arr(row, "secret"), &b);
        join(json_opt_arr(row, "after"), &b);
        out = redacted(r, buf_str(&b), &found);
        if (json_opt_int(found.counts, class, 0) < 1) {
            char *counts = json_dumps(found.counts, JSON_ENCODE_ANY);

            print_message("%s (%s): not %s but %s: %s\n", json_opt_str(row, "id"),
                          json_opt_str(row, "kind"), class, counts ? counts : "nothing", out);
            free(counts);
            wrong++;
        }
        free(out);
        buf_done(&b);
        redacted_done(&found);
    }
    assert_int_equal(wrong, 0);
    json_decref(all);
    redact_free(r);
}

/* ---- 300 innocent texts --------------------------------------------------------------------------------------- */

/* Not one may change: what is added here as too hard must be named. */
static void texts_of_daily_life_stay_as_they_are(void **state)
{
    struct redactor *r = plain_redactor();
    json_t *all = data(INNOCENT_FILE);
    unsigned changed = 0;

    (void)state;
    assert_true(json_array_size(all) >= 300);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *text = json_string_value(json_array_get(all, i));
        char *out = redacted(r, text, NULL);

        if (!text_eq(text, out)) {
            print_message("changed: %s\n     to: %s\n", text, out);
            changed++;
        }
        free(out);
    }
    assert_int_equal(changed, 0);
    json_decref(all);
    redact_free(r);
}

/* ---- Placeholders --------------------------------------------------------------------------------------------- */

static void one_value_has_one_placeholder_and_another_key_another(void **state)
{
    struct redactor *a = plain_redactor(), *b = NULL;
    const struct config_redaction none = {0};
    char *first = redacted(a, "from ana@example.com", NULL);
    char *second = redacted(a, "ana@example.com again; bo@example.com not", NULL);
    char *other;

    (void)state;
    b = redactor_of(&none, key_b);
    other = redacted(b, "from ana@example.com", NULL);
    assert_int_equal(strlen(first), strlen("from [email:0123456789]"));
    assert_memory_equal(first + 5, second, strlen("[email:0123456789]"));
    assert_null(strstr(second + 10, first + 5));
    assert_string_not_equal(first, other);
    assert_int_equal(strlen(first), strlen(other));
    free(first);
    free(second);
    free(other);
    redact_free(a);
    redact_free(b);
}

/* The class is part of what is hashed: an equal value found as something else is not shown to be equal. */
static void the_digits_depend_on_the_class_too(void **state)
{
    struct redactor *r = plain_redactor();
    struct redacted found = {0};
    struct buf b, c;

    (void)state;
    buf_init(&b, 100);
    buf_init(&c, 100);
    redact_put(r, "email", "same", 4, &b, &found);
    redact_put(r, "phone", "same", 4, &c, &found);
    assert_string_not_equal(buf_str(&b) + 7, buf_str(&c) + 7);
    assert_int_equal(json_opt_int(found.counts, "email", 0), 1);
    redacted_done(&found);
    buf_done(&b);
    buf_done(&c);
    redact_free(r);
}

static void what_was_taken_out_can_be_put_back_for_people(void **state)
{
    static const char text[] = "ana@example.com wrote: postgres://svc:pa55word@db/x, card "
                               "4111 1111 1111 1111, \xc3\xa4\xc3\xb6 [email:0123456789] [x]";
    struct redactor *r = plain_redactor();
    struct redacted found = {.pairs = json_object()};
    char *out = redacted(r, text, &found);
    struct buf back;

    (void)state;
    buf_init(&back, 10000);
    assert_null(strstr(out, "pa55word"));
    assert_null(strstr(out, "4111"));
    assert_int_equal(json_object_size(found.pairs), 3);
    redact_restore(found.pairs, out, &back);
    assert_string_equal(buf_str(&back), text);
    buf_clear(&back);
    redact_restore(NULL, out, &back);
    assert_string_equal(buf_str(&back), out);
    buf_done(&back);
    redacted_done(&found);
    free(out);
    redact_free(r);
}

/* A text that holds something like a placeholder gets nothing by it: it stays as it is, and restoring knows only pairs that were made. */
static void placeholders_in_a_text_stay_and_cannot_be_forged(void **state)
{
    struct redactor *r = plain_redactor();
    struct redacted found = {.pairs = json_object()};
    char *out = redacted(
        r, "password=[email:00000000aa] token: [assignment:0123456789] a@b.example", &found);
    char *again = redacted(r, out, NULL);
    struct buf back;

    (void)state;
    assert_int_equal(
        strncmp(out, "password=[email:00000000aa] token: [assignment:0123456789] [email:", 66), 0);
    assert_string_equal(out, again); /* twice is once */
    assert_int_equal(json_object_size(found.pairs), 1);
    buf_init(&back, 10000);
    redact_restore(found.pairs, out, &back);
    assert_non_null(strstr(buf_str(&back), "[email:00000000aa]"));
    assert_non_null(strstr(buf_str(&back), "a@b.example"));
    buf_done(&back);
    free(again);
    free(out);
    out = redacted(r, "password=[not_a_class:0123456789]x", NULL);
    assert_null(strstr(out, "not_a_class")); /* the shape alone protects nothing */
    free(out);
    redacted_done(&found);
    redact_free(r);
}

/* Two classes that overlap leave nothing between them. */
static void overlapping_finds_become_one(void **state)
{
    static const struct {
        const char *in, *class, *out_head, *out_tail;
    } rows[] = {
        {"x password=a1@example.com;y", "assignment", "x password=[assignment:", "];y"},
        {"Cookie: sid=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl; a=b", "cookie",
         "Cookie: [cookie:", "]"},
        {"https://u:p4ss@mail.example.com/x", "password",
         "https://u:[password:", "@mail.example.com/x"},
        {"secret=AKIAABCDEFGHIJKLMNOP rest", "aws_key", "secret=[aws_key:", "] rest"},
        {"secret=AKIAABCDEFGHIJKLMNOPQ rest", "assignment", "secret=[assignment:", "] rest"},
    };
    struct redactor *r = plain_redactor();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redacted found = {0};
        char *out = redacted(r, rows[i].in, &found);
        size_t tail = strlen(rows[i].out_tail);

        if (strncmp(out, rows[i].out_head, strlen(rows[i].out_head)) != 0 ||
            strcmp(out + strlen(out) - tail, rows[i].out_tail) != 0 ||
            json_opt_int(found.counts, rows[i].class, 0) != 1)
            fail_msg("%s became %s", rows[i].in, out);
        free(out);
        redacted_done(&found);
    }
    redact_free(r);
}

/* ---- Documents ------------------------------------------------------------------------------------------------ */

static void members_that_say_secret_lose_their_value_whatever_it_is(void **state)
{
    struct redactor *r = plain_redactor();
    struct redacted found = {0};
    json_t *in = json_loads(
        "{\"title\":\"ok\",\"Password\":\"short\",\"api_key\":12345,\"token\":null,\"cookie\":true,"
        "\"credentials\":{\"user\":\"a\",\"pw\":\"b\"},\"secrets\":[\"x\",\"y\"],"
        "\"max_tokens\":4096,\"secretName\":\"tls\",\"n\":[1,2.5,false,null],"
        "\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"short\"},{\"name\":\"PORT\",\"value\":\"80\"}],"
        "\"ana@example.com\":{\"Authorization\":\"x y\"},\"token_empty\":\"\",\"x_token\":\"\"}",
        0, NULL);
    json_t *out = redact_json(r, in, &found);
    char *s = json_dumps(out, JSON_COMPACT);

    (void)state;
    assert_string_equal(json_opt_str(out, "title"), "ok");
    assert_true(text_starts(json_opt_str(out, "Password"), "[secret:"));
    assert_true(text_starts(json_opt_str(out, "api_key"), "[secret:"));
    assert_true(text_starts(json_opt_str(out, "credentials"), "[secret:"));
    assert_true(text_starts(json_opt_str(out, "secrets"), "[secret:"));
    assert_true(json_is_null(json_object_get(out, "token")));
    assert_true(json_is_true(json_object_get(out, "cookie")));
    assert_int_equal(json_opt_int(out, "max_tokens", 0), 4096);
    assert_string_equal(json_opt_str(out, "secretName"), "tls");
    assert_string_equal(json_opt_str(out, "x_token"), "");
    assert_true(text_starts(json_at_str(out, "env.0.value"), "[secret:"));
    assert_string_equal(json_at_str(out, "env.1.value"), "80");
    assert_true(json_equal(json_object_get(out, "n"), json_object_get(in, "n")));
    assert_null(strstr(s, "ana@"));
    assert_null(strstr(s, "x y"));
    assert_int_equal(json_opt_int(found.counts, "secret", 0), 6);
    assert_int_equal(json_opt_int(found.counts, "email", 0), 1);
    free(s);
    redacted_done(&found);
    json_decref(in);
    json_decref(out);
    redact_free(r);
}

/* Details of an alert come as paths. */
static void members_that_are_paths_say_secret_by_any_step(void **state)
{
    static const struct {
        const char *name;
        bool secret;
    } rows[] = {
        {"labels.password", true},
        {"env.3.pin", true},
        {"db.credentials.0.user", true},
        {"tokens_used", false},
        {"labels.pinned", false},
        {"app.password_reset.rate", false},
        {"a.secrets.0", true},
        {"x-api-key", true},
        {"", false},
        {"...", false},
        {"spring.datasource.password", true},
        {"token.max", true},
    };
    struct redactor *r = plain_redactor();
    json_t *in =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "env.3.name", "DB_PASSWORD", "env.3.value", "short",
                  "env.4.name", "PORT", "env.4.value", "8080", "myvalue", "short2");
    json_t *out = redact_json(r, in, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (redact_name_is_secret(rows[i].name) != rows[i].secret)
            fail_msg("%s", rows[i].name);
    assert_true(text_starts(json_opt_str(out, "env.3.value"), "[secret:"));
    assert_string_equal(json_opt_str(out, "env.4.value"), "8080");
    assert_string_equal(json_opt_str(out, "myvalue"), "short2");
    json_decref(in);
    json_decref(out);
    redact_free(r);
}

static void the_order_of_members_and_deep_documents_are_kept(void **state)
{
    struct redactor *r = plain_redactor();
    json_t *in = json_string("mail to bo@example.com"), *out;
    char *a, *b;

    (void)state;
    for (unsigned i = 0; i < 60; i++)
        in = i % 2 ? json_pack("{s:i, s:o, s:i}", "z", 1, "m", in, "a", 2)
                   : json_pack("[i, o]", 7, in);
    out = redact_json(r, in, NULL);
    a = json_dumps(in, JSON_COMPACT);
    b = json_dumps(out, JSON_COMPACT);
    assert_null(strstr(b, "bo@"));
    assert_int_equal(strstr(a, "mail to") - a, strstr(b, "mail to") - b);
    assert_int_equal(strlen(b) - strlen(a),
                     strlen("[email:0123456789]") - strlen("bo@example.com"));
    free(a);
    free(b);
    json_decref(in);
    json_decref(out);
    redact_free(r);
}

static void bytes_that_are_no_text_do_not_hide_a_secret(void **state)
{
    static const char in[] = "\xff\xfe mail bo@example.com\xc3 \xed\xa0\x80 \0 ana@example.com";
    struct redactor *r = plain_redactor();
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    redact_text(r, in, sizeof in - 1, &b, NULL);
    assert_null(memmem(b.data, b.len, "bo@", 3));
    assert_null(memmem(b.data, b.len, "ana@", 4));
    assert_non_null(memmem(b.data, b.len, "\xef\xbf\xbd", 3));
    buf_done(&b);
    redact_free(r);
}

/* An address is found whatever stands before it, however long its name is. */
static void an_address_is_found_behind_any_character(void **state)
{
    static const char *const before[] = {
        "", " ", "\xe2\x80\x94", "\xe2\x80\x9c", "a@b@", "<", "mailto:", "=", "x@y.", "\xc3\xa9"};
    struct redactor *r = plain_redactor();
    char name[300] = {0};

    (void)state;
    memset(name, 'n', 280);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        char in[100], *out;

        snprintf(in, sizeof in, "%seva.stone@example.com.", before[i]);
        out = redacted(r, in, NULL);
        assert_null(strstr(out, "eva"));
        free(out);
    }
    for (size_t n = 0; n < 280; n += 31) {
        char in[400], *out;

        snprintf(in, sizeof in, "to %s@example.com", name + n);
        out = redacted(r, in, NULL);
        assert_null(strstr(out, "nn@"));
        free(out);
    }
    redact_free(r);
}

/* ---- Configuration -------------------------------------------------------------------------------------------- */

static void classes_are_switched_off_and_on(void **state)
{
    static const char *const off[] = {"email", "secret"}, *const on[] = {"ip", "mac", "us_ssn"};
    const struct config_redaction cfg = {.off = off, .n_off = 2, .on = on, .n_on = 3};
    static const char text[] =
        "bo@example.com 10.2.3.4 fe80::1ff:fe23:4567:890a 3c:52:82:1a:2b:3c 078-05-1120";
    struct redactor *r = plain_redactor(), *s = redactor_of(&cfg, key_a);
    char *a = redacted(r, text, NULL), *b = redacted(s, text, NULL);
    json_t *in = json_pack("{s:s}", "password", "short"), *out = redact_json(s, in, NULL);

    (void)state;
    assert_true(text_starts(a, "[email:"));
    assert_non_null(strstr(a, " 10.2.3.4 fe80::1ff:fe23:4567:890a 3c:52:82:1a:2b:3c 078-05-1120"));
    assert_true(text_starts(b, "bo@example.com [ip:"));
    assert_null(strstr(b, "10.2"));
    assert_null(strstr(b, "fe80"));
    assert_null(strstr(b, "3c:52"));
    assert_null(strstr(b, "078"));
    assert_true(json_equal(in, out));
    assert_true(redact_class_on(s, "mac"));
    assert_false(redact_class_on(s, "email"));
    json_decref(in);
    json_decref(out);
    free(a);
    free(b);
    redact_free(r);
    redact_free(s);
}

static void patterns_of_the_configuration_work_with_and_without_a_group(void **state)
{
    const struct config_redaction cfg = {
        .extra = {{"customer", "\\bcust-[0-9]{6}\\b"}, {"badge", "badge ([0-9]+)"}}, .n_extra = 2};
    struct redactor *r = redactor_of(&cfg, key_a);
    struct redacted found = {0};
    char *out = redacted(r, "cust-123456 with badge 99 and cust-654321", &found);

    (void)state;
    assert_true(text_starts(out, "[customer:"));
    assert_non_null(strstr(out, "with badge [badge:"));
    assert_null(strstr(out, "654321"));
    assert_int_equal(json_opt_int(found.counts, "customer", 0), 2);
    assert_int_equal(json_opt_int(found.counts, "badge", 0), 1);
    free(out);
    redacted_done(&found);
    redact_free(r);
}

static void a_configuration_that_cannot_work_is_refused_by_name(void **state)
{
    static const char *const unknown[] = {"e-mail"};
    const struct {
        struct config_redaction cfg;
        const char *says;
    } rows[] = {
        {{.off = unknown, .n_off = 1}, "redaction.off: there is no class \"e-mail\""},
        {{.on = unknown, .n_on = 1}, "redaction.on: there is no class \"e-mail\""},
        {{.extra = {{"broken", "a(b"}}, .n_extra = 1},
         "the pattern of \"broken\" is broken at character 3"},
        {{.extra = {{"raw", "\\C"}}, .n_extra = 1}, "the pattern of \"raw\" is broken"},
        {{.extra = {{"all", "x*"}}, .n_extra = 1}, "the pattern of \"all\" matches the empty text"},
        {{.extra = {{"email", "x"}}, .n_extra = 1}, "\"email\" is a class that ships"},
        {{.extra = {{"limit", "x"}}, .n_extra = 1}, "\"limit\" is a class that ships"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redactor *r = NULL;
        struct err e = {0};

        assert_int_equal(redact_new(&rows[i].cfg, key_a, &r, &e), ERR_INPUT);
        if (strstr(e.msg, rows[i].says) == NULL)
            fail_msg("row %zu says: %s", i, e.msg);
        assert_null(r);
    }
}

/* ---- The table for people ------------------------------------------------------------------------------------- */

static void every_class_stands_in_the_documentation(void **state)
{
    char *doc = NULL;
    size_t len = 0;
    struct err e = {0};
    const char *name, *what;
    bool optional;

    (void)state;
    if (file_read(MODEL_DOC, 1 << 20, &doc, &len, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; (name = redact_class(i, &optional, &what)); i++) {
        struct buf row;

        buf_init(&row, 1000);
        buf_printf(&row, "| `%s` | %s | %s |\n", name, optional ? "off" : "on", what);
        if (strstr(doc, buf_str(&row)) == NULL)
            fail_msg("docs/model.md lacks this row: %s", buf_str(&row));
        buf_done(&row);
    }
    assert_null(redact_class(1000, NULL, NULL));
    free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_one_of_500_planted_secrets_is_left_in_any_carrier),
        cmocka_unit_test(what_is_left_of_a_cut_token_is_found),
        cmocka_unit_test(each_kind_is_named_by_its_class),
        cmocka_unit_test(texts_of_daily_life_stay_as_they_are),
        cmocka_unit_test(one_value_has_one_placeholder_and_another_key_another),
        cmocka_unit_test(the_digits_depend_on_the_class_too),
        cmocka_unit_test(what_was_taken_out_can_be_put_back_for_people),
        cmocka_unit_test(placeholders_in_a_text_stay_and_cannot_be_forged),
        cmocka_unit_test(overlapping_finds_become_one),
        cmocka_unit_test(members_that_say_secret_lose_their_value_whatever_it_is),
        cmocka_unit_test(members_that_are_paths_say_secret_by_any_step),
        cmocka_unit_test(the_order_of_members_and_deep_documents_are_kept),
        cmocka_unit_test(bytes_that_are_no_text_do_not_hide_a_secret),
        cmocka_unit_test(an_address_is_found_behind_any_character),
        cmocka_unit_test(classes_are_switched_off_and_on),
        cmocka_unit_test(patterns_of_the_configuration_work_with_and_without_a_group),
        cmocka_unit_test(a_configuration_that_cannot_work_is_refused_by_name),
        cmocka_unit_test(every_class_stands_in_the_documentation),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
