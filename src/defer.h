/*
 * defer.h: requests whose answer was put off, until they are resumed or their time is over.
 *
 * Those of a route wait equally long, so each route's list is in the order of their deadlines. One that was given up
 * stays in it, since somebody may still resume it; it is freed then, or with the instance.
 */
#ifndef CR_DEFER_H
#define CR_DEFER_H

#include "core.h"

/*
 * The handler returned CHATROOM_OK after chatroom_request_defer(). Cannot fail: it may have handed the request to
 * another thread already, which will resume it. When the body cannot be kept, the request ends with ENOMEM then.
 */
void cr_defer(chatroom_request *request);

/* Tells those whose time is over. True if there were any. */
bool cr_defer_expire(chatroom *c);

/* When the next one is over; CHATROOM_NEVER. */
uint64_t cr_defer_deadline(const chatroom *c);

/* For the end of the instance. */
void cr_defer_free_abandoned(chatroom *c);

#endif
