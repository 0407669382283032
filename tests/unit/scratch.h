#ifndef TRIAGED_TESTS_SCRATCH_H
#define TRIAGED_TESTS_SCRATCH_H

/* A temporary folder with room for one store. cmocka.h must be included before. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define SCRATCH_FOLDER 64
#define SCRATCH_PATH   96

static inline void must(int rc, const struct err *e)
{
    if (rc < 0)
        fail_msg("%s: %s", err_name(e->code), e->msg);
}

/* folder: a new one; path: of the store in it, which is not made. */
static inline void scratch_make(char folder[SCRATCH_FOLDER], char path[SCRATCH_PATH])
{
    (void)snprintf(folder, SCRATCH_FOLDER, "/tmp/triaged-unit.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, SCRATCH_PATH, "%s/store.db", folder);
}

static inline void scratch_remove(const char *folder, const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    char name[SCRATCH_PATH + 8];

    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, tails[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

#endif
