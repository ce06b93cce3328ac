/*
 * history.h: the page of a room's log that a request asked for.
 *
 * It is read once the request's effects have taken hold, and shows the room as it is then: what is announced while the
 * store reads is not on the page, but kept for whoever joined in the same request and waits for it, and follows the
 * page without a gap. A store may have read more than that; it is left out here. There is no page of a room that
 * was deleted meanwhile, nor of what was made anew in its place.
 *
 * A page of the newest entries is mostly in memory (recent.h), and then there is nothing to wait for.
 */
#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include "core.h"

/* Looks at the room. True: the page is there, without the store. */
bool cr_history_recall(chatroom_request *request);

/* After that said false: asks the store; done(ticket) hears of it. Errors: what the store's read() returned. */
int cr_history_ask(chatroom_request *request, cr_done_fn *done);

/* Calls back with the page; the result of that, or why there is none. */
int cr_history_give(chatroom_request *request);

/* Whoever joined in this request hears the room from now on. */
void cr_history_seat(chatroom_request *request);

#endif
