/*
 * origin.h: may a page of that origin open a connection (RFC 6454; RFC 6455, 10.2)?
 *
 * Compared are scheme, host and port, never text by prefix or suffix. Without a list only the page of the same host
 * may.
 */
#ifndef WS_ORIGIN_H
#define WS_ORIGIN_H

#include "head.h"

struct ws_origins {
    const char *const *allowed; /* beside the same origin; "*" alone: any */
    size_t count;
};

/* Can this stand in a list: "https://chat.example", "http://[::1]:8080"? */
bool ws_origin_valid(const char *origin);

/*
 * Judges a request: its Origin must be that of its host, as http, or one on the list; there may be one only. Without an
 * Origin it does not come from a page and may pass, unless it carries cookies, which only a page's would.
 */
bool ws_origin_allowed(const struct ws_origins *origins, const struct ws_head *head);

#endif
