/*
 * everyone.h: all connections that were let in, and how one frame reaches them all. A room without a log, so nobody
 * waits in it.
 */
#ifndef CR_EVERYONE_H
#define CR_EVERYONE_H

#include "core.h"

/* Its peer is there. Errors: what group_new() or group_add() of the transport returned. */
int cr_everyone_enter(chatroom_connection *connection);

/* Its peer is still there. No effect on who did not enter. */
void cr_everyone_leave(chatroom_connection *connection);

void cr_everyone_send(chatroom *c, chatroom_frame *frame);

/* No more calls of the transport; nobody has a peer any more. */
void cr_everyone_leave_transport(chatroom *c);

#endif
