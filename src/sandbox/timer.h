#ifndef TRIAGED_SANDBOX_TIMER_H
#define TRIAGED_SANDBOX_TIMER_H

#include <stdint.h>

#include "base/err.h"

/*
 * One thread for everything that happens later: held connections, late effects, planned incidents, and the world's own
 * clock (escalations that are due). Functions run without any lock held; any thread may add.
 */
int timer_start(struct err *e) MUST_CHECK;
void timer_add(int64_t delay_ms, void (*fn)(void *arg), void *arg);
/* Runs everything that still waits at once, then ends the thread; what is added later runs at once in timer_add. */
void timer_stop(void);

#endif
