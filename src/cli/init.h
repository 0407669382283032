#ifndef TRIAGED_CLI_INIT_H
#define TRIAGED_CLI_INIT_H

#include "cli/cli.h"

/* The files that init writes, compiled in from rules/ and etc/ (made by CMake). */
struct starter_file {
    const char *path; /* "rules/20-security.yaml", "policy.yaml" */
    const char *text;
    const size_t *len;
};
extern const struct starter_file starter_files[];
extern const size_t starter_files_len;

/*
 * The shipped triaged.yaml with answers in the place of its defaults; comments stay. section NULL: a key of the top level.
 * value NULL: the line becomes a comment. The first line with that key counts, also one that is commented out.
 */
struct init_edit {
    const char *section, *key, *value;
    bool plain; /* a number or true/false: not quoted */
};
void init_render(struct buf *out, const char *example, const struct init_edit *edits, size_t n);

#endif
