/*
 * connection.h: the core's side of a connection, from its opening until its $disconnect is through.
 *
 * It comes into being with cr_connection_new() or, after a crash, with cr_connection_restore(); it is known by its id
 * and can be spoken to once it is admitted; it is gone when its peer is, and over when nothing of it is left to do. It
 * is freed from the instance's ready list alone, so that nobody who holds it is surprised.
 */
#ifndef CR_CONNECTION_H
#define CR_CONNECTION_H

#include "core.h"
#include "record.h"

/* A connection that asks to come in, to that domain and path. NULL: out of memory. */
chatroom_connection *cr_connection_new(chatroom *c, void *peer, const struct cr_session_record *record);

/* A session of a dead process, in the rooms it was in as far as they are there. Errors: ENOMEM. */
int cr_connection_restore(chatroom *c, chatroom_span id, const struct cr_session_record *record);

/* NULL: there is none. */
chatroom_connection *cr_connection_find(const chatroom *c, chatroom_span id);

/*
 * $connect is through, and its request says how it ended: the connection is in, and hears what is said to everyone, or
 * it is over. Tells the transport.
 */
void cr_connection_answer(chatroom_connection *connection, const chatroom_request *request);

/* Asks the transport to close it, once. */
void cr_connection_close(chatroom_connection *connection, uint16_t code, chatroom_span reason);

/* Its peer is not there any more: nothing is sent to it from now on. */
void cr_connection_lose(chatroom_connection *connection);

/* The transport said so: it is gone, and why. */
void cr_connection_end(chatroom_connection *connection, uint16_t code, chatroom_span reason, enum chatroom_cause cause);

/* It has something to do: the step looks at it. */
void cr_connection_mark_ready(chatroom_connection *connection);

/* It has something to do that will not go well at once: the step looks at it after a while. */
void cr_connection_put_off(chatroom_connection *connection);
/* Looks whether the while is over, which it is when the instance stops; and when it will be: CHATROOM_NEVER nothing was
 * put off. */
void cr_connections_resume(chatroom *c);
uint64_t cr_connections_resume_at(const chatroom *c);

/* Leaves every room. */
void cr_connection_leave_all(chatroom_connection *connection);

/* In no list, without requests. */
void cr_connection_free(chatroom_connection *connection);

#endif
