#ifndef TRIAGED_BASE_ATTR_H
#define TRIAGED_BASE_ATTR_H

/* Compiler attributes that the code reads as words. */
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN          __attribute__((noreturn))
#define NONSTRING         __attribute__((nonstring))

/* Releases a handle on every way out of the scope: AUTO(x_freep) struct x *x = NULL; */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Passes ownership on: yields the pointer and leaves NULL behind, so that AUTO releases nothing. */
#define TAKE(p)                    \
    __extension__({                \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * For our own bugs, never for input. Stays on in release builds and aborts: everything durable is on disk,
 * so a restart is safer than going on.
 */
#define CHECK(cond)                                  \
    do {                                             \
        if (!(cond))                                 \
            check_failed(#cond, __FILE__, __LINE__); \
    } while (0)

NORETURN void check_failed(const char *cond, const char *file, int line);

#endif
