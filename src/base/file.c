#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define SECRET_MAX_BYTES 4096

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Some file systems report a failed write only here. */
static int close_fd_checked(int *fd)
{
    int rc = close(*fd);

    *fd = -1;
    return rc;
}

static const char *why(void)
{
    return strerror(errno); /* NOLINT(concurrency-mt-unsafe): per thread since glibc 2.32 */
}

/*
 * The caller closes *fd also after a failure. O_NONBLOCK: opening a pipe by mistake must not hang start-up; it means
 * nothing for regular files.
 */
static int open_regular(const char *path, int *fd, struct stat *st, struct err *e)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*fd < 0)
        return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_INTERNAL,
                       "cannot open %s: %s", path, why());
    if (fstat(*fd, st) < 0)
        return err_set(e, ERR_INTERNAL, "cannot stat %s: %s", path, why());
    if (!S_ISREG(st->st_mode))
        return err_set(e, ERR_INPUT, "%s is not a regular file", path);
    return 0;
}

/* Until the end or until `room` bytes are there. */
static int read_some(int fd, char *p, size_t room, size_t *len)
{
    *len = 0;
    while (*len < room) {
        ssize_t n = read(fd, p + *len, room - *len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return 0;
}

int file_read(const char *path, size_t max_bytes, char **out, size_t *len, struct err *e)
{
    AUTO(close_fd) int fd = -1;
    AUTO(mem_freep) char *data = NULL;
    size_t room, used = 0, n;
    struct stat st = {0};

    if (open_regular(path, &fd, &st, e) < 0)
        return e->code;
    if (st.st_size < 0 || (uintmax_t)st.st_size > max_bytes)
        return err_set(e, ERR_INPUT, "%s is larger than %zu bytes", path, max_bytes);
    /* The size is a hint: a file may grow, and those of /proc say 0. One byte more than allowed shows the excess. */
    room = (size_t)st.st_size + 1;
    for (;;) {
        data = mem_grow(data, room + 1, 1);
        if (read_some(fd, data + used, room - used, &n) < 0)
            return err_set(e, ERR_INTERNAL, "cannot read %s: %s", path, why());
        used += n;
        if (used > max_bytes)
            return err_set(e, ERR_INPUT, "%s is larger than %zu bytes", path, max_bytes);
        if (used < room)
            break;
        room = room < max_bytes / 2 ? room * 2 : max_bytes + 1;
    }
    data[used] = '\0';
    *len = used;
    *out = TAKE(data);
    return 0;
}

static int write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_new(const char *path, const void *p, size_t len, unsigned mode, struct err *e)
{
    AUTO(close_fd) int fd = -1;

    /* What a crash left behind goes first; O_EXCL then refuses to follow a link someone put there. */
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(e, ERR_INTERNAL, "cannot remove %s: %s", path, why());
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    if (fd < 0)
        return err_set(e, ERR_INTERNAL, "cannot create %s: %s", path, why());
    if (write_all(fd, p, len) < 0)
        return err_set(e, ERR_INTERNAL, "cannot write %s: %s", path, why());
    if (fsync(fd) < 0)
        return err_set(e, ERR_INTERNAL, "cannot sync %s: %s", path, why());
    if (close_fd_checked(&fd) < 0)
        return err_set(e, ERR_INTERNAL, "cannot close %s: %s", path, why());
    return 0;
}

/* The new name itself is only durable once the folder is. */
static int sync_folder(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    AUTO(mem_freep)
    char *folder = !slash ? mem_strdup(".") : len == 0 ? mem_strdup("/") : mem_strndup(path, len);
    AUTO(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return err_set(e, ERR_INTERNAL, "cannot sync the folder of %s: %s", path, why());
    return 0;
}

int file_write_atomic(const char *path, const void *p, size_t len, unsigned mode, struct err *e)
{
    size_t path_len = strlen(path);
    AUTO(mem_freep) char *tmp = mem_alloc(path_len + sizeof(".tmp"));

    memcpy(tmp, path, path_len);
    memcpy(tmp + path_len, ".tmp", sizeof(".tmp"));
    if (write_new(tmp, p, len, mode, e) < 0) {
        unlink(tmp);
        return e->code;
    }
    if (rename(tmp, path) < 0) {
        err_set(e, ERR_INTERNAL, "cannot rename %s: %s", tmp, why());
        unlink(tmp);
        return e->code;
    }
    return sync_folder(path, e);
}

/* systemd hands credentials out in a folder that only the service sees; their mode is its business. */
static bool is_credential(const char *path)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever calls setenv */
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t len = folder ? strlen(folder) : 0;

    return len > 1 && folder[0] == '/' && strncmp(path, folder, len) == 0 && path[len] == '/' &&
           !strstr(path + len, "/../");
}

static int take_secret(const char *path, int fd, char *text, struct secret **out, struct err *e)
{
    size_t len;

    if (read_some(fd, text, SECRET_MAX_BYTES + 3, &len) < 0)
        return err_set(e, ERR_INTERNAL, "cannot read %s: %s", path, why());
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    if (len == 0)
        return err_set(e, ERR_INPUT, "%s is empty; put the secret into it", path);
    if (len > SECRET_MAX_BYTES)
        return err_set(e, ERR_INPUT, "%s is larger than %d bytes, which no secret is", path,
                       SECRET_MAX_BYTES);
    if (memchr(text, '\0', len))
        return err_set(e, ERR_INPUT, "%s contains a NUL byte; a secret is text", path);
    *out = secret_new(text, len);
    return 0;
}

int file_read_secret(const char *path, struct secret **out, struct err *e)
{
    AUTO(close_fd) int fd = -1;
    char text[SECRET_MAX_BYTES + 3]; /* a line break and one byte that shows an excess */
    struct stat st = {0};
    int rc;

    if (open_regular(path, &fd, &st, e) < 0)
        return e->code;
    if ((st.st_mode & 077) && !is_credential(path))
        return err_set(e, ERR_INPUT, "others may read %s; run: chmod 600 %s", path, path);
    rc = take_secret(path, fd, text, out, e);
    sodium_memzero(text, sizeof(text));
    return rc;
}
