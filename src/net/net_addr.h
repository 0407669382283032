#ifndef TRIAGED_NET_NET_ADDR_H
#define TRIAGED_NET_NET_ADDR_H

#include <stddef.h>
#include <sys/socket.h>

/*
 * May a public peer live at this address? NULL when it may, else the word for why not ("loopback", "private"). Pure.
 * Judged is the address that a socket is about to be connected to, so the spelling in the URL and what a name server
 * answered a moment ago do not matter (threat model S1).
 */
const char *net_addr_refused(const struct sockaddr *sa, size_t len);

/* The same for the text form that libcurl reports of a live connection. What cannot be read is refused. */
const char *net_addr_refused_text(const char *ip);

#endif
