/* Walking and copying JSON with a stack of its own: evidence may be nested by strangers. */
#include "base/json.h"
#include "triage/ask_priv.h"

struct level {
    json_t *in;
    json_t *out; /* borrowed: its parent's copy owns it; NULL when only walking */
    void *iter;
    size_t index, end;
};

/* jansson's iterators want a pointer without const and change nothing; the flags refuse every cast that drops const. */
static json_t *unconst(const json_t *j)
{
    const union {
        const json_t *in;
        json_t *out;
    } same = {j};

    return same.out;
}

static struct level level_of(const struct rewrite *rw, json_t *in, json_t *out)
{
    size_t n = json_array_size(in), keep = rw && rw->items_max < n ? rw->items_max : n;
    size_t first = rw && rw->tail ? n - keep : 0;

    return (struct level){in, out, json_object_iter(in), first, first + keep};
}

/* The next child of a level, or NULL at its end; *name is NULL in arrays. */
static json_t *level_next(struct level *l, const char **name)
{
    json_t *v;

    *name = NULL;
    if (json_is_array(l->in))
        return l->index < l->end ? json_array_get(l->in, l->index++) : NULL;
    if (!l->iter)
        return NULL;
    *name = json_object_iter_key(l->iter);
    v = json_object_iter_value(l->iter);
    l->iter = json_object_iter_next(l->in, l->iter);
    return v;
}

static bool is_container(const json_t *j)
{
    return json_is_object(j) || json_is_array(j);
}

static json_t *empty_like(const json_t *j)
{
    return json_is_object(j) ? json_object() : json_array();
}

/* Takes the reference to v, which may be NULL. */
static void put(const struct rewrite *rw, json_t *parent, const char *name, const json_t *in,
                json_t *v)
{
    char into[256];

    if (!v)
        return;
    if (json_is_array(parent)) {
        json_array_append_new(parent, v);
        return;
    }
    if (rw->name)
        name = rw->name(rw->ctx, name, in, into, sizeof(into));
    if (name)
        json_object_set_new(parent, name, v);
    else
        json_decref(v);
}

static bool named(const struct rewrite *rw, const char *name, const json_t *v)
{
    char into[256];

    return !name || !rw->name || rw->name(rw->ctx, name, v, into, sizeof(into));
}

/* What stands for a value that is not gone into. NULL with *go: go into it. */
static json_t *short_of(const struct rewrite *rw, const char *name, json_t *v, bool *go)
{
    json_t *instead;

    *go = false;
    if (!is_container(v))
        return rw->leaf ? rw->leaf(rw->ctx, name, v) : json_incref(v);
    instead = rw->inside ? rw->inside(rw->ctx, name, v) : NULL;
    *go = !instead;
    return instead;
}

json_t *rewrite_json(const struct rewrite *rw, const json_t *in)
{
    struct level stack[ASK_DEPTH_MAX];
    size_t depth = 0;
    bool go;
    json_t *root = short_of(rw, NULL, unconst(in), &go);

    if (!go)
        return root ? root : json_null();
    root = empty_like(in);
    stack[depth++] = level_of(rw, unconst(in), root);
    while (depth > 0) {
        struct level *l = &stack[depth - 1];
        const char *name;
        json_t *v = level_next(l, &name), *copy;

        if (!v) {
            depth--;
            continue;
        }
        copy = short_of(rw, name, v, &go);
        if (go && (depth == ASK_DEPTH_MAX || !named(rw, name, v)))
            continue;
        if (go)
            copy = empty_like(v);
        if (go)
            stack[depth++] = level_of(rw, v, copy);
        put(rw, l->out, name, v, copy);
    }
    return root;
}

void walk_leaves(const json_t *in, void (*leaf)(void *ctx, const char *name, const json_t *v),
                 void *ctx)
{
    struct level stack[ASK_DEPTH_MAX];
    size_t depth = 0;

    if (!is_container(in)) {
        leaf(ctx, NULL, in);
        return;
    }
    stack[depth++] = level_of(NULL, unconst(in), NULL);
    while (depth > 0) {
        const char *name;
        json_t *v = level_next(&stack[depth - 1], &name);

        if (!v)
            depth--;
        else if (!is_container(v))
            leaf(ctx, name, v);
        else if (depth < ASK_DEPTH_MAX)
            stack[depth++] = level_of(NULL, v, NULL);
    }
}

size_t json_size(const json_t *j)
{
    return json_dumpb(j, NULL, 0, ASK_JSON_FLAGS);
}
