/*
 * handler.h: a request that waits for a call.
 */
#ifndef REMOTE_HANDLER_H
#define REMOTE_HANDLER_H

#include "target.h"

/* What came of a call, in the request's memory: the call itself may be gone before the request is resumed. */
struct remote_answer {
    chatroom_request *request;
    chatroom_handler_fn *then;
    struct remote_outcome outcome;
};

/*
 * Begins a call for a request and defers it; then runs with the struct remote_answer when it is resumed. Errors, each
 * logged, and then nothing was begun: those of chatroom_remote_handler().
 */
int remote_begin(chatroom_request *request, const chatroom_remote_target *target, chatroom_handler_fn *then);

#endif
