/*
 * bucket.h: a token bucket in one number (the generic cell rate algorithm of ITU-T I.371): the time at which it is full
 * again.
 */
#ifndef CR_BUCKET_H
#define CR_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Zero is a full bucket. */
struct cr_bucket {
    uint64_t full_at_ns;
};

/* Takes cost tokens if there are as many: burst at most, one more every interval_ns. */
static inline bool cr_bucket_take(struct cr_bucket *bucket, uint64_t now_ns, uint64_t cost, uint64_t interval_ns,
                                  uint64_t burst)
{
    uint64_t full_at = bucket->full_at_ns > now_ns ? bucket->full_at_ns : now_ns;

    full_at += cost * interval_ns;
    if (full_at - now_ns > burst * interval_ns)
        return false;
    bucket->full_at_ns = full_at;
    return true;
}

#endif
