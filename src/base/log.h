#ifndef TRIAGED_BASE_LOG_H
#define TRIAGED_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One line per event on stderr, JSON or text; typed fields, escaped by the logger (no raw byte below 0x20 or
 * 0x7f..0x9f ever leaves). Events are "room.verb". Never a token, a signature or a message body.
 * Any thread. A line is written with one write(2).
 */
enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR
};
enum log_type {
    LOG_TYPE_END,
    LOG_TYPE_STR,
    LOG_TYPE_INT,
    LOG_TYPE_BOOL
};

struct log_field {
    const char *name;
    enum log_type type;
    const char *str; /* NULL prints null; cut at 512 bytes on a character boundary */
    int64_t num;
};

static inline struct log_field log_s(const char *name, const char *value)
{
    return (struct log_field){name, LOG_TYPE_STR, value, 0};
}
static inline struct log_field log_i(const char *name, int64_t value)
{
    return (struct log_field){name, LOG_TYPE_INT, 0, value};
}
static inline struct log_field log_b(const char *name, bool value)
{
    return (struct log_field){name, LOG_TYPE_BOOL, 0, value};
}

void log_setup(enum log_level least, bool json); /* any thread; default INFO, text */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
bool log_enabled(enum log_level level);

/* LOG(INFO, "llm.reply", log_i("job", j->id), log_s("model", m)); at least one field. */
#define LOG(level, event, ...)          \
    log_write(LOG_LEVEL_##level, event, \
              (const struct log_field[]){__VA_ARGS__, {0, LOG_TYPE_END, 0, 0}})

#endif
