#ifndef TRIAGED_PAGERDUTY_PD_REQUEST_H
#define TRIAGED_PAGERDUTY_PD_REQUEST_H

#include "pagerduty/pagerduty.h"

/* The parts of a request that reading and writing share. None of them sets net_req.write. */

#define PD_REQUEST_URL_MAX_BYTES 8192

/* Everything but unreserved characters (RFC 3986) becomes %XX, the brackets of "ids[]" too. */
void pd_percent(struct buf *out, const char *s);
/* base URL and path with {id} and {note_id} filled in; both must be ids where the path has them. */
int pd_request_path(struct buf *url, const struct pd_client *c, const struct pd_op *op,
                    const char *id, const char *note_id, struct err *e) MUST_CHECK;
/* Method, URL, credential and the headers that every call carries. */
int pd_request_begin(struct arena *a, const struct pd_client *c, const struct pd_op *op,
                     const struct buf *url, struct net_req *out, struct err *e) MUST_CHECK;
void pd_request_header(struct net_req *r, const char *name, const char *value);

#endif
