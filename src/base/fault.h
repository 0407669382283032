#ifndef TRIAGED_BASE_FAULT_H
#define TRIAGED_BASE_FAULT_H

#include <stdbool.h>

/*
 * Development builds (TRIAGED_FAULTS=1) only; in release builds both compile to nothing.
 *
 * FAULT_POINT("gate.after_send"): TRIAGED_FAULT="gate.after_send:3:kill" makes the third pass through that point end
 * the process with SIGKILL (":abort", ":sleep=250" are the other acts).
 *
 * defence_off("readback"): true when TRIAGED_DEFENCE_OFF (a comma list) names it. Each defence of the threat model has
 * such a switch, so that a test can show that it goes red without the defence.
 */
#if TRIAGED_FAULTS
void fault_pass(const char *point);
bool defence_off(const char *name);
#    define FAULT_POINT(name) fault_pass(name)
#else
static inline bool defence_off(const char *name)
{
    (void)name;
    return false;
}
#    define FAULT_POINT(name) ((void)0)
#endif

#endif
