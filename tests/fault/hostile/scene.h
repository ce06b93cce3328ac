/*
 * scene.h: what the scenarios of hostile peers share: a server, the ordinary people on it, and how they fare.
 */
#ifndef SCENE_H
#define SCENE_H

#include "crowd.h"
#include "regulars.h"
#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define KIB 1024u
#define MIB (1024u * 1024u)

struct scene {
    struct target target;
    struct regulars *regulars;
    double before; /* their p99 without anybody hostile */
    size_t memory; /* of the server then */
};

/* A server with the memory store, or LMDB; with regulars, who were measured for a while, or without. */
void scene_begin(struct scene *scene, bool memory, const char *const *options, bool regulars);
void scene_end(struct scene *scene);
/* What the server has more than in the beginning; 0 where that says nothing. */
size_t scene_growth(const struct scene *scene);

/* The size of this run: that of ./dev test, or the sheet's. */
size_t size_of(size_t small, size_t whole);

/*
 * A scenario says whether the regulars were well. Where the machine has other things to do that may be chance: it has
 * three tries. Everything else that it finds fails at once.
 */
void try_thrice(bool (*scenario)(void));

/* Lets the crowd work until that is so, or so many seconds (of patience) are over. */
#define CROWD_UNTIL(crowd, condition, seconds)                                           \
    do {                                                                                 \
        uint64_t end_ = now_ns() + (uint64_t)((seconds)*1000) * 1000000ull * patience(); \
        while (!(condition) && now_ns() < end_)                                          \
            crowd_turn(crowd, 5);                                                        \
        if (!(condition))                                                                \
            fail_msg("in vain: %s", #condition);                                         \
    } while (0)

extern const struct CMUnitTest frames_tests[], slow_tests[], many_tests[];
extern const size_t frames_count, slow_count, many_count;

#endif
