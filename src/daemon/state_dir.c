#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "daemon/daemon.h"

/* The marker of "this is not the first start". */
#define STARTED_FILE "started"
#define KEY_FILE     "redaction-key"

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

/*
 * The file holds its own inode number: a folder that was copied back from somewhere has another one. Then the store may be older than
 * what was done since, so nothing is executed before a person has looked.
 */
static bool started_here(const char *file)
{
    AUTO(mem_freep) char *text = NULL;
    struct err e = {0};
    struct stat st;
    size_t len;

    if (stat(file, &st) != 0 || file_read(file, 64, &text, &len, &e) < 0)
        return false;
    return strtoull(text, NULL, 10) == (unsigned long long)st.st_ino;
}

static int started_write(const char *file, struct err *e)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat st;
    bool good = fd >= 0 && fstat(fd, &st) == 0 &&
                dprintf(fd, "%llu\n", (unsigned long long)st.st_ino) > 0 && fsync(fd) == 0;

    if (!good)
        (void)err_set(e, ERR_INTERNAL, "cannot write %s: %s", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good ? 0 : e->code;
}

int state_dir_open(const char *path, struct err *e)
{
    AUTO(buf_done) struct buf file = {0};
    bool first;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_INTERNAL, "cannot create state_dir %s: %s", path, strerror(errno));
    if (check_mode(path, e) < 0)
        return e->code;
    buf_init(&file, 4096);
    buf_printf(&file, "%s/" STARTED_FILE, path);
    if (started_here(buf_str(&file)))
        return 0;
    first = access(buf_str(&file), F_OK) != 0;
    if (kill_switch_engage(path, "system",
                           first ? "first start: look at 'triagectl doctor', then 'triagectl "
                                   "kill-switch release'"
                                 : "this folder was restored or copied: what was done since may be "
                                   "missing here. Look at the open incidents in PagerDuty and at "
                                   "'triagectl doctor', then 'triagectl kill-switch release'",
                           e) < 0)
        return e->code;
    return started_write(buf_str(&file), e);
}

int redaction_key_open(const char *state_dir, uint8_t key[REDACT_KEY_BYTES], struct err *e)
{
    AUTO(buf_done) struct buf path = {0};
    AUTO(mem_freep) char *text = NULL;
    char hex[2 * REDACT_KEY_BYTES + 2];
    size_t len;
    int rc;

    buf_init(&path, 4096);
    buf_printf(&path, "%s/" KEY_FILE, state_dir);
    rc = file_read(buf_str(&path), sizeof hex, &text, &len, e);
    if (rc == 0) {
        if (len >= 2 * REDACT_KEY_BYTES &&
            hex_decode(text, 2 * REDACT_KEY_BYTES, key, REDACT_KEY_BYTES))
            return 0;
        return err_set(e, ERR_INPUT,
                       "%s is damaged; remove it (placeholders in what was asked before then no "
                       "longer match new ones)",
                       buf_str(&path));
    }
    if (rc != ERR_NOT_FOUND)
        return rc;
    *e = (struct err){0};
    crypto_random(key, REDACT_KEY_BYTES);
    hex_encode(key, REDACT_KEY_BYTES, hex);
    hex[2 * REDACT_KEY_BYTES] = '\n';
    return file_write_atomic(buf_str(&path), hex, 2 * REDACT_KEY_BYTES + 1, 0600, e);
}
