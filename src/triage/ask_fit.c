/* What fits the endpoint's window: whole items first, big ones cut with a mark, and a list of what stayed out. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

#define CUT_MARK_BYTES 32  /* room for "cut":12345678 */
#define ITEM_MIN_BYTES 100 /* less than this holds no item that says anything */

/* Tried in this order until the item fits. */
static const struct squeeze {
    size_t text_bytes, list_items;
} squeezes[] = {{4096, 60}, {1500, 30}, {600, 15}, {300, 8}, {150, 4}, {80, 2}};

static json_t *leaf_cut(void *ctx, const char *name, json_t *v)
{
    const struct squeeze *q = ctx;
    size_t len = json_string_length(v);

    (void)name;
    if (!json_is_string(v) || len <= q->text_bytes)
        return json_incref(v);
    return json_stringn(json_string_value(v), text_cut(json_string_value(v), len, q->text_bytes));
}

/* A log grows at its end, so its end is the news. */
static json_t *squeezed(const json_t *data, const char *kind, const struct squeeze *q)
{
    struct squeeze own = *q;
    const struct rewrite rw = {&own, leaf_cut, NULL, NULL, q->list_items, text_eq(kind, EV_LOG)};

    return rewrite_json(&rw, data);
}

static json_t *item_with(const json_t *item, json_t *data)
{
    json_t *out = json_object();

    json_object_set(out, "id", json_object_get(item, "id"));
    json_object_set(out, "kind", json_object_get(item, "kind"));
    json_object_set(out, "source", json_object_get(item, "source"));
    json_object_set(out, "at", json_object_get(item, "at"));
    json_object_set_new(out, "data", data);
    return out;
}

/* The item within so many bytes, or NULL. *lost: bytes that were left out. */
static json_t *item_within(const json_t *item, size_t bytes, size_t *lost)
{
    const json_t *data = json_object_get(item, "data");
    size_t whole = json_size(item);

    *lost = 0;
    if (whole <= bytes)
        return item_with(item, json_incref(json_object_get(item, "data")));
    for (size_t i = 0; i < ARRAY_LEN(squeezes); i++) {
        json_t *out = item_with(item, squeezed(data, json_opt_str(item, "kind"), &squeezes[i]));
        size_t now = json_size(out);

        if (now + CUT_MARK_BYTES <= bytes) {
            *lost = whole - now;
            json_object_set_new(json_object_get(out, "data"), "cut",
                                json_integer((json_int_t)*lost));
            return out;
        }
        json_decref(out);
    }
    *lost = whole;
    return NULL;
}

static void cut_add(json_t *cut, const char *id, const char *kind, size_t lost)
{
    json_array_append_new(
        cut, json_pack("{s:s, s:s, s:I}", "id", id, "kind", kind, "bytes", (json_int_t)lost));
}

void ask_fit_begin(struct ask_fit *f, size_t room_bytes)
{
    *f = (struct ask_fit){.share = room_bytes / 100 * ASK_SHARE_PCT,
                          .left = room_bytes,
                          .shown = json_array(),
                          .cut = json_array()};
}

bool ask_fit_full(const struct ask_fit *f)
{
    /* The last corner of a large room is worth less than searching many items for one that fits it. */
    size_t corner = f->share / 10 > ITEM_MIN_BYTES ? f->share / 10 : ITEM_MIN_BYTES;

    return json_array_size(f->shown) >= ASK_ITEMS_MAX || f->left < corner;
}

void ask_fit_offer(struct ask_fit *f, const json_t *item)
{
    size_t lost, may = f->left > 0 ? f->left - 1 : 0; /* and its comma */
    json_t *out = item_within(item, may < f->share ? may : f->share, &lost);

    if (lost > 0)
        cut_add(f->cut, json_opt_str(item, "id"), json_opt_str(item, "kind"), lost);
    if (!out)
        return;
    f->left -= json_size(out) + 1;
    json_array_append_new(f->shown, out);
}

void ask_fit_leave_out(struct ask_fit *f, const struct triage_item *x)
{
    char id[ASK_HANDLE_MAX];

    cut_add(f->cut, ask_handle(x, id), x->kind, json_size(x->body));
}
