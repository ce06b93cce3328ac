/*
 * remote.h: a connection as the owner of a transport with threads knows it: the core's peer.
 *
 * It comes into being when a connection is let in, and goes round: to the worker, which makes the connection; back,
 * when that has left; and to the worker again, behind everything that names it, to be freed there. Nothing of this, and
 * no end, needs memory that might not be there: the nodes are its members. What does need memory and gets none costs
 * the connection: the core must not believe in one that missed something.
 */
#ifndef WS_REMOTE_H
#define WS_REMOTE_H

#include "threaded.h"

enum ws_remote_state {
    WS_REMOTE_NEW,     /* the core has not been asked */
    WS_REMOTE_OPENING, /* the core has not answered */
    WS_REMOTE_OPEN,
    WS_REMOTE_OVER,    /* closed by the core, or lost; if the core knows it, that it is closed will be told */
    WS_REMOTE_REFUSED, /* by the core, which knows it no more */
};

struct ws_reason {
    size_t size;
    char bytes[];
};

struct ws_remote {
    struct ws_worker *worker;
    struct ws_connection *connection; /* the worker's */
    atomic_size_t in_flight;          /* octets of frames that were sent to it alone, and have not reached its queue */
    atomic_size_t queued;             /* the charge of that, as of its last flush */
    atomic_uint_fast64_t active_ns;   /* when a message came or went, as its worker knows it */
    /* the owner's */
    struct ws_address *address;
    chatroom_connection *core; /* NULL: it does not know it, or not any more */
    uint8_t state;
    bool opening;        /* counted as such at the door */
    bool refused;        /* the same */
    uint8_t loss;        /* of lose */
    bool apart;          /* for the core's plain HTTP alone */
    uint64_t sent_ns;    /* when a message was sent to it alone */
    struct ws_idle idle; /* the owner has answered its request, and has not heard of another */
    struct ws_node yield;
    struct ws_node life;
    struct ws_node lose;
    struct ws_node fence;
    struct ws_node closed;
    union {
        struct { /* until the worker has it */
            int fd;
            struct ws_refusal refusal; /* status 0: it may come in */
        } given;
        struct {                      /* when the worker tells that it is over */
            struct ws_reason *reason; /* NULL: none */
            uint16_t code;
            enum chatroom_party by;
        } end;
    };
};

/* For the door. Takes fd over, and closes it when it returns false: out of memory. */
bool ws_remote_let_in(struct ws_threaded *t, int fd, struct ws_address *address, bool apart, struct ws_refusal refusal);
/* The one that has waited longest for its next request goes, or, if that is on its way, goes when it is answered; it is
 * counted no more at the door. False: none waits. */
bool ws_remote_make_room(struct ws_threaded *t);

/* The core must not believe that it hears everything: the worker ends it. No effect if it is over. */
void ws_remote_lose(struct ws_remote *remote, enum ws_loss loss);

/* The core takes no more: the worker says so. */
void ws_remote_refuse_busy(struct ws_remote *remote);

/* As the ops of those names. */
void ws_remote_accept(struct ws_remote *remote, const struct chatroom_answer *answer);
int ws_remote_send(struct ws_remote *remote, chatroom_frame *frame);
int ws_remote_offer(struct ws_remote *remote, chatroom_frame *frame);
uint64_t ws_remote_active_at(const struct ws_remote *remote);
void ws_remote_close(struct ws_remote *remote, uint16_t code, chatroom_span reason);

/* Nodes of a remote that the owner sends back to the worker. */
void ws_remote_take_fence(struct ws_node *node);
void ws_remote_take_end(struct ws_node *node);

/* Where the loop of a worker tells what happens. */
extern const struct ws_up ws_remote_up;
/* The worker could not even begin with it. */
void ws_remote_tell_left(struct ws_remote *remote);

#endif
