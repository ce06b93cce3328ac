/*
 * commit.h: what a request asked for becomes true: stored first, seen afterwards.
 *
 * There is one line in which everything takes hold. A request enters it when its writes are done, in the order in which
 * the store did them, and not before the earlier requests of its connection: since the store completes in the order of
 * submission, both orders agree, and entries are announced in the order of their logs. Whoever waits for something else
 * than its writes (a deferred answer, a page of history) is a barrier: no later message of its connection starts before
 * it.
 */
#ifndef CR_COMMIT_H
#define CR_COMMIT_H

#include "core.h"

/*
 * The handler is through. CHATROOM_OK: submits what must be stored, and carries everything out once it is safe, in a
 * later part of the step. Else: drops the effects and tells the client. The request is the commit's from here on.
 */
void cr_commit(chatroom_request *request, int result);

/* The store refused the $disconnect that it is: asks again. True if it was taken, or failed for good. */
bool cr_commit_again(chatroom_request *request);

/* Later messages of its connection wait until this request is through. */
void cr_commit_take_barrier(chatroom_request *request);

/* Carries out what stands in the line. True if there was anything. From the step, never from inside a transport. */
bool cr_commit_settle(chatroom *c);

/* The store is closed, and all that was there has come back: what waits to go there does not. */
void cr_commit_abandon(chatroom *c);

#endif
