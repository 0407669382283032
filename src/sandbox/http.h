#ifndef TRIAGED_SANDBOX_HTTP_H
#define TRIAGED_SANDBOX_HTTP_H

#include "base/err.h"

/* The listener on 127.0.0.1; port 0 takes any and *port says which. */
int http_start(unsigned short *port, struct err *e) MUST_CHECK;
/* Refuses new connections; the timer must be stopped between the two, for it resumes what is held. */
void http_quiesce(void);
void http_stop(void);

#endif
