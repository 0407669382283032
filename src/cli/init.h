#ifndef TRIAGED_CLI_INIT_H
#define TRIAGED_CLI_INIT_H

#include "cli/cli.h"

/* The files that init writes, compiled in from rules/, runbooks/ and etc/ (made by CMake). */
struct starter_file {
    const char *path; /* "rules/20-security.yaml", "policy.yaml" */
    const char *text;
    const size_t *len;
};
extern const struct starter_file starter_files[];
extern const size_t starter_files_len;

/* What a person typed, or said with flags. */
struct init_model {
    const char *url, *dialect, *name; /* url "": no model */
    struct secret *key;
};
struct answers {
    const char *dir, *config, *state_dir, *base_url, *from, *subscription, *bind, *zone;
    int64_t port;
    bool allow_private;
    struct secret *token, *webhook;
    struct init_model model;
};

/* init.c, for the part about the model. */
const char *init_ask(struct cli *c, const char *question, const char *def);
struct secret *init_ask_secret(const char *question);
/* From the file that a flag names, else from the environment. 0 or the exit code. */
int init_secret(struct cli *c, const char *flag, const char *env, struct secret **out);

/* init_model.c: the flags --model-...; 0 or the exit code. */
int init_model_read(struct cli *c, struct init_model *m);
void init_model_ask(struct cli *c, struct init_model *m);
/* There is a model elsewhere and no key was given for it. */
bool init_model_wants_key(const struct init_model *m);

/* A shipped file with every line a comment: to be taken piece by piece. */
void init_comment_out(struct buf *out, const char *text);

/*
 * The shipped triaged.yaml with answers in the place of its defaults; comments stay. section NULL: a key of the top level.
 * value NULL: the line becomes a comment. The first line with that key counts, also one that is commented out;
 * so is a whole section ("# model:"), which an edit of it brings to life.
 */
struct init_edit {
    const char *section, *key, *value;
    bool plain; /* a number or true/false: not quoted */
};
void init_render(struct buf *out, const char *example, const struct init_edit *edits, size_t n);

#define MODEL_EDITS    6
#define INIT_MODEL_KEY "model-key"
/* The lines of the section, none without a model. Returns how many. */
size_t init_model_edits(const struct init_model *m, struct init_edit edits[MODEL_EDITS]);

#endif
