#ifndef TRIAGED_HTTP_API_H
#define TRIAGED_HTTP_API_H

#include "http/http_priv.h"

/* The rows of /api/v1; src/http/openapi.json describes the same set and a test compares them. */
extern const struct route api_routes[];
extern const size_t api_routes_len;

#endif
