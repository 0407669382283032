#include "http/http_priv.h"

#define READER_CACHE_KIB 1024
#define REQUEST_LIMIT_MS 1000

/* Read-only connections, one set per http thread: opened with its first request that reads, closed when the thread ends. */
void http_readers_close(void *readers)
{
    struct http_readers *rd = readers;

    triage_reader_close(rd->triage);
    gate_reader_close(rd->gate);
    llm_reader_close(rd->llm);
    audit_reader_close(rd->audit);
    people_close(rd->people);
    queue_close(rd->queue);
    store_close(rd->store); /* the statements go with it */
    mem_freep(&rd);
}

struct http_readers *http_readers_get(struct http_server *s, struct err *e)
{
    struct http_readers *rd = pthread_getspecific(s->readers_key);
    const struct store_opts so = {
        .path = s->store_path, .read_only = true, .cache_kib = READER_CACHE_KIB};

    if (rd)
        return rd;
    rd = mem_alloc(sizeof *rd);
    if (store_open(&so, &rd->store, e) < 0 || triage_reader_open(rd->store, &rd->triage, e) < 0 ||
        gate_reader_open(rd->store, &rd->gate, e) < 0 ||
        llm_reader_open(rd->store, &rd->llm, e) < 0 ||
        audit_reader_open(rd->store, &rd->audit, e) < 0 ||
        people_open(rd->store, NULL, &rd->people, e) < 0 ||
        queue_open(rd->store, 0, &rd->queue, e) < 0 ||
        engine_reader_prepare(rd->store, &rd->alarms, e) < 0) {
        http_readers_close(rd);
        return NULL;
    }
    store_limit_ms(rd->store, REQUEST_LIMIT_MS);
    if (pthread_setspecific(s->readers_key, rd) != 0) {
        http_readers_close(rd);
        (void)err_retry(e, 1, "no memory for this thread's connections to the store");
        return NULL;
    }
    return rd;
}
