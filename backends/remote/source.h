/*
 * source.h: expressions that pick a value out of an event: "route.request.header.X", "context.connectionId", …
 */
#ifndef REMOTE_SOURCE_H
#define REMOTE_SOURCE_H

#include "text.h"

#include <chatroom/request.h>

enum remote_source_kind {
    REMOTE_HEADER,  /* the last of that name */
    REMOTE_HEADERS, /* each of them */
    REMOTE_QUERY,
    REMOTE_QUERIES,
    REMOTE_BODY, /* name: the path into it, or empty */
    REMOTE_VARIABLE,
    REMOTE_CONTEXT,
    REMOTE_LITERAL, /* name: the text itself */
};

/* Borrowed from the expression. */
struct remote_source {
    enum remote_source_kind kind;
    chatroom_span name;
};

/* False: no such expression. */
bool remote_source_parse(chatroom_span expression, struct remote_source *ret_source);

/* Gets a value, borrowed for the call. */
typedef void remote_value_fn(void *arg, chatroom_span value);

/* What is there: none, one, or for HEADERS and QUERIES several, in order. scratch is for values that must be decoded;
 * once it has failed some may be missing. */
void remote_source_each(const struct remote_source *source, const struct chatroom_request_info *info,
                        chatroom_span body, struct remote_text *scratch, remote_value_fn *each, void *arg);

#endif
