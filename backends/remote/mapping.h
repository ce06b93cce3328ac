/*
 * mapping.h: what of an event goes into the headers and the query of a request.
 */
#ifndef REMOTE_MAPPING_H
#define REMOTE_MAPPING_H

#include "source.h"

enum remote_place {
    REMOTE_IN_HEADER,
    REMOTE_IN_QUERY,
};

/* Borrowed from the expressions. */
struct remote_mapping {
    enum remote_place place;
    chatroom_span name;
    struct remote_source source;
};

/* False: destination or source is no such expression, or the header belongs to the connection or to us. */
bool remote_mapping_parse(chatroom_span destination, chatroom_span source, struct remote_mapping *ret_mapping);

/* Adds "name=value" to a URL, with '?' or '&' before it, for each value. */
void remote_mapping_add_query(const struct remote_mapping *mapping, const struct chatroom_request_info *info,
                              chatroom_span body, struct remote_text *scratch, struct remote_text *url);

/* Adds a header line (see call.h) for each value. */
void remote_mapping_add_headers(const struct remote_mapping *mapping, const struct chatroom_request_info *info,
                                chatroom_span body, struct remote_text *scratch, struct remote_text *headers);

/* Adds "name: value" and a NUL; for an empty value "name;", which is how libcurl wants it. */
void remote_add_header(struct remote_text *headers, chatroom_span name, chatroom_span value);

#endif
