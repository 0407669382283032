#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "gate/gate_priv.h"

/* A file, so that it works with the daemon down, survives restarts, and costs one stat(2) before each send. */
#define SWITCH_FILE      "kill-switch"
#define SWITCH_MAX_BYTES 4096

static void switch_path(const char *state_dir, char out[4096])
{
    int len = snprintf(out, 4096, "%s/" SWITCH_FILE, state_dir);

    CHECK(len > 0 && len < 4096);
}

/* What cannot be looked at counts as engaged. */
bool kill_switch_engaged(const char *state_dir)
{
    char path[4096];
    struct stat st;

    switch_path(state_dir, path);
    return lstat(path, &st) == 0 || errno != ENOENT;
}

int kill_switch_engage(const char *state_dir, const char *who, const char *why, struct err *e)
{
    AUTO(buf_done) struct buf b = {0};
    char path[4096], iso[TIME_ISO_MAX];

    switch_path(state_dir, path);
    buf_init(&b, SWITCH_MAX_BYTES);
    text_show(&b, who, strlen(who), 200, true);
    buf_printf(&b, ", %s: ", time_format_iso(clock_wall_ms(), false, iso));
    text_show(&b, why ? why : "", why ? strlen(why) : 0, 1000, true);
    buf_putc(&b, '\n');
    return file_write_atomic(path, b.data, b.len, 0600, e);
}

int kill_switch_release(const char *state_dir, struct err *e)
{
    char path[4096];

    switch_path(state_dir, path);
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    return err_set(e, ERR_INTERNAL, "cannot remove %.180s: %s", path, strerror(errno));
}

void kill_switch_reason(const char *state_dir, struct buf *out)
{
    AUTO(mem_freep) char *text = NULL;
    char path[4096];
    struct err e = {0};
    size_t len;

    if (!kill_switch_engaged(state_dir))
        return;
    switch_path(state_dir, path);
    if (file_read(path, SWITCH_MAX_BYTES, &text, &len, &e) < 0) {
        buf_puts(out, "engaged; its file cannot be read");
        return;
    }
    text_show(out, text, strcspn(text, "\r\n"), SWITCH_MAX_BYTES, true);
}
