#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/http_priv.h"

#define BEARER "Bearer "

/* The control socket's file is 0600, and its peer must be root or the daemon's own user as well. */
static bool peer_is_trusted(struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred cred;
    socklen_t len = sizeof cred;

    if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return false;
    return cred.uid == 0 || cred.uid == geteuid();
}

static int by_token(struct request *r, const char *token, struct err *e)
{
    struct http_readers *rd = http_readers_get(r->server, e);

    if (!rd)
        return e->code;
    if (people_token_check(rd->people, token, &r->caller.person, e) < 0)
        return e->code;
    r->caller.kind = CALLER_PERSON;
    return 0;
}

int auth_check(struct request *r, const struct route *route, struct err *e)
{
    const char *header =
        MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

    if (route->role == ROLE_NONE)
        return 0;
    if (r->control && !peer_is_trusted(r))
        return err_set(e, ERR_DENIED,
                       "the control socket serves root and the daemon's own user only");
    if (header && strncasecmp(header, BEARER, strlen(BEARER)) == 0) {
        if (by_token(r, header + strlen(BEARER), e) < 0)
            return e->code;
        if (!role_includes(r->caller.person.role, route->role))
            return err_set(e, ERR_DENIED, "this needs the role %s; yours is %s",
                           role_name(route->role), role_name(r->caller.person.role));
        if (r->caller.person.agent && !(route->flags & ROUTE_AGENT))
            return err_set(e, ERR_DENIED,
                           "an agent's account may read and propose; this needs a person");
        return 0;
    }
    if (r->control && (route->flags & ROUTE_LOCAL)) {
        r->caller.kind = CALLER_LOCAL;
        return 0;
    }
    r->caller.kind = CALLER_NOBODY;
    return err_set(
        e, ERR_DENIED, "%s",
        r->control
            ? "this needs a person: put your token into ~/.config/triaged/token or TRIAGED_TOKEN_FILE"
            : "send your token as 'Authorization: Bearer ...'");
}
