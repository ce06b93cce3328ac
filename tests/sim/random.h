/*
 * random.h: numbers from a seed (splitmix64). Each part of a simulation has a source of its own, so that one part can
 * change without giving the others other numbers. No two draws in one expression: compilers differ in their order.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rnd {
    uint64_t state;
};

static inline uint64_t rnd_next(struct rnd *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to count - 1. */
static inline unsigned rnd_below(struct rnd *r, unsigned count)
{
    return (unsigned)(rnd_next(r) >> 33) % count;
}

static inline bool rnd_per_mille(struct rnd *r, unsigned chance)
{
    return rnd_below(r, 1000) < chance;
}

static inline struct rnd rnd_new(uint64_t seed, uint64_t part)
{
    struct rnd r = {seed * 1000003 + part};

    r.state = rnd_next(&r);
    return r;
}

#endif
