#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/store_priv.h"

/*
 * WAL needs shared memory and locks that every process on the file sees at once; network file systems do not promise
 * that, and a broken lock is a broken database. Numbers as in linux/magic.h and statfs(2).
 */
#define FS_FUSE 0x65735546L

static const struct {
    long type;
    const char *name;
} refused_fs[] = {
    {0x6969L, "NFS"},     {0x517BL, "SMB"},      {0xFF534D42L, "CIFS"},   {0xFE534D42L, "SMB2"},
    {0x5346414FL, "AFS"}, {0x00C36400L, "Ceph"}, {0x01021997L, "9P"},     {0x73757245L, "Coda"},
    {0x564CL, "NCP"},     {FS_FUSE, "FUSE"},     {0x0BD00BD0L, "Lustre"},
};

const char *store_fs_refused(long statfs_type, bool allow_fuse)
{
    /* f_type is signed on some machines: CIFS then arrives negative. */
    long type = statfs_type & 0xFFFFFFFFL;

    for (size_t i = 0; i < ARRAY_LEN(refused_fs); i++)
        if (refused_fs[i].type == type && !(type == FS_FUSE && allow_fuse))
            return refused_fs[i].name;
    return NULL;
}

int store_check_fs(const char *path, struct err *e)
{
    AUTO(mem_freep) char *copy = mem_strdup(path);
    const char *folder = dirname(copy);
    struct statfs fs;
    const char *name;

    if (statfs(folder, &fs) < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL,
                       "folder %.120s: %s; create it or correct the path", folder, strerror(errno));
    name = store_fs_refused((long)fs.f_type, defence_off("netfs"));
    if (name)
        return err_set(e, ERR_INPUT,
                       "%.120s is on %s, where file locks cannot be trusted; use a local disk",
                       path, name);
    return 0;
}

static long holder_pid(int fd)
{
    char text[24] = {0};

    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    return strtol(text, NULL, 10);
}

int store_lock(const char *path, int *locked_fd, struct err *e)
{
    char name[4096], pid[24];
    int fd, len;

    len = snprintf(name, sizeof name, "%s.lock", path);
    if (len < 0 || (size_t)len >= sizeof name)
        return err_set(e, ERR_INPUT, "the path of the store is too long");
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(e, ERR_INTERNAL, "lock file %.120s: %s; the folder must be writable for us",
                       name, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        long holder = holder_pid(fd);

        (void)close(fd);
        if (code == EWOULDBLOCK)
            return err_set(e, ERR_CONFLICT,
                           "%.120s is open for writing in process %ld; stop that one first", path,
                           holder);
        return err_set(e, ERR_INTERNAL, "lock file %.120s: %s", name, strerror(code));
    }
    /* Only for the message above; the lock itself is the flock, which dies with the process. */
    len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
        err_set(e, ERR_INTERNAL, "lock file %.120s: %s; is the disk full?", name, strerror(errno));
        (void)close(fd);
        return e->code;
    }
    *locked_fd = fd;
    return 0;
}

int store_make_file(const char *path, struct err *e)
{
    struct stat st;
    int fd;

    if (stat(path, &st) == 0) {
        /* Never opened here: closing any descriptor of the file would drop SQLite's own locks in this process. */
        if ((st.st_mode & 077) != 0 && chmod(path, 0600) < 0)
            return err_set(e, ERR_INTERNAL, "%.120s: cannot make it private (0600): %s", path,
                           strerror(errno));
        return 0;
    }
    /* SQLite gives -wal and -shm the mode of the database, so making it here makes all three private. */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(e, ERR_INTERNAL, "%.120s: cannot create the store: %s", path,
                       strerror(errno));
    (void)close(fd);
    return 0;
}
