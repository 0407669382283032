#include "engine/engine_priv.h"

/*
 * The inbox is the one place where other threads meet the engine: a locked list and a wake-up. Producers wake the engine only when
 * it sleeps; the engine sets `sleeping` and looks once more before it does, so no wake-up is lost.
 */
bool engine_post(struct engine *en, struct engine_fact *f)
{
    pthread_mutex_lock(&en->inbox_lock);
    bool taken = !en->inbox_closed && en->inbox_len < ENGINE_INBOX_MAX;

    if (taken) {
        f->next = NULL;
        *en->inbox_tail = f;
        en->inbox_tail = &f->next;
        atomic_store_explicit(&en->n_inbox, ++en->inbox_len, memory_order_relaxed);
    }
    pthread_mutex_unlock(&en->inbox_lock);
    if (taken && atomic_exchange(&en->sleeping, false))
        net_wakeup(en->net);
    return taken;
}

struct engine_fact *inbox_take(struct engine *en, unsigned max, unsigned *n)
{
    struct engine_fact *first;
    struct engine_fact *last = NULL;

    *n = 0;
    pthread_mutex_lock(&en->inbox_lock);
    first = en->inbox_head;
    for (struct engine_fact *f = first; f && *n < max; f = f->next) {
        last = f;
        (*n)++;
    }
    if (last) {
        en->inbox_head = last->next;
        last->next = NULL;
        if (!en->inbox_head)
            en->inbox_tail = &en->inbox_head;
        en->inbox_len -= *n;
        atomic_store_explicit(&en->n_inbox, en->inbox_len, memory_order_relaxed);
    }
    pthread_mutex_unlock(&en->inbox_lock);
    return first;
}

bool inbox_empty(struct engine *en)
{
    return atomic_load_explicit(&en->n_inbox, memory_order_relaxed) == 0;
}

void inbox_close(struct engine *en)
{
    struct err e = {.code = ERR_RETRY, .msg = "the daemon is stopping"};
    struct engine_fact *f;

    pthread_mutex_lock(&en->inbox_lock);
    en->inbox_closed = true;
    f = en->inbox_head;
    en->inbox_head = NULL;
    en->inbox_tail = &en->inbox_head;
    en->inbox_len = 0;
    atomic_store_explicit(&en->n_inbox, 0, memory_order_relaxed);
    pthread_mutex_unlock(&en->inbox_lock);
    while (f) {
        struct engine_fact *next = f->next; /* answer owns the fact and may free it */

        f->answer(f, ERR_RETRY, &e);
        f = next;
    }
}
