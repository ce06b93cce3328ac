/*
 * commit.h: what a request asked for becomes true: stored first, seen afterwards, in the order of its connection.
 */
#ifndef CR_COMMIT_H
#define CR_COMMIT_H

#include "core.h"

/*
 * The handler is through. CHATROOM_OK: submits what must be stored, and carries everything out once it is safe, in a
 * later part of the step. Else: drops the effects and tells the client. The request is the commit's from here on.
 */
void cr_commit(chatroom_request *request, int result);

/* Carries out what has become ready. True if there was anything. Owner's thread, from the step, never from inside a
 * transport. */
bool cr_commit_settle(chatroom *c);

/* The connection may have something to do again. */
void cr_mark_ready(chatroom_connection *connection);

/* Text written by write(arg, what, json) into the instance's scratch, which grows as needed. Borrowed until the next
 * one. */
typedef void cr_write_fn(chatroom *c, const void *what, struct chatroom_json *json);
int cr_scratch_write(chatroom *c, cr_write_fn *write, const void *what, chatroom_span *ret_text);

#endif
