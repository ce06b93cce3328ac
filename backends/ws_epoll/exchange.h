/*
 * exchange.h: plain requests of the core's, with threads. The worker tells the head, hears whether it is wanted, reads
 * the body, tells all of it and hears the answer. Each goes to the owner and comes back in one node, so that only the
 * way there needs memory; a connection has one on its way at most, and may be over when it comes back.
 */
#ifndef WS_EXCHANGE_H
#define WS_EXCHANGE_H

#include "connection.h"

/* Of struct ws_up, on the worker's thread. */
void ws_exchange_wanted(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head);
void ws_exchange_request(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_request *request);

#endif
