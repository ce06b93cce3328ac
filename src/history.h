/*
 * history.h: the page of a room's log that a request asked for.
 *
 * It is read once the request's effects have taken hold, and its callback runs in the same line in which everything
 * takes hold. A store answers reads and writes in the order in which they were asked, so what has been announced by
 * then is just what the page was read from: who joined in the same request hears the page first and goes on from there,
 * without a gap.
 */
#ifndef CR_HISTORY_H
#define CR_HISTORY_H

#include "core.h"

/*
 * Asks the store for it: done(ticket) hears of it. false in *ret_waits: there was nothing to ask for. Errors: ENOMEM,
 * or what the store's read() returned.
 */
int cr_history_ask(chatroom_request *request, cr_done_fn *done, bool *ret_waits);

/* Calls back with the page; the result of that, or why there is none. */
int cr_history_give(chatroom_request *request);

/* Whoever joined in this request hears the room from now on. */
void cr_history_seat(chatroom_request *request);

#endif
