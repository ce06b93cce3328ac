/*
 * threaded.h: the transport with threads: the owner's side, and what it shares with the workers (worker.h).
 *
 *     owner    the door, the core's calls             threaded.c, remote.c, spread.c
 *     worker   a loop with its share of connections   worker.c
 *
 * The owner lets connections in and hands each to the worker that has fewest. From then on all of its I/O and parsing
 * happens there. What the core wants done, and what the workers have to tell, are nodes in mailboxes, handed over once
 * a turn; nothing else is shared but a few counters. So each worker does what the core asks in the order of its calls,
 * and the core hears of each connection what happened in the order in which it did.
 *
 * Neither side is let run away from the other. A worker whose messages wait for the owner takes no more input; the
 * owner hears no more while a worker has much to do. A worker waits for nobody, so both end.
 */
#ifndef WS_THREADED_H
#define WS_THREADED_H

#include "door.h"
#include "mailbox.h"
#include "worker.h"

#include <stdatomic.h>

#define WS_WAITING_MOST 1048576 /* octets that wait in a mailbox before the sender is slowed down */

struct ws_threaded {
    struct ws_door door; /* first */
    int epoll;
    int wake_fd;
    struct ws_source wake;
    struct ws_mailbox in;  /* from all workers */
    struct ws_nodes heard; /* taken out of it, and not looked at yet */
    bool clock_set;
    atomic_llong skew_ns;  /* of the owner's clock to the system's: workers go by the owner's */
    atomic_llong wall_ms;  /* what the owner's wall clock shows when its other one is at 0 */
    atomic_bool stopping;  /* then the owner is woken when a worker has nothing to write any more */
    struct ws_idles idles; /* of remotes: whose request was answered last stands last */
    bool closing;          /* the workers have ended; only the ends of connections are told */
    size_t count;
    struct ws_worker *workers;
};

/* Takes over options, which are a copy with threads > 0. Errors: ENOMEM; then nothing was taken. */
int ws_threaded_new(const struct chatroom_ws_epoll_options *options, struct chatroom_transport *ret_transport);

/* Any thread: the owner's step. */
void ws_threaded_wake(const struct ws_threaded *t);

/* CLOCK_MONOTONIC, which the owner's clock need not be. */
uint64_t ws_system_ns(void);

/* For the worker, when it is flushed; charge is not 0. */
void ws_post(struct ws_worker *worker, struct ws_node *node, void (*take)(struct ws_node *node), size_t charge);

#endif
