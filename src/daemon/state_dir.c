#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"

/* The marker of "this is not the first start": a restored copy of the folder without it starts with the switch engaged as well. */
#define STARTED_FILE "started"

static int check_mode(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_set(e, ERR_INTERNAL, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_INPUT, "%s is not a folder; choose another state_dir", path);
    if (st.st_uid != geteuid())
        return err_set(
            e, ERR_DENIED,
            "%s belongs to user %u, the daemon runs as %u; chown it or choose another state_dir",
            path, st.st_uid, geteuid());
    if (st.st_mode & 077)
        return err_set(e, ERR_DENIED, "%s can be read by others; run: chmod 700 %s", path, path);
    return 0;
}

int state_dir_open(const char *path, struct err *e)
{
    AUTO(buf_done) struct buf file = {0};

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_INTERNAL, "cannot create state_dir %s: %s", path, strerror(errno));
    if (check_mode(path, e) < 0)
        return e->code;
    buf_init(&file, 4096);
    buf_printf(&file, "%s/" STARTED_FILE, path);
    if (access(buf_str(&file), F_OK) == 0)
        return 0;
    if (kill_switch_engage(
            path, "system",
            "first start: look at 'triagectl doctor', then 'triagectl kill-switch release'", e) < 0)
        return e->code;

    FILE *f = fopen(buf_str(&file), "we");

    if (!f)
        return err_set(e, ERR_INTERNAL, "cannot write %s: %s", buf_str(&file), strerror(errno));
    fclose(f);
    return 0;
}
