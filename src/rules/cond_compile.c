#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "rules/cond_priv.h"

/* An open container of the file while its members are compiled; the stack stands in for calls that nest. */
struct frame {
    enum node_kind kind; /* ALL from a mapping, ALL or ANY from a list, NOT */
    bool list;
    size_t node;
    json_t *value;
    void *iter;  /* of a mapping */
    size_t next; /* of a list; of NOT: 1 once its mapping was opened */
    size_t pointer_len;
};

struct compile {
    struct cond_build b;
    struct buf pointer;
    struct frame stack[2 * COND_DEPTH_MAX + 2];
    size_t depth;
};

static void pointer_push(struct buf *p, const char *key)
{
    buf_putc(p, '/');
    for (; *key; key++) {
        if (*key == '~')
            buf_puts(p, "~0");
        else if (*key == '/')
            buf_puts(p, "~1");
        else
            buf_putc(p, *key);
    }
}

static void pointer_cut(struct buf *p, size_t len)
{
    if (p->len > len) {
        p->len = len;
        p->data[len] = '\0';
    }
}

size_t cond_add_node(struct cond *c, enum node_kind kind, size_t parent)
{
    if (c->n == c->room) {
        c->room = c->room ? c->room * 2 : 8;
        c->nodes = mem_grow(c->nodes, c->room, sizeof *c->nodes);
    }
    c->nodes[c->n] = (struct node){.kind = kind, .parent = parent, .next = c->n + 1};
    return c->n++;
}

static int frame_open(struct compile *k, enum node_kind kind, bool list, size_t parent,
                      json_t *value)
{
    struct frame *f;

    if (k->depth == ARRAY_LEN(k->stack))
        return yaml_error(k->b.doc, buf_str(&k->pointer), k->b.e, "conditions nest deeper than %d",
                          COND_DEPTH_MAX);
    f = &k->stack[k->depth++];
    *f = (struct frame){.kind = kind, .list = list, .value = value};
    f->node = cond_add_node(k->b.c, kind, parent);
    f->iter = !list && kind != NODE_NOT ? json_object_iter(value) : NULL;
    f->pointer_len = k->pointer.len;
    return 0;
}

/* A mapping of conditions below any, all or not: it must say something. */
static int mapping_open(struct compile *k, size_t parent, json_t *value)
{
    if (!json_is_object(value) || json_object_size(value) == 0)
        return yaml_error(k->b.doc, buf_str(&k->pointer), k->b.e,
                          "expected a mapping with at least one condition");
    return frame_open(k, NODE_ALL, false, parent, value);
}

static int list_open(struct compile *k, enum node_kind kind, const char *key, size_t parent,
                     json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) == 0)
        return yaml_error(k->b.doc, buf_str(&k->pointer), k->b.e,
                          "'%s' expects a list with at least one condition", key);
    return frame_open(k, kind, true, parent, value);
}

static int member_add(struct compile *k, const struct frame *f, const char *key, json_t *value)
{
    if (strcmp(key, "any") == 0)
        return list_open(k, NODE_ANY, key, f->node, value);
    if (strcmp(key, "all") == 0)
        return list_open(k, NODE_ALL, key, f->node, value);
    if (strcmp(key, "not") == 0)
        return frame_open(k, NODE_NOT, false, f->node, value);
    if (strcmp(key, "time") == 0)
        return cond_add_time(&k->b, f->node, value, buf_str(&k->pointer));
    return cond_add_field(&k->b, f->node, key, value, buf_str(&k->pointer));
}

/* One member of the container on top; *closed when it had no more. */
static int frame_step(struct compile *k, bool *closed)
{
    struct frame *f = &k->stack[k->depth - 1];
    char number[24];
    json_t *value;
    const char *key;

    pointer_cut(&k->pointer, f->pointer_len);
    if (f->kind == NODE_NOT) {
        *closed = f->next++ == 1;
        return *closed ? 0 : mapping_open(k, f->node, f->value);
    }
    if (f->list) {
        value = json_array_get(f->value, f->next);
        *closed = value == NULL;
        if (*closed)
            return 0;
        snprintf(number, sizeof number, "%zu", f->next++);
        pointer_push(&k->pointer, number);
        return mapping_open(k, f->node, value);
    }
    *closed = f->iter == NULL;
    if (*closed)
        return 0;
    key = json_object_iter_key(f->iter);
    value = json_object_iter_value(f->iter);
    f->iter = json_object_iter_next(f->value, f->iter);
    pointer_push(&k->pointer, key);
    return member_add(k, f, key, value);
}

