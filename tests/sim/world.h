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
#include "options.h"
#include "random.h"
#include "sim_store.h"
#include "wire.h"

#include <chatroom/chatroom.h>
#include <chatroom/management.h>

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
    uint64_t sent_ms, started_ms, deferred_ms;
    unsigned under_way; /* so many before it had no answer when it was sent */
    bool at_once;       /* nothing stands in its way: it is answered in the same step */
    uint64_t due_ms;    /* when what it was put off for had come; 0: it was not put off, or not resumed */
    size_t at;          /* the next operation to perform */
    unsigned sent_tick;
    bool started;  /* a handler has seen it */
    bool answered; /* "." or a refusal was heard */
    bool refused;
    bool names;       /* it changes the name, if it was not refused */
    bool marked;      /* one of its marks was heard */
    int joins[ROOMS]; /* members that it will add when it takes hold; or take away */
    bool deletes;
    bool paged; /* ends with a page */
    char page;  /* of this room */
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
    bool frozen;                  /* ... and will not any more */
    bool garbage;                 /* sent what no handler sees */
    bool judged, late_judge;      /* its authorizer refused; or took too long */
    uint64_t since_ms;            /* let in */
    size_t handled, too_much;     /* messages that a handler saw; answers that some were not taken */
    struct talk *talk;            /* of the chat: talk.c */
    bool oom;                     /* memory ran out while it had something to do */
    bool may_end;                 /* somebody had a reason to close it */
    char connect_script[SCRIPT_MOST];
    unsigned connect_rooms;   /* a bit for each room that it joined */
    struct message *messages; /* 1 to count */
    size_t count, capacity;
    size_t last_started, last_marked, last_ended;
    struct seat seats[ROOMS];
    unsigned disconnects;   /* $disconnect ran, in this process */
    bool disconnect_failed; /* our handler returned an error */
};

struct deferred {
    chatroom_request *request;
    uint64_t due_ms;
    unsigned serial;
    uint64_t begun_ms;
    size_t message;  /* 0: $connect or $disconnect */
    bool authorizes; /* it is the authorizer */
    bool resumed;
};

struct world {
    uint64_t seed;
    bool trace;
    uint64_t hash;
    struct overrides overrides;
    struct options options;
    struct chatroom_limits limits;
    struct rnd random, heap_random, wire_random, authorizer_random, ids;
    struct chatroom_now now;
    unsigned tick, life;
    bool stops; /* this life, in order */
    bool calm;  /* no faults, nothing new */
    uint64_t calm_since_ms;
    bool woken; /* the host, by the instance */
    struct sim_disk *disk;
    struct heap heap;
    size_t bytes, bytes_most; /* that the instance has; the most since that was set to 0 */
    struct wire *wire;
    struct chatroom_transport_ops wire_ops;
    chatroom *c;
    struct session **sessions;
    size_t session_count, session_capacity;
    struct session *slots[SLOTS];
    struct deferred *deferred;
    size_t deferred_count, deferred_capacity;
    long outstanding;                /* calls of the host whose outcome is to come */
    size_t baseline, baseline_bytes; /* of an instance that has done everything and holds nothing */
    unsigned begun_runs, connects;   /* in this life: calls of "run", of $connect */
    size_t life_sessions;            /* those before it */
    uint64_t life_ms;                /* when it began */
    uint64_t life_epoch;             /* the last room that was made before it */
    unsigned leaves_put_off;         /* rooms, a bit each, which somebody was to leave or delete later, if at all */
    unsigned doubtful;               /* rooms, a bit each, which a client did not get into in this life */
    struct log *logs;                /* by epoch */
    size_t log_count;
    unsigned heard, calls;
    size_t sent_bytes; /* since everything was at rest */
    bool soaks;        /* a day of it: who is there stays */
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
/* F56: so many hours of a world in which all goes well; says what memory it took. 0: no more at the end than before. */
int soak(unsigned hours);
uint64_t world_ms(const struct world *w);
/* The commit from which it was built, if that is known. */
const char *world_commit(void);
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
/* What a session is called by what it was told; its bytes are buffer's. */
chatroom_span session_name(const struct session *s, char buffer[32]);
/* P8: half a minute after the last fault everybody who reads has heard everything. */
void check_heads(struct world *w);
/* After the last life: every connection that was let in was let out once. */
void check_end(struct world *w);
void check_free(struct world *w);
/* P1 and P2: "author,id,payload,time" is safe, and the same for everyone. */
void check_entry(struct world *w, uint64_t epoch, uint64_t seq, const char *room, const char *text);

/* ---- limits.c: what must hold at any time ---- */

/* What rooms are expected to be is what they are, and what those who put off their answers have asked for. */
void check_expected(struct world *w);
/* P5: who takes too long is told so in time. */
void check_deadlines(struct world *w);
/* P4: what is there is within the limits, and memory within what that may take. */
void check_limits(struct world *w);
/* A handler sees a message: not sooner than the rates allow. */
void check_rates(struct world *w, struct session *s);
/* P5: what nothing stands in the way of was answered. */
void check_at_once(struct world *w, const struct session *s);
/* What was counted is what happened. */
void check_counters(struct world *w);

/* ---- talk.c: the chat ---- */

void talk_bind(struct world *w);
/* Whether it waits for no answer; then it waits for that to what makes no sense. */
bool talk_may_ask(struct session *s);
void talk_act(struct world *w, struct session *s);
void talk_hear(struct world *w, struct session *s, const char *text);
/* P3, P8: it has heard all of the room that it is in. */
void talk_check(struct world *w, const struct session *s);
void talk_check_rest(struct world *w);
/* P6: what its session was called when it said that. */
bool talk_was_called(const struct session *s, unsigned said, const char *name, size_t size);
/* It is over. */
void talk_end(struct world *w, const struct session *s);
void talk_free(struct session *s);
/* One that goes into every room and out of it again, so that no room stays. */
void talk_sweep(struct world *w, struct session *s);

#endif
