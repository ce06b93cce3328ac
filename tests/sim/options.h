/*
 * options.h: what a seed makes of a world. Each option is a number with a name, which the command line can set
 * (--NAME NUMBER) and a failing seed is made smaller with.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Chances are in 1000: of a tick, a batch, a read. */
#define OPTIONS(X)                                                                       \
    X(ticks)         /* of the safety phase */                                           \
    X(minutes)       /* it goes on until so many have passed as well */                  \
    X(slots)         /* clients at once */                                               \
    X(busy)          /* things that they do in a tick, at most */                        \
    X(operations)    /* in one script, at most */                                        \
    X(calm_every)    /* ticks between two moments of peace */                            \
    X(tick_ms)       /* that a tick takes, at most; few take longer */                   \
    X(chat)          /* the chat's routes instead of scripts */                          \
    X(keep)          /* ... with rooms that stay */                                      \
    X(restless)      /* ... whose members leave or move more often, by so much in 100 */ \
    X(chat_rates)    /* ... and the chat's own rates */                                  \
    X(names)         /* look-alikes are kept apart */                                    \
    X(put_off)       /* of ten scripts so many more are put off in the middle */         \
    X(groups)        /* of the transport */                                              \
    X(authorizer)    /* who comes is judged, and "run" has a time-out of its own */      \
    X(lazy)          /* the host steps only when it must */                              \
    X(die)           /* power cuts */                                                    \
    X(stop)          /* stops */                                                         \
    X(oom)           /* allocations fail */                                              \
    X(wire_faults)   /* so does what the transport needs, per thing that it does */      \
    X(latency_ms)    /* of the store, at most; 0: it completes inside the op */          \
    X(stall)         /* it stands still for 10 s */                                      \
    X(refuse_submit) /* EAGAIN, ENOMEM */                                                \
    X(refuse_read)                                                                       \
    X(batch_fails) /* EIO, nothing of it is there */                                     \
    X(full)        /* ENOSPC */                                                          \
    X(unsure)      /* EUNSURE: it is there or not, and nothing is written any more */    \
    X(read_fails)  /* EIO */                                                             \
    X(corrupt)     /* ECORRUPT after some rows */                                        \
    X(damage)      /* a row is cut off, and the store does not notice */                 \
    X(clock_hours) /* F40: the wall clock jumps an hour, either way */                   \
    X(clock_years) /* F40: ten years */                                                  \
    X(pause)       /* F41: the process stands still for 60 s */                          \
    X(clog)        /* F36: a client stops reading, and goes on after a while */          \
    X(connections)                                                                       \
    X(rooms)                                                                             \
    X(room_members)                                                                      \
    X(session_rooms)                                                                     \
    X(held_messages)                                                                     \
    X(held_bytes)                                                                        \
    X(history_pages)                                                                     \
    X(history_entries)                                                                   \
    X(recent_bytes)                                                                      \
    X(per_second) X(burst) /* of a connection */                                         \
        X(throttle)        /* messages a second of the route */                          \
        X(throttle_burst)

struct options {
#define X(name) unsigned name;
    OPTIONS(X)
#undef X
};

enum {
#define X(name) OPTION_##name,
    OPTIONS(X)
#undef X
        OPTION_COUNT
};

extern const char *const option_names[OPTION_COUNT];

/* What is set whatever the seed says. */
struct overrides {
    bool given[OPTION_COUNT];
    unsigned values[OPTION_COUNT];
};

/* The options of a seed. */
void options_choose(struct options *options, uint64_t seed, const struct overrides *overrides);
unsigned *option_at(struct options *options, size_t which);
/* OPTION_COUNT: there is none of that name. */
size_t option_named(const char *name);
/* Whether it is a fault, or something else that a world does as well without: 0 is less. */
bool option_is_spice(size_t which);

#endif
