/*
 * bucket.h: a token bucket, kept as the time at which it is full again; all zero is a full one.
 */
#ifndef WS_BUCKET_H
#define WS_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Takes one of burst tokens, of which one comes back every every_ns. False: there is none, and nothing was taken. */
static inline bool ws_bucket_take(uint64_t *full_at, uint64_t now, uint64_t every_ns, uint64_t burst)
{
    uint64_t full = *full_at > now ? *full_at : now;

    if (full - now + every_ns > every_ns * burst)
        return false;
    *full_at = full + every_ns;
    return true;
}

#endif
