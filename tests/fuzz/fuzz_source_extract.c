/*
 * Whatever a source answers: at most five lines of 240 bytes that are safe to show, or a message. The first byte picks the extractor; with
 * its high bit set the rest is an extractor itself, which is refused with its line or works on a fixed answer.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "sources/sources.h"

static const char SET[] =
    "hosts: [{name: h, base_url: 'https://h.example'}]\n"
    "sources:\n"
    "  - {name: a, host: h, url: /x, extract: {json: 'data.result[*]', values: max, line: '{metric.instance} {values}'}}\n"
    "  - {name: b, host: h, url: /x, extract: {json: 'data.result[*].values[*]', values: first..last, line: '{[1]} {values}'}}\n"
    "  - {name: c, host: h, url: /x, extract: {json: 'data.alerts[state=firing]', line: '{labels.alertname}: {annotations.summary}'}}\n"
    "  - {name: d, host: h, url: /x, extract: {json: '[*]', line: '{.} {commit.message} {commit[\"a.b\"][0]}'}}\n"
    "  - {name: e, host: h, url: /x, extract: {json: 'components[status!=operational]', values: avg, line: '{name} {values}'}}\n"
    "  - {name: f, host: h, url: /x, extract: {json: '[*][*][*][*]', line: '{[*][*]}'}}\n"
    "  - {name: g, host: h, url: /x, extract: {pcre2: '(?<level>ERROR|WARN)[ :]+(?<what>.*)', line: '{level} {what} {0}'}}\n"
    "  - {name: i, host: h, url: /x, extract: {pcre2: '(a+)+(?<b>.*?)c', line: '{b}'}}\n";
static const char ANSWER[] =
    "{\"data\":{\"result\":[{\"metric\":{\"a\":\"x\",\"a.b\":[1,2]},\"values\":[[1,\"1\"],[2,\"NaN\"]],\"value\":[1,\"2\"]},{}]}}\n"
    "ERROR second line\n";

static void check(const struct sources *s, size_t row, const char *body, size_t len)
{
    json_t *lines = NULL, *x;
    struct err e = {0};
    size_t i;

    if (sources_extract(s, row, body, len, &lines, &e) < 0) {
        if (e.msg[0] == '\0')
            abort();
        return;
    }
    if (json_array_size(lines) > SOURCE_LINES_MAX)
        abort();
    json_array_foreach (lines, i, x) {
        const char *text = json_string_value(x);

        if (!text || json_string_length(x) == 0 || json_string_length(x) > SOURCE_LINE_MAX_BYTES ||
            strlen(text) != json_string_length(x))
            abort();
        for (; *text; text++)
            if ((unsigned char)*text < 0x20 || *text == 0x7f)
                abort();
    }
    json_decref(lines);
}

static void extractor(const char *text, size_t len)
{
    struct sources *s = NULL;
    struct err e = {0};
    struct buf b;

    buf_init(&b, (size_t)1 << 16);
    buf_puts(&b, "hosts: [{name: h, base_url: 'https://h.example'}]\n"
                 "sources:\n  - {name: s, host: h, url: /x, extract: {");
    buf_add(&b, text, len);
    buf_puts(&b, "}}\n");
    if (sources_parse("fuzz.yaml", buf_str(&b), b.len, &s, &e) < 0) {
        if (strstr(e.msg, "fuzz.yaml:") == NULL)
            abort();
    } else if (sources_count(s) > 0) {
        check(s, 0, ANSWER, sizeof ANSWER - 1);
    }
    sources_unref(s);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sources *set;
    struct err e = {0};

    if (set == NULL) {
        crypto_init();
        if (sources_parse("set.yaml", SET, sizeof SET - 1, &set, &e) < 0)
            abort();
    }
    if (size == 0)
        return 0;
    if (data[0] & 0x80)
        extractor((const char *)data + 1, size - 1);
    else
        check(set, data[0] % sources_count(set), (const char *)data + 1, size - 1);
    return 0;
}
