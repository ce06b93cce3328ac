/*
 * gateway.h: what happens to connections becomes calls of handlers.
 *
 * Messages of a connection are handled one after the other as far as that matters: while a barrier is under way
 * (commit.h) they are held back, up to a limit. When its peer is gone and everything it had sent is through,
 * $disconnect runs.
 */
#ifndef CR_GATEWAY_H
#define CR_GATEWAY_H

#include "core.h"

/* Goes on with every connection that has something to do. True if anything was done. */
bool cr_gateway_run(chatroom *c);

/* Closes every connection with 1001, each when what it had asked for is through. */
void cr_gateway_stop(chatroom *c);

#endif
