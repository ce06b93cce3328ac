/*
 * world.h: a simulated world: one instance after the other on one disk, its clients, and what we know about them.
 *
 * Clients send scripts, which the instance's handlers perform (handler.c): operations of a letter and a room's digit,
 * each answered with a mark, so that the order of what a client hears tells what it is in at every point. What was
 * heard is held against a model of its own (check.c).
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "heap.h"
#include "random.h"
#include "sim_store.h"
#include "wire.h"

#include <chatroom/chatroom.h>

enum {
    SLOTS = 100, /* clients at once, at most */
    ROOMS = 8,   /* "r0" to "r7"; the last is the hall, which is never deleted */
    HALL = ROOMS - 1,
    SCRIPT_MOST = 48,
};

/* What is broken when something is wrong. */
enum promise {
    CONTRACT, /* what a public header says */
    P1,       /* an acknowledgement, and every copy, is of what is safe */
    P2,       /* a log is one gapless rising order, the same for everyone; nothing comes twice */
    P3,       /* nothing is missed in silence */
    P4,       /* memory, and everything that has a limit, is within it at any time */
    P5,       /* who is slow, or a store that is, does not make others wait */
    P6,       /* who somebody is, and where, is what the server knows */
    P7,       /* damage is not served; a store that failed is not written */
    P8,       /* once faults end everybody gets everything soon, and nothing is left over */
};

/* A message that a client sent. */
struct message {
    char script[SCRIPT_MOST];
    size_t at; /* the next operation to perform */
    unsigned sent_tick;
    bool started;  /* a handler has seen it */
    bool answered; /* "." or a refusal was heard */
    bool refused;
    bool names;  /* it changes the name, if it was not refused */
    bool marked; /* one of its marks was heard */
    bool paged;  /* ends with a page */
    char page;   /* of this room */
    char request_id[16];
};

/* What a client knows of a room, from what it has heard. */
struct seat {
    bool in, waits, left; /* left: by its own word */
    uint64_t epoch, next; /* the seq it must hear next; 0: any */
    size_t message;       /* for the page of this one */
    uint64_t since_ms;    /* 0: never in it */
};

/* A connection, from the client's side and from ours. */
struct session {
    unsigned serial, life, slot;
    size_t wire;
    char id[16];
    bool has_id, accepted, ended; /* ended: its end was heard, or its instance is */
    bool slow;                    /* does not read */
    bool oom;                     /* memory ran out while it had something to do */
    bool may_end;                 /* somebody had a reason to close it */
    char connect_script[SCRIPT_MOST];
    unsigned connect_rooms;   /* a bit for each room that it joined */
    struct message *messages; /* 1 to count */
    size_t count, capacity;
    size_t last_started, last_marked;
    struct seat seats[ROOMS];
    unsigned disconnects;   /* $disconnect ran, in this process */
    bool disconnect_failed; /* our handler returned an error */
};

struct deferred {
    chatroom_request *request;
    uint64_t due_ms;
    unsigned serial;
    size_t message;  /* 0: $connect or $disconnect */
    bool authorizes; /* it is the authorizer */
    bool resumed;
};

struct options {
    unsigned slots, busy, ticks;
    unsigned calm_every;     /* ticks between two moments of peace */
    unsigned die, stop, oom; /* chances in 1000 a tick */
    unsigned wire_faults;
    bool groups;
    bool authorizer; /* who comes is judged, and "run" has a time-out of its own */
    struct sim_faults faults;
    struct chatroom_limits limits;
};

struct world {
    uint64_t seed;
    bool trace;
    uint64_t hash;
    struct options options;
    struct rnd random, heap_random, wire_random, authorizer_random, ids;
    struct chatroom_now now;
    unsigned tick, life;
    bool went_back; /* the wall clock */
    bool calm;      /* no faults, nothing new */
    struct sim_disk *disk;
    struct heap heap;
    struct wire *wire;
    chatroom *c;
    struct session **sessions;
    size_t session_count, session_capacity;
    struct session *slots[SLOTS];
    struct deferred *deferred;
    size_t deferred_count, deferred_capacity;
    long outstanding; /* calls of the host whose outcome is to come */
    size_t baseline;  /* blocks of an instance that has done everything and holds nothing */
    struct log *logs; /* by epoch */
    size_t log_count;
    unsigned heard, calls;
};

/* ---- trace.c ---- */

/* Every line counts for the hash of the run. */
void trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says "seed N breaks PROMISE: ..." and ends the process. */
_Noreturn void broken(struct world *w, enum promise promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- world.c ---- */

/* Runs a seed to its end. */
void world_run(struct world *w);
uint64_t world_ms(const struct world *w);
/* The session of a connection id in this life or an earlier one; NULL: unknown. */
struct session *session_by_id(struct world *w, chatroom_span id);
struct session *session_new(struct world *w, unsigned slot);
struct message *message_new(struct world *w, struct session *s);

/* ---- handler.c ---- */

void handlers_bind(struct world *w);
/* Resumes what is due; all: everything. */
void handlers_resume(struct world *w, bool all);
void handlers_forget(struct world *w);

/* ---- client.c ---- */

void clients_act(struct world *w);
void host_acts(struct world *w);

/* ---- check.c ---- */

/* Takes what every client that reads was sent, and holds it against the model. */
void check_heard(struct world *w);
/* Everything has come to rest: what is there must be what everybody believes. */
void check_rest(struct world *w);
/* After the last life: every connection that was let in was let out once. */
void check_end(struct world *w);
void check_free(struct world *w);

#endif
