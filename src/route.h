/*
 * route.h: which handler an event goes to, and how often a connection may call it.
 */
#ifndef CR_ROUTE_H
#define CR_ROUTE_H

#include "core.h"

/* The route of that key, or NULL. */
struct cr_route *cr_route_find(const chatroom *c, chatroom_span key);

/*
 * The route of a message: the one that the selection expression names, else $default. NULL: there is none.
 * Errors: CHATROOM_ENOMEM.
 */
int cr_route_select(chatroom_request *request, const struct cr_route **ret_route);

/* Whether the connection may use the route once more now. Errors: ELIMIT, ENOMEM. */
int cr_route_admit(chatroom_connection *connection, const struct cr_route *route);

void cr_routes_free(chatroom *c);

#endif
