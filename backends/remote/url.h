/*
 * url.h: the URLs that a target may have.
 */
#ifndef REMOTE_URL_H
#define REMOTE_URL_H

#include <chatroom/base.h>

/* Borrowed from the text. */
struct remote_url {
    chatroom_span scheme;    /* http or https, in any case of letters */
    chatroom_span authority; /* host and perhaps port, as for Host */
    chatroom_span target;    /* what stands behind: "/a?b", "", "?b" */
};

/* False: not http or https, no host, a user, a fragment, or an octet that is no visible ASCII. */
bool remote_url_parse(chatroom_span text, struct remote_url *ret_url);

/* A token of RFC 9110: what names a header or a method. */
bool remote_is_token(chatroom_span text);

/* The same letters, in any case of them. */
bool remote_same_word(chatroom_span a, chatroom_span b);

#endif
