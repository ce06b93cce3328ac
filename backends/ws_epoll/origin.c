#include "origin.h"

struct origin {
    chatroom_span scheme;
    chatroom_span host;
    unsigned port; /* 0: none, and the scheme has no usual one */
};

static unsigned usual_port(chatroom_span scheme)
{
    if (ws_same_word(scheme, chatroom_str("http")))
        return 80;
    return ws_same_word(scheme, chatroom_str("https")) ? 443 : 0;
}

/* "host:port" or "host"; an authority by ws_is_authority(). False: a port out of range. */
static bool split(chatroom_span authority, struct origin *origin)
{
    size_t at = authority.size;
    unsigned port = 0;

    while (at > 0 && authority.bytes[at - 1] != ':' && authority.bytes[at - 1] != ']')
        at--;
    origin->host = authority;
    origin->port = usual_port(origin->scheme);
    if (at == 0 || authority.bytes[at - 1] == ']')
        return true;
    origin->host.size = at - 1;
    if (at == authority.size)
        return true; /* "host:" */
    for (; at < authority.size; at++)
        port = port * 10 + (unsigned)(authority.bytes[at] - '0');
    origin->port = port;
    return port > 0 && port < 65536;
}

/* RFC 6454, 6.2: scheme "://" host [ ":" port ], and nothing else. */
static bool parse(chatroom_span text, struct origin *ret_origin)
{
    const char *colon = text.size > 0 ? memchr(text.bytes, ':', text.size) : NULL;
    size_t scheme = colon ? (size_t)(colon - text.bytes) : 0;
    chatroom_span authority;

    if (scheme == 0 || text.size - scheme < 3 || memcmp(colon, "://", 3) != 0)
        return false;
    ret_origin->scheme = chatroom_bytes(text.bytes, scheme);
    authority = chatroom_bytes(colon + 3, text.size - scheme - 3);
    return ws_is_token(ret_origin->scheme) && ws_is_authority(authority) &&
           authority.bytes[authority.size - 1] != ':' && split(authority, ret_origin);
}

static bool same(const struct origin *a, const struct origin *b)
{
    return ws_same_word(a->scheme, b->scheme) && ws_same_word(a->host, b->host) && a->port == b->port;
}

bool ws_origin_valid(const char *origin)
{
    struct origin parsed;

    return parse(chatroom_str(origin), &parsed);
}

static bool listed(const struct ws_origins *origins, const struct origin *origin)
{
    struct origin allowed;

    for (size_t i = 0; i < origins->count; i++)
        if (parse(chatroom_str(origins->allowed[i]), &allowed) && same(&allowed, origin))
            return true;
    return false;
}

bool ws_origin_allowed(const struct ws_origins *origins, const struct ws_head *head)
{
    struct origin origin, own = {.scheme = chatroom_str("http")};
    chatroom_span text, other;

    if (origins->count == 1 && strcmp(origins->allowed[0], "*") == 0)
        return true;
    if (!ws_head_field(head, "Origin", 0, &text))
        return !ws_head_field(head, "Cookie", 0, &other);
    if (ws_head_field(head, "Origin", 1, &other) || !parse(text, &origin))
        return false;
    return (split(head->host, &own) && same(&own, &origin)) || listed(origins, &origin);
}
