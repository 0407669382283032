#include <stdio.h>
#include <string.h>

#include "cli/init.h"
#include "net/net_origin.h"

/* The part of init about a model: never needed, so it takes one question to pass by. */

#define DIALECTS "openai_chat, anthropic, ollama"

static bool dialect_is_known(const char *s)
{
    return text_eq(s, "openai_chat") || text_eq(s, "anthropic") || text_eq(s, "ollama");
}

/* What the address suggests; most endpoints speak OpenAI's way. */
static const char *dialect_of(const char *url)
{
    if (strstr(url, "anthropic"))
        return "anthropic";
    return strstr(url, ":11434") && !strstr(url, "/v1") ? "ollama" : "openai_chat";
}

static bool is_here(const char *url)
{
    struct net_url u;
    struct err e = {0};

    return net_url_parse(url, &u, &e) == 0 && net_url_is_loopback(&u);
}

int init_model_read(struct cli *c, struct init_model *m)
{
    const char *url = flag_value(c, "--model-url");

    m->url = url ? url : "";
    m->dialect = flag_value(c, "--model-dialect");
    m->name = flag_value(c, "--model-name");
    if (!url && (m->dialect || m->name || flag_given(c, "--model-key-file")))
        return fail(c, EXIT_USAGE,
                    "--model-dialect, --model-name and --model-key-file go with --model-url");
    if (m->dialect && !dialect_is_known(m->dialect))
        return fail(c, EXIT_USAGE, "--model-dialect: '%s' is none of " DIALECTS,
                    show(c, m->dialect));
    if (!url)
        return 0;
    if (!m->dialect)
        m->dialect = dialect_of(url);
    if (!m->name && flag_given(c, "--yes"))
        return fail(
            c, EXIT_USAGE,
            "--model-url needs --model-name: the model as the endpoint calls it, like gpt-4.1-mini");
    return init_secret(c, "--model-key-file", "TRIAGED_MODEL_KEY", &m->key);
}

void init_model_ask(struct cli *c, struct init_model *m)
{
    m->url = init_ask(c, "Address of a model, if there is one (everything but prose works without)",
                      m->url);
    if (!m->url[0])
        return;
    do
        m->dialect =
            init_ask(c, "Its dialect (" DIALECTS ")", m->dialect ? m->dialect : dialect_of(m->url));
    while (!dialect_is_known(m->dialect) &&
           (fprintf(stderr, "  a dialect is one of " DIALECTS "\n"), m->dialect = NULL, true));
    do
        m->name = init_ask(c, "The model's name there", m->name ? m->name : "");
    while (!m->name[0] && !feof(stdin));
    if (!m->key)
        m->key = init_ask_secret("Its key, if it wants one");
}

bool init_model_wants_key(const struct init_model *m)
{
    return m->url[0] && !m->key && !is_here(m->url);
}

size_t init_model_edits(const struct init_model *m, struct init_edit edits[MODEL_EDITS])
{
    size_t n = 0;

    if (!m->url[0])
        return 0;
    edits[n++] = (struct init_edit){"model", "base_url", m->url, false};
    edits[n++] = (struct init_edit){"model", "dialect", m->dialect, false};
    edits[n++] = (struct init_edit){"model", "name", m->name, false};
    if (m->key)
        edits[n++] = (struct init_edit){"model", "key_file", INIT_MODEL_KEY, false};
    else if (is_here(m->url))
        edits[n++] = (struct init_edit){"model", "auth", "none", false};
    if (is_here(m->url))
        edits[n++] = (struct init_edit){"model", "allow_private_addresses", "true", true};
    return n;
}
