/* Links that alerts and rules carry: shown to people as they are, never fetched. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/outside_priv.h"

#define LINKS_MAX     10
#define LINK_URL_MAX  500
#define LINK_TEXT_MAX 120

/* http or https, without what could hide where it leads: a user name, control characters, quotes, white space. */
static bool link_ok(const char *url)
{
    const char *host;
    size_t len = strlen(url);

    if (len > LINK_URL_MAX || !(text_starts(url, "https://") || text_starts(url, "http://")))
        return false;
    host = strstr(url, "://") + 3;
    if (host[0] == '\0' || strchr("/?#", host[0]) || memchr(host, '@', strcspn(host, "/?#")))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)url[i] <= 0x20 || (unsigned char)url[i] >= 0x7f ||
            strchr("\\\"<>^`{|}", url[i]))
            return false;
    return true;
}

static void link_add(json_t *list, const char *text, const char *url, const char *from)
{
    AUTO(buf_done) struct buf shown = {0};

    if (!url || !link_ok(url) || json_array_size(list) >= LINKS_MAX)
        return;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_opt_str(json_array_get(list, i), "url"), url))
            return;
    buf_init(&shown, (size_t)LINK_TEXT_MAX * 4 + 64);
    text_show(&shown, text, strlen(text), LINK_TEXT_MAX, true);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "text",
                                          shown.len > 0 ? buf_str(&shown) : "link", "url", url,
                                          "from", from));
}

/* "annotations.runbook_url" and "runbook_url" are the same member to people. */
static const char *link_name(const char *path, size_t len)
{
    static const struct {
        const char *member, *text;
    } names[] = {{"runbook_url", "runbook"},
                 {"runbook", "runbook"},
                 {"dashboard_url", "dashboard"},
                 {"dashboard", "dashboard"}};
    const char *dot = memrchr(path, '.', len);
    size_t skip = dot ? (size_t)(dot + 1 - path) : 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (len - skip == strlen(names[i].member) &&
            strncasecmp(path + skip, names[i].member, len - skip) == 0)
            return names[i].text;
    return NULL;
}

/* Details are lines "path: value". */
static void details_links(json_t *list, const char *lines)
{
    while (lines && *lines) {
        size_t len = strcspn(lines, "\n");
        const char *colon = memmem(lines, len, ": ", 2);
        const char *text = colon ? link_name(lines, (size_t)(colon - lines)) : NULL;

        if (text) {
            AUTO(mem_freep)
            char *url = mem_strndup(colon + 2, len - (size_t)(colon - lines) - 2);

            link_add(list, text, url, "alert");
        }
        lines += len + (lines[len] == '\n');
    }
}

json_t *outside_links(const struct triage_items *it, const json_t *verdict)
{
    json_t *list = json_array(), *x;
    size_t k;

    json_array_foreach (json_opt_arr(verdict, "runbooks"), k, x)
        link_add(list, "runbook", json_string_value(x), "rule");
    for (size_t i = 0; i < it->n; i++) {
        if (!it->v[i].ok || !text_eq(it->v[i].kind, EV_ALERT))
            continue;
        details_links(list, json_opt_str(it->v[i].body, "details"));
        json_array_foreach (json_opt_arr(it->v[i].body, "links"), k, x)
            link_add(list, json_opt_str(x, "text") ? json_opt_str(x, "text") : "link",
                     json_opt_str(x, "href"), "alert");
    }
    if (json_array_size(list) > 0)
        return json_pack("{s:o}", "links", list);
    json_decref(list);
    return NULL;
}