static int compile_run(struct compile *k, json_t *root)
{
    bool closed;

    if (frame_open(k, NODE_ALL, false, SIZE_MAX, root) < 0)
        return k->b.e->code;
    while (k->depth > 0) {
        if (frame_step(k, &closed) < 0)
            return k->b.e->code;
        if (k->pointer.over)
            return yaml_error(k->b.doc, "", k->b.e, "a key is too long");
        if (k->b.c->n > COND_NODES_MAX)
            return yaml_error(k->b.doc, buf_str(&k->pointer), k->b.e,
                              "more than %d conditions in one place", COND_NODES_MAX);
        if (closed) {
            k->depth--;
            k->b.c->nodes[k->stack[k->depth].node].next = k->b.c->n;
        }
    }
    return 0;
}

/* The value at a JSON pointer, NULL when there is none. */
static json_t *value_at(json_t *v, const char *pointer)
{
    while (v && *pointer == '/') {
        struct buf key;
        const char *p;
        int64_t index;
        struct err none;

        buf_init(&key, 4096);
        for (p = pointer + 1; *p && *p != '/'; p++) {
            if (*p == '~' && (p[1] == '0' || p[1] == '1'))
                buf_putc(&key, *++p == '0' ? '~' : '/');
            else
                buf_putc(&key, *p);
        }
        if (json_is_array(v))
            v = parse_i64(buf_str(&key), 0, INT32_MAX, &index, &none) < 0
                    ? NULL
                    : json_array_get(v, (size_t)index);
        else
            v = json_object_get(v, buf_str(&key));
        buf_done(&key);
        pointer = p;
    }
    return v;
}

int cond_compile_in(const struct yaml_doc *doc, const char *pointer, struct slots *slots,
                    struct cond **out, struct err *e)
{
    AUTO(cond_freep) struct cond *c = mem_alloc(sizeof *c);
    AUTO(mem_freep) struct compile *k = mem_alloc(sizeof *k);
    json_t *root = value_at(yaml_root(doc), pointer);
    int rc;

    if (!json_is_object(root))
        return yaml_error(doc, pointer, e, "expected a mapping of conditions");
    c->slots = slots;
    k->b = (struct cond_build){doc, c, e};
    buf_init(&k->pointer, (size_t)64 * 1024);
    buf_puts(&k->pointer, pointer);
    rc = compile_run(k, root);
    buf_done(&k->pointer);
    if (rc < 0)
        return rc;
    *out = TAKE(c);
    return 0;
}

int cond_compile(const struct yaml_doc *doc, const char *pointer, struct cond **out, struct err *e)
{
    struct slots *slots = mem_alloc(sizeof *slots);
    int rc = cond_compile_in(doc, pointer, slots, out, e);

    if (rc < 0) {
        slots_done(slots);
        mem_freep(&slots);
        return rc;
    }
    (*out)->own_slots = true;
    return 0;
}

static void node_done(struct node *n)
{
    size_t i;

    for (i = 0; i < n->n_values; i++)
        mem_freep(&n->values[i].fold);
    mem_freep(&n->values);
    pattern_free(n->pattern);
    if (n->window)
        mem_freep(&n->window->zone);
    mem_freep(&n->window);
    json_decref(n->shown);
}

void cond_free(struct cond *c)
{
    size_t i;

    if (c == NULL)
        return;
    for (i = 0; i < c->n; i++)
        node_done(&c->nodes[i]);
    mem_freep(&c->nodes);
    if (c->own_slots) {
        slots_done(c->slots);
        mem_freep(&c->slots);
    }
    mem_freep(&c);
}

void cond_freep(struct cond **c)
{
    cond_free(*c);
    *c = NULL;
}

bool cond_has_capture(const struct cond *c, const char *name)
{
    size_t i, k;

    for (i = 0; i < c->n; i++)
        for (k = 0; c->nodes[i].pattern && k < c->nodes[i].pattern->n_names; k++)
            if (strcmp(c->nodes[i].pattern->names[k].name, name) == 0)
                return true;
    return false;
}

static bool is_age(const char *path)
{
    static const char end[] = "age_s";
    size_t len = strlen(path);

    return len >= sizeof end - 1 && strcmp(path + len - (sizeof end - 1), end) == 0;
}

bool cond_is_timed(const struct cond *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct node *n = &c->nodes[i];

        if (n->kind == NODE_TIME)
            return true;
        if (n->kind == NODE_TEST &&
            (n->op == OP_OLDER || n->op == OP_NEWER || is_age(c->slots->paths[n->slot])))
            return true;
    }
    return false;
}
