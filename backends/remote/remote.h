/*
 * remote.h: what is behind a chatroom_remote.
 */
#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H

#include "lane.h"
#include "transfer.h"

#include <chatroom/backend/remote.h>

struct chatroom_remote {
    struct chatroom_alloc alloc;
    chatroom_log_fn *log;
    void *log_arg;
    size_t calls;
    size_t waiting;
    size_t response_bytes;
    struct remote_transfer_options transfer;
    char *ca_file;

    CURLM *multi;
    int epoll; /* holds libcurl's sockets */
    struct chatroom_now now;
    uint64_t timer_ns; /* libcurl wants to be called then */
    uint64_t next_ns;  /* the earliest time-out or next try of a call */
    bool global;       /* libcurl is initialised for us */

    struct remote_list fresh, running, resting;
    size_t run;  /* under way */
    size_t held; /* all calls */
    struct remote_lane *lanes;
    struct remote_lane *first; /* that is asked first whether it has a call: each in turn */
    chatroom_remote_target *targets;
};

/*
 * Takes a call over: done() hears of it, in a later step. Errors: EAGAIN too many wait, and the call is still the
 * caller's.
 */
int remote_ask(chatroom_remote *remote, struct remote_call *call);

/* ---- the source (loop.c) ---- */

/* Errors: ESYSTEM, ENOMEM; what was opened is closed by remote_loop_close(). */
int remote_loop_open(chatroom_remote *remote);
uint64_t remote_loop_deadline(const chatroom_remote *remote);
void remote_loop_step(chatroom_remote *remote, struct chatroom_now now);
/* Ends every call without a word. */
void remote_loop_close(chatroom_remote *remote);

extern const struct chatroom_source_ops remote_source_ops;

#endif
