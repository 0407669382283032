#include <string.h>

#include "rules/cond_priv.h"

/*
 * The index. Most rules cannot hold for an incident, and for most of those one cheap fact shows it: another service, or a
 * literal that stands nowhere in the text. A guard is a list of clauses, all of which must be possible; a clause is a list
 * of atoms, one of which must be. Atoms are asked of hashes that are made once for each text.
 */
#define GRAMS_MAX   8
#define ATOMS_MAX   64
#define CLAUSES_MAX 8

struct atom {
    size_t slot;
    bool equals; /* one part of the field has this hash; otherwise it holds all these grams */
    uint64_t hash;
    uint16_t grams[GRAMS_MAX];
    size_t n_grams;
};
struct guard_clause {
    struct atom *atoms;
    size_t n;
};

static void clause_free(struct guard_clause *c)
{
    mem_freep(&c->atoms);
    c->n = 0;
}

static struct atom *atom_add(struct guard_clause *c, size_t slot)
{
    if (c->n == ATOMS_MAX)
        return NULL;
    c->atoms = mem_grow(c->atoms, c->n + 1, sizeof *c->atoms);
    c->atoms[c->n] = (struct atom){.slot = slot};
    return &c->atoms[c->n++];
}

static bool atom_text(struct guard_clause *c, size_t slot, const char *s, size_t len)
{
    struct atom *a = len >= 3 ? atom_add(c, slot) : NULL;
    size_t i, step;

    if (a == NULL)
        return false;
    /* Pieces spread over the whole text tell more than neighbours do. */
    step = (len - 2 + GRAMS_MAX - 1) / GRAMS_MAX;
    for (i = 0; i + 3 <= len && a->n_grams < GRAMS_MAX; i += step)
        a->grams[a->n_grams++] = gram_of((const unsigned char *)s + i);
    return true;
}

static bool clause_of_pattern(const struct node *n, struct guard_clause *c)
{
    struct literal found[LITERALS_MAX];
    size_t k = literal_of_pattern(n->pattern->source, strlen(n->pattern->source), found), i;

    for (i = 0; i < k; i++)
        if (!atom_text(c, n->slot, found[i].text, found[i].len))
            return false;
    return k > 0;
}

/* Appends what the test needs to c; false when it needs nothing that an atom can say. */
static bool clause_of_test(const struct node *n, struct guard_clause *c)
{
    size_t i;

    if (n->kind != NODE_TEST)
        return false;
    if (n->op == OP_MATCHES)
        return clause_of_pattern(n, c);
    for (i = 0; i < n->n_values; i++) {
        const struct operand *o = &n->values[i];

        if (n->op == OP_EQ || n->op == OP_IN) {
            struct atom *a = o->fold && !o->number ? atom_add(c, n->slot) : NULL;

            if (a == NULL)
                return false;
            a->equals = true;
            a->hash = fold_hash(o->fold, o->fold_len);
        } else if (n->op == OP_CONTAINS || n->op == OP_STARTS || n->op == OP_ENDS) {
            if (!atom_text(c, n->slot, o->fold, o->fold_len))
                return false;
        } else {
            return false;
        }
    }
    return n->n_values > 0;
}

/* The shortest clause among the tests that stand directly in a mapping. */
static bool clause_of_mapping(const struct cond *cond, size_t at, struct guard_clause *best)
{
    size_t k;
    bool found = false;

    for (k = at + 1; k < cond->nodes[at].next; k = cond->nodes[k].next) {
        struct guard_clause c = {0};

        if (clause_of_test(&cond->nodes[k], &c) && (!found || c.n < best->n)) {
            clause_free(best);
            *best = c;
            found = true;
        } else {
            clause_free(&c);
        }
    }
    return found;
}

/* One of the members holds, so one of their needs does. */
static bool clause_of_any(const struct cond *cond, size_t at, struct guard_clause *out)
{
    size_t k, i;

    for (k = at + 1; k < cond->nodes[at].next; k = cond->nodes[k].next) {
        struct guard_clause c = {0};
        bool ok = clause_of_mapping(cond, k, &c);

        for (i = 0; ok && i < c.n; i++) {
            struct atom *a = atom_add(out, 0);

            ok = a != NULL;
            if (ok)
                *a = c.atoms[i];
        }
        clause_free(&c);
        if (!ok)
            return false;
    }
    return out->n > 0;
}

static void guard_add(struct guard *g, struct guard_clause *c, bool usable)
{
    if (!usable || g->n == CLAUSES_MAX) {
        clause_free(c);
        return;
    }
    g->clauses = mem_grow(g->clauses, g->n + 1, sizeof *g->clauses);
    g->clauses[g->n++] = *c;
}

void guard_build(const struct cond *c, struct guard *g)
{
    size_t k, m;

    *g = (struct guard){0};
    for (k = 1; k < c->n; k = c->nodes[k].next) {
        const struct node *n = &c->nodes[k];
        struct guard_clause clause = {0};

        if (n->kind == NODE_ANY) {
            guard_add(g, &clause, clause_of_any(c, k, &clause));
        } else if (n->kind == NODE_ALL) {
            for (m = k + 1; m < n->next; m = c->nodes[m].next) {
                struct guard_clause inner = {0};

                guard_add(g, &inner, clause_of_mapping(c, m, &inner));
            }
        } else {
            guard_add(g, &clause, clause_of_test(n, &clause));
        }
    }
}

void guard_done(struct guard *g)
{
    size_t i;

    for (i = 0; i < g->n; i++)
        clause_free(&g->clauses[i]);
    mem_freep(&g->clauses);
    g->n = 0;
}

static bool atom_may(const struct atom *a, struct view *v)
{
    struct seen *s = view_seen(v, a->slot);
    const uint8_t *grams;
    size_t i;

    if (!s->known || !s->comparable)
        return false;
    if (a->equals) {
        for (i = 0; i < s->n; i++)
            if (s->items[i].hash == a->hash)
                return true;
        return false;
    }
    grams = view_grams(s);
    for (i = 0; i < a->n_grams; i++)
        if (!(grams[a->grams[i] >> 3] >> (a->grams[i] & 7) & 1))
            return false;
    return true;
}

bool guard_may(const struct guard *g, struct view *v)
{
    size_t i, k;

    for (i = 0; i < g->n; i++) {
        const struct guard_clause *c = &g->clauses[i];

        for (k = 0; k < c->n && !atom_may(&c->atoms[k], v); k++)
            ;
        if (k == c->n)
            return false;
    }
    return true;
}
