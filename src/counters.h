/*
 * counters.h: what API Gateway counts (chatroom_counters), for the stage and for each route; messages are counted where
 * they come and go.
 */
#ifndef CR_COUNTERS_H
#define CR_COUNTERS_H

#include "core.h"

/* A connection is opening, and its route is asked. */
void cr_count_connect(const chatroom_request *request, struct cr_route *route);

/* It was refused before an integration was asked. */
void cr_count_rejected(const chatroom_request *request);

/* Its integration answered with that result, or did not. Remembers how long it took. */
void cr_count_answer(chatroom_request *request, int result);

#endif
