#include "base/fault.h"

#if TRIAGED_FAULTS

#    include <pthread.h>
#    include <signal.h>
#    include <stdatomic.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>
#    include <time.h>
#    include <unistd.h>

#    include "base/attr.h"
#    include "base/mem.h"
#    include "base/text.h"

#    define FAULTS_MAX   8
#    define SLEEP_MAX_MS 600000

enum act {
    ACT_KILL,
    ACT_ABORT,
    ACT_SLEEP
};

struct fault {
    const char *point;
    long pass; /* acts on this pass, counted from 1 */
    enum act act;
    long sleep_ms;
    atomic_long passed;
};

static struct fault faults[FAULTS_MAX];
static size_t fault_count;
static char *defences; /* ",readback,policy," so that one search finds a whole name */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A mistyped fault would make a crash test pass for nothing, so it stops the process. */
static void read_act(struct fault *f, const char *act)
{
    struct err e;
    int64_t ms;

    if (text_eq(act, "kill")) {
        f->act = ACT_KILL;
    } else if (text_eq(act, "abort")) {
        f->act = ACT_ABORT;
    } else {
        CHECK(act && text_starts(act, "sleep="));
        CHECK(parse_i64(act + strlen("sleep="), 0, SLEEP_MAX_MS, &ms, &e) == 0);
        f->act = ACT_SLEEP;
        f->sleep_ms = (long)ms;
    }
}

static void read_fault(char *text)
{
    char *pass = strchr(text, ':');
    char *act = pass ? strchr(pass + 1, ':') : NULL;
    struct fault *f = &faults[fault_count];
    struct err e;
    int64_t n;

    CHECK(fault_count < FAULTS_MAX);
    CHECK(pass && act); /* TRIAGED_FAULT is POINT:PASS:ACT */
    *pass++ = '\0';
    *act++ = '\0';
    CHECK(parse_i64(pass, 1, 1000000000, &n, &e) == 0);
    f->point = text;
    f->pass = (long)n;
    read_act(f, act);
    fault_count++;
}

static void read_environment(void)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): nothing here ever calls setenv */
    const char *fault_list = getenv("TRIAGED_FAULT");
    const char *off = getenv("TRIAGED_DEFENCE_OFF");
    /* NOLINTEND(concurrency-mt-unsafe) */

    if (fault_list && *fault_list) {
        char *text =
            mem_strdup(fault_list); /* lives as long as the process: points borrow from it */
        char *rest = text;

        while (rest) {
            char *one = strsep(&rest, ",");

            if (*one)
                read_fault(one);
        }
        if (fault_count == 0)
            free(text);
    }
    if (off && *off) {
        size_t size = strlen(off) + 3;

        defences = mem_alloc(size);
        snprintf(defences, size, ",%s,", off);
    }
}

static void act_now(const struct fault *f)
{
    struct timespec ts = {f->sleep_ms / 1000, f->sleep_ms % 1000 * 1000000};

    switch (f->act) {
    case ACT_KILL:
        kill(getpid(), SIGKILL);
        pause(); /* the signal is on its way */
        break;
    case ACT_ABORT:
        abort();
    case ACT_SLEEP:
        nanosleep(&ts, NULL);
        break;
    }
}

void fault_pass(const char *point)
{
    CHECK(pthread_once(&once, read_environment) == 0);
    for (size_t i = 0; i < fault_count; i++)
        if (text_eq(faults[i].point, point) &&
            atomic_fetch_add(&faults[i].passed, 1) + 1 == faults[i].pass)
            act_now(&faults[i]);
}

bool defence_off(const char *name)
{
    const char *at;
    size_t len = strlen(name);

    CHECK(pthread_once(&once, read_environment) == 0);
    if (!defences)
        return false;
    for (at = defences; (at = strstr(at, name)) != NULL; at++)
        if (at[-1] == ',' && at[len] == ',')
            return true;
    return false;
}

#endif
