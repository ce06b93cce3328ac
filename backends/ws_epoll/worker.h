/*
 * worker.h: a thread that works a loop, and the owner's view of it.
 *
 * A turn: wait; what the sockets brought; what the owner wants; write; tell the owner.
 */
#ifndef WS_WORKER_H
#define WS_WORKER_H

#include "loop.h"
#include "mailbox.h"

#include <stdatomic.h>

struct ws_threaded;

struct ws_worker {
    struct ws_threaded *transport;
    /* the owner's */
    pthread_t thread;
    bool started;
    size_t remotes;      /* connections that it was given and that have not left */
    struct ws_nodes out; /* to be handed over by the next flush */
    struct ws_node end;
    /* both's */
    struct ws_mailbox in;
    atomic_size_t pending; /* octets and more of what it was handed and has not done and written */
    atomic_size_t unheard; /* the same of messages that it told and the owner has not heard */
    atomic_bool writing;   /* it has output that the kernel did not take */
    /* the thread's */
    struct ws_nodes told; /* to be handed over at the end of the turn */
    bool ended;
    struct ws_loop loop;
};

/* Of transport->count. */
void ws_worker_init(struct ws_worker *worker, struct ws_threaded *transport);
/* Starts the thread, with all signals blocked. Errors: ESYSTEM, with a sentence. */
int ws_worker_start(struct ws_worker *worker, size_t number, struct chatroom_error *error);

/* Hands over what was posted. */
void ws_worker_flush(struct ws_worker *worker);
/* Has it, posted or handed over, things to do or to write? */
bool ws_worker_busy(const struct ws_worker *worker);
/* Has it so much to do that it should get no more? */
bool ws_worker_behind(const struct ws_worker *worker);

/* Waits until it has done all that was posted and has ended its connections. What it told then is in the mailbox. */
void ws_worker_end(struct ws_worker *worker);
/* It has ended, or was not started; no connection of it is named any more. */
void ws_worker_fini(struct ws_worker *worker);

#endif
