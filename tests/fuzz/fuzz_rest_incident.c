/* Answers of REST about an incident and what stands around it; the first byte chooses the reader. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "pagerduty/pagerduty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_one(struct arena *a, unsigned which, const char *p, size_t n, struct err *e)
{
    union {
        struct pd_incident incident;
        struct pd_incidents incidents;
        struct pd_alerts alerts;
        struct pd_log_entries log;
        struct pd_pasts past;
        struct pd_relateds related;
        struct pd_outlier outlier;
        struct pd_changes changes;
        struct pd_service service;
        struct pd_policy policy;
        struct pd_oncalls oncalls;
        struct pd_dependencies dependencies;
        struct pd_users users;
        struct pd_subscriptions subscriptions;
        struct pd_maintenances maintenance;
        struct pd_error error;
    } u;
    int r;

    switch (which % 16) {
    case 0:
        r = pd_read_incident(a, p, n, &u.incident, e);
        if (r == 0 && !text_is_id(u.incident.id))
            abort();
        return r;
    case 1:
        r = pd_read_incidents(a, p, n, &u.incidents, e);
        if (r == 0 && (u.incidents.n > PD_LIST_MAX || u.incidents.n > u.incidents.seen))
            abort();
        return r;
    case 2:
        r = pd_read_alerts(a, p, n, &u.alerts, e);
        for (size_t i = 0; r == 0 && i < u.alerts.n; i++)
            if (!u.alerts.items[i].id || (u.alerts.items[i].details &&
                                          strlen(u.alerts.items[i].details) > PD_DETAILS_MAX_BYTES))
                abort();
        return r;
    case 3:
        r = pd_read_log_entries(a, p, n, &u.log, e);
        for (size_t i = 1; r == 0 && i < u.log.n; i++)
            if (u.log.items[i].at_ms < u.log.items[i - 1].at_ms)
                abort();
        return r;
    case 4:
        return pd_read_past(a, p, n, &u.past, e);
    case 5:
        return pd_read_related(a, p, n, &u.related, e);
    case 6:
        return pd_read_outlier(a, p, n, &u.outlier, e);
    case 7:
        return pd_read_changes(a, p, n, &u.changes, e);
    case 8:
        return pd_read_service(a, p, n, &u.service, e);
    case 9:
        return pd_read_policy(a, p, n, &u.policy, e);
    case 10:
        return pd_read_oncalls(a, p, n, "PEP1", &u.oncalls, e);
    case 11:
        return pd_read_dependencies(a, p, n, &u.dependencies, e);
    case 12:
        return pd_read_users(a, p, n, &u.users, e);
    case 13:
        return pd_read_subscriptions(a, p, n, &u.subscriptions, e);
    case 14:
        return pd_read_maintenance(a, p, n, &u.maintenance, e);
    default:
        pd_error_parse(NULL, 400, p, n, &u.error);
        if (strlen(u.error.message) >= sizeof(u.error.message) || !u.error.meaning)
            abort();
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    struct err e;
    int r;

    if (!a) {
        crypto_init();
        a = arena_new(PD_READ_ARENA_BYTES);
    }
    if (size == 0)
        return 0;
    r = read_one(a, data[0], (const char *)data + 1, size - 1, &e);
    if (r != 0 && r != ERR_INPUT)
        abort();
    arena_reset(a);
    return 0;
}
