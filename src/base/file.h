#ifndef TRIAGED_BASE_FILE_H
#define TRIAGED_BASE_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* The whole file, at most max_bytes, malloc'ed and NUL-terminated. ERR_NOT_FOUND, ERR_INPUT (too large), ERR_INTERNAL. */
int file_read(const char *path, size_t max_bytes, char **out, size_t *len, struct err *e)
    MUST_CHECK;
/* Writes path.tmp, fsyncs, renames, fsyncs the folder. mode as for open(2). */
int file_write_atomic(const char *path, const void *p, size_t len, unsigned mode, struct err *e)
    MUST_CHECK;
/*
 * A secret from a file: one trailing line break is removed. Refuses files that others may read (mode & 077, unless
 * the file is below $CREDENTIALS_DIRECTORY), empty ones and ones over 4 KiB.
 */
int file_read_secret(const char *path, struct secret **out, struct err *e) MUST_CHECK;

#endif
