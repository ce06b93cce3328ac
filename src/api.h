/*
 * api.h: what the API is called: its id, stage and variables, and the domains it is known under; and which part of a
 * URL belongs to it.
 */
#ifndef CR_API_H
#define CR_API_H

#include "core.h"

/* Whether that can stand for a host in URLs, and in a session's record. */
bool cr_api_is_host(const char *text);

/* Copies what the configuration says. Errors: ENOMEM. */
int cr_api_init(chatroom *c, const struct chatroom_config *config);
void cr_api_fini(chatroom *c);

/* Where a request goes. Borrowed from the request head and the instance. */
struct cr_place {
    chatroom_span domain; /* as chatroom_request_info.domain_name */
    chatroom_span path;   /* as chatroom_request_info.domain_path */
    chatroom_span rest;   /* of the URL's path, behind that: "", "/", "/@connections/…" */
    bool any;             /* clients may come to any path */
};

/* False: that URL is not of this API. */
bool cr_api_place(const chatroom *c, const struct chatroom_request_head *head, struct cr_place *ret_place);

/* The value of the only header of that name, which is given in lower case; empty: there is none, or several. */
chatroom_span cr_api_header(const struct chatroom_request_head *head, const char *name);

#endif
