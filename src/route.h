/*
 * route.h: which handler an event goes to, what it may do, and how often it may be called.
 */
#ifndef CR_ROUTE_H
#define CR_ROUTE_H

#include "core.h"

#define CR_ROUTE_KEY_MOST 1024 /* bytes */

/* The route of that key, or NULL. */
struct cr_route *cr_route_find(const chatroom *c, chatroom_span key);

/* The route of a message: the one that the selection expression names, else $default. NULL: there is none. */
struct cr_route *cr_route_select(chatroom_request *request);

/* Whether an event may go to the route (may be NULL) once more now, by the throttles of stage and route. */
bool cr_route_throttle(chatroom *c, struct cr_route *route);

/* Whether the connection may use the route once more now. Errors: ELIMIT, ENOMEM. */
int cr_route_admit(chatroom_connection *connection, const struct cr_route *route);

/* Whether the request may do that, by its route. Says so in the log if not. */
bool cr_route_may(const chatroom_request *request, uint32_t what, const char *effect);

void cr_routes_free(chatroom *c);

#endif
