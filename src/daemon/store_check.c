#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "daemon/daemon.h"

struct store_check {
    pthread_t thread;
    struct store *store;
    struct http_server *http;
    struct engine *engine;
    atomic_bool stop;
};

struct damage_fact {
    struct engine_fact fact;
    struct err found; /* code 0: sound */
};

static int damage_apply(struct engine_fact *f, struct engine_pass *p, struct err *e)
{
    const struct damage_fact *d = (const struct damage_fact *)f;

    if (d->found.code == 0) {
        ((struct world *)p->app)->store_sound = true;
        return engine_alarm_clear(p, "store.damaged", e);
    }
    return engine_alarm(
        p, "store.damaged", d->found.msg,
        "intake goes on and nothing is executed; stop the daemon and restore a backup (docs/security.md)",
        e);
}

static void damage_answer(struct engine_fact *f, int code, const struct err *e)
{
    (void)code;
    (void)e;
    mem_freep(&f);
}

static void tell(struct store_check *c, const struct err *found)
{
    struct damage_fact *d = mem_alloc(sizeof *d);

    d->fact.apply = damage_apply;
    d->fact.answer = damage_answer;
    if (found)
        d->found = *found;
    if (!engine_post(c->engine, &d->fact))
        mem_freep(&d);
}

static void *check_thread(void *arg)
{
    struct store_check *c = arg;
    struct err e = {0};
    bool done = false;
    int table = 0;

    while (!done && !atomic_load(&c->stop))
        if (store_quick_check_step(c->store, &table, &done, &e) < 0) {
            LOG(ERROR, "store.damaged", log_s("why", e.msg));
            tell(c, &e);
            return NULL;
        }
    if (done)
        tell(c, NULL);
    return NULL;
}

int store_check_start(const char *store_path, struct http_server *http, struct engine *engine,
                      struct store_check **out, struct err *e)
{
    struct store_check *c = mem_alloc(sizeof *c);
    const struct store_opts so = {.path = store_path, .read_only = true, .cache_kib = 1024};

    c->http = http;
    c->engine = engine;
    if (store_open(&so, &c->store, e) < 0) {
        mem_freep(&c);
        return e->code;
    }
    if (pthread_create(&c->thread, NULL, check_thread, c) != 0) {
        store_close(c->store);
        mem_freep(&c);
        return err_set(e, ERR_INTERNAL, "no thread for the store check");
    }
    *out = c;
    return 0;
}

void store_check_stop(struct store_check *c)
{
    if (!c)
        return;
    atomic_store(&c->stop, true);
    pthread_join(c->thread, NULL);
    store_close(c->store);
    mem_freep(&c);
}
