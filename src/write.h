/*
 * write.h: what a request's effects are to the store: the writes of its ticket.
 */
#ifndef CR_WRITE_H
#define CR_WRITE_H

#include "core.h"

/*
 * Fills in the ticket: rooms and entries in the order of the effects, then the session if it comes, goes or changes. No
 * writes: nothing has to be stored. All bytes are the request's. Errors: CHATROOM_ENOMEM.
 */
int cr_write_collect(chatroom_request *request);

/* Gives its entries their time: now, or that of the newest of their room, so that the order of a log is that of its
 * times. */
void cr_write_stamp(chatroom_request *request);

#endif
